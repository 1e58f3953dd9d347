//! The plan of a run, drawn from a seed: the calls of the plugin and the behavior of the service.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use graph_model::{Limit, Settings};
use host_test::bindings::actions::{Options, Pace};
use host_test::plugin::{Action, CANARY};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use uuid::{Builder, Uuid};

/// The plan of one run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Everything is drawn from this, including the plugin's random numbers.
    pub seed: u64,
    /// The service.
    pub graph: Settings,
    /// The calls of one instance, one after the other.
    pub calls: Vec<Call>,
    /// The share of token requests that fail.
    pub token_failures: f64,
    /// Whether the host attaches the token, so that the plugin has none.
    pub attached: bool,
}

/// One call of the plugin.
#[derive(Debug, Clone)]
pub struct Call {
    /// The time since the previous call.
    pub pause: Duration,
    /// The action.
    pub action: Action,
    /// The ids.
    pub ids: Vec<String>,
    /// The options.
    pub options: Options,
}

impl Plan {
    /// Draws a run.
    pub fn draw(seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed);
        let population: Vec<Uuid> = (0..rng.random_range(1..=400)).map(|_| guid(rng)).collect();
        let calls = (0..*[1, 1, 1, 2, 3].choose(rng).unwrap_or(&1)).map(|_| Call::draw(rng, &population)).collect();
        let absent = match rng.random_ratio(1, 5) {
            true => population.iter().filter(|_| rng.random_ratio(1, 30)).copied().collect(),
            false => BTreeSet::new(),
        };
        let slow = millis(rng, 1..=20_000);
        let latency = if rng.random() { slow..=slow } else { slow.min(Duration::from_millis(50))..=slow };
        let faults = *[0.0, 0.05, 0.2, 0.5, 0.9].choose(rng).unwrap_or(&0.0);
        // Another app in the same tenant uses up a part of the documented limit.
        let (users, sign_ins) = match rng.random_ratio(1, 5) {
            true => (
                Limit { window: Duration::from_millis(2_500), ..Limit::USERS },
                Limit { requests: 2, ..Limit::SIGN_INS },
            ),
            false => (Limit::USERS, Limit::SIGN_INS),
        };
        let attached = rng.random_ratio(1, 10);
        let token = (!attached).then(|| CANARY.into());
        let token_failures = if rng.random_ratio(1, 20) { 0.05 } else { 0.0 };
        let graph = Settings { token, users, sign_ins, latency, faults, absent, seed, ..Settings::default() };
        Plan { seed, graph, calls, token_failures, attached }
    }
}

impl Call {
    fn draw(rng: &mut StdRng, population: &[Uuid]) -> Self {
        let action = *Action::ALL.choose(rng).unwrap_or(&Action::DismissRiskyUsers);
        let mut ids: Vec<String> = population.iter().filter(|_| rng.random_ratio(9, 10)).map(Uuid::to_string).collect();
        ids.push(population[0].to_string());
        if rng.random_ratio(1, 3) {
            let again: Vec<_> = ids.iter().filter(|_| rng.random_ratio(1, 10)).cloned().collect();
            again.into_iter().for_each(|id| ids.insert(rng.random_range(0..=ids.len()), id));
        }
        for id in ids.iter_mut().filter(|_| rng.random_ratio(1, 4)) {
            *id = id.to_uppercase();
        }
        let mut sometimes = |range: RangeInclusive<u32>| rng.random::<bool>().then(|| log_uniform(rng, range));
        // With fewer, most of the run would be waiting for the rate limit.
        let min = (ids.len() / 30).clamp(1, 60) as u32;
        let max = if action == Action::DismissRiskyUsers { 60 } else { 400 };
        let options = Options {
            ids_per_request: sometimes(min..=max),
            max_in_flight: sometimes(1..=32),
            max_attempts: sometimes(1..=10),
            attempt_timeout_ms: sometimes(1..=600_000),
            deadline_ms: sometimes(1..=3_600_000),
            pace: sometimes(1..=20_000).map(|window_ms| Pace { requests: log_uniform(rng, 1..=12), window_ms }),
            ..Options::default()
        };
        Call { pause: millis(rng, 1..=30_000), action, ids, options }
    }

    /// The ids that the plugin must report: each once, as spelled at its first position.
    pub fn distinct(&self) -> Vec<&String> {
        let mut seen = BTreeSet::new();
        self.ids.iter().filter(|id| seen.insert(id.to_lowercase())).collect()
    }

    /// The rate limit of the call: the option, or the documented limit.
    pub fn rate_limit(&self) -> Pace {
        self.options.pace.unwrap_or(match self.action {
            Action::DismissRiskyUsers => Pace { requests: 1, window_ms: 1_000 },
            _ => Pace { requests: 5, window_ms: 10_000 },
        })
    }
}

fn guid(rng: &mut StdRng) -> Uuid {
    Builder::from_random_bytes(rng.random()).into_uuid()
}

/// A number whose order of magnitude is uniformly distributed.
fn log_uniform(rng: &mut StdRng, range: RangeInclusive<u32>) -> u32 {
    let (low, high) = (f64::from(*range.start()).ln(), f64::from(*range.end()).ln());
    (rng.random_range(low..=high).exp().round() as u32).clamp(*range.start(), *range.end())
}

fn millis(rng: &mut StdRng, range: RangeInclusive<u32>) -> Duration {
    Duration::from_millis(log_uniform(rng, range).into())
}
