//! The plan of a run of many instances that take turns: each with a host of its own, all before one
//! service and one key-value store.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use host_test::bindings::actions::{Options, RateLimit};
use host_test::keyvalue::Settings as StoreSettings;
use host_test::plugin::Action;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use crate::call_plan::{Call, is_on_sign_ins};
use crate::caller::{Caller, Form, Stop, Waits};
use crate::plan::{Plan, TokenProvider};
use crate::random::guid;

/// The plan of a run with many instances.
#[derive(Debug, Clone)]
pub struct InstancesPlan {
    /// Everything is drawn from this.
    pub seed: u64,
    /// The instances. All have the same service, and ids of their own.
    pub instances: Vec<Instance>,
    /// The store that they share.
    pub store: StoreSettings,
}

/// One of the instances.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Its calls, its token provider, and the service.
    pub plan: Plan,
    /// How far its clock is ahead.
    pub skew: Duration,
}

impl InstancesPlan {
    /// Draws a run of 1 to 50 instances.
    pub fn draw(seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed);
        let service = Plan::draw(seed);
        let count = *[1, 2, 3, 5, 10, 20, 50].choose(rng).unwrap_or(&1);
        let users: bool = rng.random();
        let rate_limit = rng
            .random_ratio(1, 4)
            .then(|| RateLimit { requests: rng.random_range(1..=6), window_ms: rng.random_range(500..=5_000) });
        let all_begin_together = rng.random();
        let instances = (0..count).map(|_| {
            let mut plan = Plan { seed: rng.random(), calls: Vec::new(), overlaps: false, ..service.clone() };
            for number in 0..*[1, 1, 2].choose(rng).unwrap_or(&1) {
                let begins_first = all_begin_together && number == 0;
                let pause = Duration::from_millis(if begins_first { 0 } else { rng.random_range(1..60_000) });
                let of_queue = |action: &&Action| is_on_sign_ins(**action) != users;
                let actions: Vec<Action> = Action::ALL.iter().filter(of_queue).copied().collect();
                let action = *actions.choose(rng).unwrap_or(&Action::DismissRiskyUsers);
                let ids = (0..rng.random_range(1..=4)).map(|_| guid(rng).to_string()).collect();
                let options = Options {
                    ids_per_request: Some(rng.random_range(1..=3)),
                    deadline_ms: rng.random_ratio(1, 6).then(|| rng.random_range(1_000..=60_000)),
                    patience_ms: rng.random_ratio(1, 6).then(|| rng.random_range(1_000..=60_000)),
                    rate_limit,
                    ..Options::default()
                };
                let form = draw_form(rng, action);
                plan.calls.push(Call { pause, action, ids, options, form });
            }
            Instance { plan, skew: Duration::from_millis(rng.random_range(0..=50)) }
        });
        let mut plan = InstancesPlan { seed, instances: instances.collect(), store: calm_store(seed) };
        if rng.random_ratio(1, 4) {
            let from = Duration::from_millis(rng.random_range(0..30_000));
            plan.store.outages.push((from, from + Duration::from_millis(rng.random_range(1..=60_000))));
        }
        plan.store.compares_and_swaps = rng.random_ratio(1, 3);
        if rng.random_ratio(1, 8) {
            plan.store.latency = Duration::ZERO..=Duration::from_millis(rng.random_range(50..=5_000));
        }
        if rng.random_ratio(1, 8) {
            plan.store.lost_responses = rng.random_range(0.0..0.5);
        }
        if rng.random_ratio(1, 8) {
            plan.store.deletions = (0..3).map(|_| Duration::from_millis(rng.random_range(0..60_000))).collect();
        }
        let all: Vec<Uuid> = plan.ids().filter_map(|id| id.parse().ok()).collect();
        let absent: BTreeSet<Uuid> = all.into_iter().filter(|_| rng.random_ratio(1, 20)).collect();
        // Requests arrive as they were sent, so that what an instance does wrong cannot be the
        // network's fault.
        let sends_retry_after: bool = rng.random();
        for Instance { plan, .. } in &mut plan.instances {
            plan.graph.absent.clone_from(&absent);
            plan.graph.early = 0.0;
            plan.graph.users.sends_retry_after |= sends_retry_after;
        }
        plan
    }

    /// Many instances that begin simultaneously, with 60 users each and nothing but the limit,
    /// jitter of the network, and clocks that differ.
    pub fn simultaneous(instances: u64, jitter: graph_model::Network, seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed);
        let instances = (0..instances).map(|_| {
            let ids = (0..60).map(|_| guid(rng).to_string()).collect();
            let call = Call {
                pause: Duration::ZERO,
                action: Action::DismissRiskyUsers,
                ids,
                options: Options::default(),
                form: Form::Function,
            };
            let graph = graph_model::Settings {
                token: Some(host_test::plugin::CANARY.into()),
                network: jitter,
                seed,
                ..graph_model::Settings::default()
            };
            let plan = Plan {
                seed: rng.random(),
                graph,
                tokens: TokenProvider::default(),
                calls: vec![call],
                overlaps: false,
            };
            Instance { plan, skew: Duration::from_millis(rng.random_range(0..=50)) }
        });
        InstancesPlan { seed, instances: instances.collect(), store: calm_store(seed) }
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &String> {
        self.instances.iter().flat_map(|instance| &instance.plan.calls).flat_map(|call| &call.ids)
    }

    /// The longest time for which a call may wait for turns: each request of each instance takes
    /// some of them, and some are lost.
    pub(crate) fn longest_queue(&self) -> Duration {
        let requests = self.ids().count() as u32 * 8 + 20;
        let spacing = self
            .instances
            .iter()
            .flat_map(|instance| &instance.plan.calls)
            .map(|call| call.window() * 2 / call.rate_limit().requests);
        // And everyone may be held, for less than the patience each time.
        spacing.max().unwrap_or_default() * requests + Duration::from_secs(600)
    }
}

/// Draws a host that takes no time between two `next`, because a turn that comes then is lost.
fn draw_form(rng: &mut StdRng, action: Action) -> Form {
    if Action::FUNCTIONS.contains(&action) && rng.random() {
        return Form::Function;
    }
    let waits = *[Waits::Endless, Waits::Short, Waits::Long].choose(rng).unwrap_or(&Waits::Endless);
    let stop = Stop {
        after: Duration::from_millis(rng.random_range(1..60_000)),
        grace_ms: Some(rng.random_range(0..20_000)),
        in_token_request: false,
    };
    let stops = if rng.random_ratio(1, 10) { vec![stop] } else { Vec::new() };
    Form::Call(Caller { waits, stops, ..Caller::default() })
}

/// A store that does not fail.
fn calm_store(seed: u64) -> StoreSettings {
    StoreSettings {
        latency: STORE_LATENCY,
        conflicts: 0.1,
        compares_and_swaps: false,
        outages: Vec::new(),
        lost_responses: 0.0,
        deletions: Vec::new(),
        seed,
    }
}

/// The time of an operation on a store that is not slow.
pub(crate) const STORE_LATENCY: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_millis(50);
