//! The plan of a run, drawn from a seed: the calls of the plugin, the service and the way to it,
//! and the token provider.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use graph_model::{Algorithm, Delay, Fault, FaultKind, Limit, Naming, Network, OtherClients, Outage, Settings};
use host_test::plugin::CANARY;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use crate::call_plan::Call;
use crate::caller::{Caller, Form};
use crate::random::{guid, log_uniform, millis};

/// The plan of one run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Everything is drawn from this, including the plugin's random numbers.
    pub seed: u64,
    /// The service.
    pub graph: Settings,
    /// The token provider.
    pub tokens: TokenProvider,
    /// The calls of one instance.
    pub calls: Vec<Call>,
    /// A call may begin before the one before it has ended. Then each has ids of its own.
    pub overlaps: bool,
}

/// How the token provider responds.
#[derive(Debug, Clone, Default)]
pub struct TokenProvider {
    /// The host attaches the token, so that the plugin has none.
    pub is_attached: bool,
    /// The time until each response.
    pub latency: Duration,
    /// The share of requests that are answered `unavailable`.
    pub unavailable: f64,
    /// A time in which all are.
    pub outage: Option<(Duration, Duration)>,
    /// The share of requests that end the call.
    pub ends: f64,
}

impl Plan {
    /// Draws a run.
    pub fn draw(seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed);
        let population: Vec<Uuid> = (0..log_uniform(rng, 1..=400)).map(|_| guid(rng)).collect();
        let tenants = rng.random_ratio(1, 4);
        let count = *[1, 1, 1, 2, 3, 4].choose(rng).unwrap_or(&1);
        let overlaps = count > 1 && rng.random();
        let calls = (0..count).map(|number| {
            let of_its_own = |(at, _): &(usize, &Uuid)| !overlaps || at % count == number;
            let ids: Vec<Uuid> = population.iter().enumerate().filter(of_its_own).map(|(_, id)| *id).collect();
            Call::draw(rng, &ids, tenants)
        });
        let mut calls: Vec<Call> = calls.collect();
        let is_calm = rng.random_ratio(1, 4);
        let mut graph = Settings { absent: absent(rng, &population), seed, ..draw_limits(rng) };
        let namings =
            [Naming::First, Naming::First, Naming::All, Naming::None, Naming::None, Naming::Wrong, Naming::Echo];
        graph.naming = *namings.choose(rng).unwrap_or(&Naming::None);
        let slow = millis(rng, 1..=20_000);
        graph.latency = if rng.random() { slow..=slow } else { slow.min(Duration::from_millis(50))..=slow };
        let mut tokens = TokenProvider { is_attached: rng.random_ratio(1, 10), ..TokenProvider::default() };
        if rng.random_ratio(1, 3) {
            tokens.latency = millis(rng, 1..=5_000);
        }
        if !is_calm {
            draw_troubles(rng, &mut graph, &mut tokens);
            if rng.random_ratio(1, 4) {
                graph.id_faults = id_faults(rng, &population);
            }
            // Such bodies are taken a byte at a time, so they must be short.
            if population.len() <= MAX_EARLY_IDS && rng.random_ratio(1, 4) {
                graph.early = rng.random_range(0.05..=0.5);
                // A body that is taken a byte at a time is written while the host waits.
                calls.iter_mut().for_each(Call::wait_for_each_next);
            }
        }
        graph.token = (!tokens.is_attached).then(|| CANARY.into());
        Plan { seed, graph, tokens, calls, overlaps }
    }

    /// The same plan, with a call in place of each function; none if it has something else than one
    /// function after the other.
    pub(crate) fn as_calls(&self) -> Option<Plan> {
        if self.overlaps {
            return None;
        }
        let mut plan = self.clone();
        for call in &mut plan.calls {
            match call.form {
                Form::Function => call.form = Form::Call(Caller::default()),
                Form::Call(_) => return None,
            }
        }
        Some(plan)
    }

    /// Whether nothing but bad ids and a limit can fail a request.
    pub fn is_calm(&self) -> bool {
        let graph = &self.graph;
        let service = graph.id_faults.is_empty()
            && graph.faults == 0.0
            && graph.early == 0.0
            && graph.outages.is_empty()
            && !graph.refuses_applied;
        let tokens = self.tokens.unavailable == 0.0 && self.tokens.outage.is_none() && self.tokens.ends == 0.0;
        service && tokens && graph.network.is_exact() && graph.others == OtherClients::default()
    }
}

