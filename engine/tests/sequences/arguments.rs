//! Random arguments of a call, and what the contract makes of them.

use std::collections::HashSet;

use entra_risk_engine::contract::action::{ACTIONS, Action, RateLimit};
use entra_risk_engine::contract::arguments::Options;

use crate::sequences::nanos::{Nanos, from_ms};
use crate::sequences::random::Random;

const GRAPH: &str = "https://graph.microsoft.com";

pub struct Arguments {
    pub action: &'static Action,
    pub ids: Vec<String>,
    pub options: Options,
}

/// What requests must share to count against the same limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(Option<String>, String, bool);

/// The settings of a call, as the contract states them.
pub struct Settings {
    pub action: &'static Action,
    /// Each once, as spelled first.
    pub ids: Vec<String>,
    pub key: Key,
    pub tenant: Option<String>,
    pub audience: String,
    pub endpoint: String,
    pub ids_per_request: usize,
    pub max_in_flight: usize,
    pub max_attempts: u32,
    pub attempt_timeout: Nanos,
    pub deadline: Option<Nanos>,
    pub patience: Nanos,
    pub isolates: bool,
    pub rate_limit: RateLimit,
    /// The window of the documented limit.
    pub documented_window: Nanos,
}

impl Arguments {
    pub fn draw(random: &mut Random) -> Arguments {
        let action = random.pick(&ACTIONS);
        let count = if random.chance(2) { 0 } else { random.log_uniform(300) };
        let range = if random.chance(10) { count.div_ceil(2).max(1) } else { u64::MAX };
        let ids = (0..count).map(|_| id(random, range)).collect();
        let sometimes = |random: &mut Random, max: u64| random.chance(50).then(|| random.log_uniform(max) as u32);
        let options = Options {
            tenant: random.pick(&[None, None, Some("contoso"), Some("fabrikam")]).map(str::to_owned),
            endpoint: random.pick(&[None, None, Some("https://Gateway.example:443")]).map(str::to_owned),
            audience: random.pick(&[None, None, None, Some("https://graph.example")]).map(str::to_owned),
            ids_per_request: sometimes(random, action.max_ids_per_request.into()),
            max_in_flight: sometimes(random, 32),
            max_attempts: sometimes(random, 10),
            attempt_timeout_ms: sometimes(random, 600_000),
            deadline_ms: random.chance(20).then(|| random.log_uniform(10_000_000) as u32),
            // Some calls are more patient than a hold of another call lasts.
            patience_ms: match random.chance(10) {
                true => Some(3_600_000 + random.below(36_000_000) as u32),
                false => sometimes(random, 1_000_000),
            },
            isolate_refused: *random.pick(&[None, Some(false), Some(true)]),
            rate_limit: random.chance(50).then(|| RateLimit {
                requests: random.log_uniform(100) as u32,
                window_ms: random.log_uniform(100_000) as u32,
            }),
            ..Options::default()
        };
        Arguments { action, ids, options }
    }

    pub fn key(&self) -> Key {
        let audience = self.options.audience.as_deref().unwrap_or(GRAPH).to_owned();
        Key(self.options.tenant.clone(), audience, !self.action.name.contains("sign-ins"))
    }

    /// The settings of a call that begins at `now`.
    pub fn settings(&self, now: Nanos) -> Settings {
        let options = &self.options;
        let mut seen = HashSet::new();
        let distinct = self.ids.iter().filter(|id| seen.insert(id.to_ascii_lowercase()));
        let key = self.key();
        let default_limit = match key.2 {
            true => RateLimit { requests: 1, window_ms: 1_000 },
            false => RateLimit { requests: 5, window_ms: 10_000 },
        };
        let rate_limit = options.rate_limit.unwrap_or(default_limit);
        let documented_window = from_ms(default_limit.window_ms);
        let patience = from_ms(options.patience_ms.unwrap_or(180_000));
        Settings {
            action: self.action,
            ids: distinct.cloned().collect(),
            tenant: options.tenant.clone(),
            audience: key.1.clone(),
            key,
            endpoint: if options.endpoint.is_some() { "https://gateway.example" } else { GRAPH }.to_owned(),
            ids_per_request: options.ids_per_request.unwrap_or(60) as usize,
            max_in_flight: options.max_in_flight.unwrap_or(4) as usize,
            max_attempts: options.max_attempts.unwrap_or(4),
            attempt_timeout: from_ms(options.attempt_timeout_ms.unwrap_or(30_000)),
            deadline: options.deadline_ms.map(|ms| now + from_ms(ms)),
            patience: patience.max(2 * from_ms(rate_limit.window_ms)),
            isolates: options.isolate_refused.unwrap_or(true),
            rate_limit,
            documented_window,
        }
    }
}

fn id(random: &mut Random, range: u64) -> String {
    let number = random.below(range);
    let id = format!("{:08x}-0000-4000-8000-{:012x}", number & 0xffff_ffff, number >> 32);
    if random.chance(20) { id.to_ascii_uppercase() } else { id }
}
