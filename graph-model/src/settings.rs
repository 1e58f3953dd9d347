//! The settings of a model of Microsoft Graph.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::{Collection, Entry, Fault, Limit, Naming, Network, OtherClients, Outage};

/// How a [`Graph`](crate::Graph) behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Tokens that begin with this are valid. `None` if something before the service attaches the
    /// token.
    pub token: Option<String>,
    /// What a token contains if it may read. `None`: every valid token may.
    pub read_permission: Option<String>,
    /// What a token contains if it may perform actions. `None`: every valid token may.
    pub write_permission: Option<String>,
    /// The limit of the risky users, which service principals and agents share.
    pub users: Limit,
    /// The limit of the sign-ins.
    pub sign_ins: Limit,
    /// Other clients of the tenant.
    pub others: OtherClients,
    /// The way of the requests to the service.
    pub network: Network,
    /// Faults of every request for some time.
    pub outages: Vec<Outage>,
    /// Time from the arrival of a request to its response, in whole milliseconds, drawn from this
    /// range.
    pub latency: RangeInclusive<Duration>,
    /// The share of requests that suffer a fault, 0 to 1.
    pub faults: f64,
    /// The share of requests that are answered 204 before the end of their body, and not applied, 0
    /// to 1.
    pub early: f64,
    /// Ids that the tenant does not have: a request with one of them is refused.
    pub absent: BTreeSet<Uuid>,
    /// Which ids the message of such a refusal names.
    pub naming: Naming,
    /// Faults that belong to an id: each request that carries it suffers the fault, unless it
    /// suffers another one.
    pub id_faults: BTreeMap<Uuid, Fault>,
    /// Whether an action that was applied to an id is refused from then on: the id is no longer at
    /// risk.
    pub refuses_applied: bool,
    /// What is at risk. An action on an id that is not listed here is accepted as well.
    pub entries: BTreeMap<Collection, Vec<Entry>>,
    /// Whether a page begins after as many entries that pass the filter as were read before, so
    /// that an entry that changes moves those behind it, and a list may miss one or contain it
    /// twice. Else each entry keeps its place.
    pub pages_shift: bool,
    /// Empty pages before each page of a list.
    pub empty_pages: usize,
    /// Where the links to next pages lead, such as `https://graph.microsoft.com`. `None`: where the
    /// request went.
    pub link_root: Option<String>,
    /// The seed of everything that is drawn.
    pub seed: u64,
    /// The date at the service's start.
    pub epoch: SystemTime,
}

impl Default for Settings {
    /// Responds in 200 ms with the documented limits, without faults.
    fn default() -> Self {
        Settings {
            token: Some(String::new()),
            read_permission: None,
            write_permission: None,
            users: Limit::USERS,
            sign_ins: Limit::SIGN_INS,
            others: OtherClients::default(),
            network: Network::default(),
            outages: Vec::new(),
            latency: Duration::from_millis(200)..=Duration::from_millis(200),
            faults: 0.0,
            early: 0.0,
            absent: BTreeSet::new(),
            naming: Naming::default(),
            id_faults: BTreeMap::new(),
            refuses_applied: false,
            entries: BTreeMap::new(),
            pages_shift: false,
            empty_pages: 0,
            link_root: None,
            seed: 0,
            epoch: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        }
    }
}
