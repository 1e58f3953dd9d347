//! What the service knows and counts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use uuid::Uuid;

use crate::directory::Directory;
use crate::limit::Counter;
use crate::tokens::Tokens;
use crate::{Arrival, Fault, Rest, Settings};

/// What a service knows and counts.
pub(crate) struct State {
    pub(crate) rng: StdRng,
    pub(crate) planned: VecDeque<Option<Fault>>,
    pub(crate) users: Counter,
    pub(crate) sign_ins: Counter,
    /// When the requests on their way were sent, by `client-request-id`.
    pub(crate) sent: BTreeMap<String, Duration>,
    pub(crate) last_sent: Option<Duration>,
    /// The requests that are answered before the end of their body, by `client-request-id`.
    pub(crate) early: BTreeMap<String, Rest>,
    pub(crate) tokens: Tokens,
    /// The actions that were applied, by their index, and the ids.
    pub(crate) applied: BTreeSet<(usize, Uuid)>,
    pub(crate) directory: Directory,
    pub(crate) arrivals: Vec<Arrival>,
}

impl State {
    /// What a service with these settings knows before its first request.
    pub(crate) fn new(settings: &Settings) -> State {
        State {
            rng: StdRng::seed_from_u64(settings.seed),
            planned: VecDeque::new(),
            users: Counter::new(settings.users, settings.others),
            sign_ins: Counter::new(settings.sign_ins, settings.others),
            sent: BTreeMap::new(),
            last_sent: None,
            early: BTreeMap::new(),
            tokens: Tokens::default(),
            applied: BTreeSet::new(),
            directory: Directory::new(settings.entries.clone(), settings.seed, settings.epoch),
            arrivals: Vec::new(),
        }
    }
}