/// Maximum ids in a run with responses before the end of a body.
const MAX_EARLY_IDS: usize = 12;

/// Limits as documented, or lower.
pub(crate) fn draw_limits(rng: &mut StdRng) -> Settings {
    let algorithms =
        [Algorithm::SlidingWindow, Algorithm::SlidingWindow, Algorithm::FixedWindow, Algorithm::TokenBucket];
    let algorithm = *algorithms.choose(rng).unwrap_or(&Algorithm::SlidingWindow);
    let counts_refused = rng.random();
    let mut limit = |documented: Limit| Limit {
        algorithm,
        counts_refused,
        sends_retry_after: if rng.random_ratio(1, 4) { rng.random() } else { documented.sends_retry_after },
        ..documented
    };
    let (mut users, mut sign_ins) = (limit(Limit::USERS), limit(Limit::SIGN_INS));
    if rng.random_ratio(1, 5) {
        users.window = Duration::from_millis(2_500);
        sign_ins.requests = 2;
    }
    Settings { users, sign_ins, ..Settings::default() }
}

/// Faults, outages, delays, other clients and an unreliable token provider, each in some runs.
pub(crate) fn draw_troubles(rng: &mut StdRng, graph: &mut Settings, tokens: &mut TokenProvider) {
    graph.faults = *[0.0, 0.02, 0.05, 0.2, 0.5, 0.9].choose(rng).unwrap_or(&0.0);
    graph.refuses_applied = rng.random_ratio(1, 5);
    if rng.random_ratio(1, 3) {
        graph.outages = (0..rng.random_range(1..=2)).map(|_| Outage::draw(rng)).collect();
    }
    if rng.random() {
        let median = millis(rng, 1..=300);
        let delay = match rng.random() {
            true => Delay::Uniform(median.min(Duration::from_millis(50))),
            false => Delay::LogNormal { median, sigma: rng.random_range(0.2..=1.2) },
        };
        graph.network = Network { delay, connection: if rng.random() { millis(rng, 1..=500) } else { Duration::ZERO } };
    }
    match rng.random_range(0..6) {
        0 => graph.others.refused = rng.random_range(0.05..=0.8),
        1 => {
            // Of the limit with one request in a window: up to four fifths of it.
            graph.others.requests_per_window = rng.random_range(0.05..=0.8);
        }
        _ => {}
    }
    if rng.random_ratio(1, 6) {
        tokens.unavailable = rng.random_range(0.02..=0.5);
    }
    if rng.random_ratio(1, 8) {
        let from = Duration::from_millis(rng.random_range(0..120_000));
        tokens.outage = Some((from, from + millis(rng, 1..=600_000)));
    }
    if rng.random_ratio(1, 20) {
        tokens.ends = 0.05;
    }
}

/// Ids that the tenant does not have: none, some, in a cluster, or all.
fn absent(rng: &mut StdRng, population: &[Uuid]) -> BTreeSet<Uuid> {
    match rng.random_range(0..10) {
        0..5 => BTreeSet::new(),
        5 => population.iter().copied().collect(),
        6 => {
            let from = rng.random_range(0..population.len());
            let count = rng.random_range(1..=population.len());
            population.iter().skip(from).take(count).copied().collect()
        }
        _ => {
            let share = f64::from(log_uniform(rng, 1..=1_000)) / 1_000.0;
            population.iter().filter(|_| rng.random_bool(share)).copied().collect()
        }
    }
}

/// Some ids on which the service always fails, or never responds.
fn id_faults(rng: &mut StdRng, population: &[Uuid]) -> BTreeMap<Uuid, Fault> {
    let kinds =
        [FaultKind::ServerError, FaultKind::ServerError, FaultKind::GatewayPage, FaultKind::Silence, FaultKind::Reset];
    let count = rng.random_range(1..=3);
    let ids: Vec<Uuid> = population.sample(rng, count).copied().collect();
    ids.into_iter().map(|id| (id, Fault::of(*kinds.choose(rng).unwrap_or(&FaultKind::Silence)))).collect()
}
