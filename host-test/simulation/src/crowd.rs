//! A seeded run of many instances that take turns: each with a host of its own, all before one
//! service and one key-value store.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use graph_model::{Arrival, Graph};
use host_test::bindings::actions::{Options, RateLimit};
use host_test::clock::{WallClock, virtual_time};
use host_test::component::PluginComponent;
use host_test::host::Outbound;
use host_test::keyvalue::{KeyValue, Settings as StoreSettings, StoreClient};
use host_test::plugin::{Action, Plugin};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;
use uuid::{Builder, Uuid};
use wasmtime::Config;
use wasmtime_wasi::WasiCtx;

use crate::caller::{Caller, Form, Stop, Waits};
use crate::check::check_crowd;
use crate::host::{Host, Played};
use crate::plan::is_on_sign_ins;
use crate::runaway_guard::RunawayGuard;
use crate::token_log::TokenLog;
use crate::{Call, CallRecord, Plan, TokenAnswer, TokenRecord, Violation};

/// The plan of a run with many instances.
#[derive(Debug, Clone)]
pub struct CrowdPlan {
    /// Everything is drawn from this.
    pub seed: u64,
    /// The instances. All have the same service, and ids of their own.
    pub instances: Vec<Instance>,
    /// The store that they share.
    pub store: StoreSettings,
}

/// One instance of a crowd.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Its calls, its token provider, and the service.
    pub plan: Plan,
    /// How far its clock is ahead.
    pub skew: Duration,
}

/// A run of many instances and the invariants that it violated.
#[derive(Debug)]
pub struct CrowdRun {
    /// What was planned.
    pub plan: CrowdPlan,
    /// What happened, call by call, for each instance.
    pub calls: Vec<Vec<CallRecord>>,
    /// Operations of the store.
    pub store_operations: u64,
    /// The keys that are left in the store.
    pub keys: Vec<String>,
    /// The violated invariants.
    pub violations: Vec<Violation>,
}

impl CrowdPlan {
    /// Draws a run of 1 to 50 instances.
    pub fn draw(seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed);
        let service = Plan::draw(seed);
        let count = *[1, 2, 3, 5, 10, 20, 50].choose(rng).unwrap_or(&1);
        let users: bool = rng.random();
        let rate_limit = rng
            .random_ratio(1, 4)
            .then(|| RateLimit { requests: rng.random_range(1..=6), window_ms: rng.random_range(500..=5_000) });
        let all_at_once = rng.random();
        let instances = (0..count).map(|_| {
            let mut plan = Plan { seed: rng.random(), calls: Vec::new(), overlaps: false, ..service.clone() };
            for number in 0..*[1, 1, 2].choose(rng).unwrap_or(&1) {
                let is_at_once = all_at_once && number == 0;
                let pause = Duration::from_millis(if is_at_once { 0 } else { rng.random_range(1..60_000) });
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
        let mut plan = CrowdPlan { seed, instances: instances.collect(), store: calm_store(seed) };
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

    /// Many instances that begin at once, with 60 users each and nothing but the limit, jitter of
    /// the network, and clocks that differ.
    pub fn at_once(instances: u64, jitter: graph_model::Network, seed: u64) -> Self {
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
                tokens: crate::TokenProvider::default(),
                calls: vec![call],
                overlaps: false,
            };
            Instance { plan, skew: Duration::from_millis(rng.random_range(0..=50)) }
        });
        CrowdPlan { seed, instances: instances.collect(), store: calm_store(seed) }
    }

    fn ids(&self) -> impl Iterator<Item = &String> {
        self.instances.iter().flat_map(|instance| &instance.plan.calls).flat_map(|call| &call.ids)
    }

    /// The longest time for which a call may wait for turns: each request of each instance takes
    /// some, and some are lost.
    fn longest_queue(&self) -> Duration {
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

/// The plugin with `keyvalue-turns`, as users get it.
///
/// # Errors
/// If it cannot be composed or compiled.
pub fn plugin_with_turns() -> wasmtime::Result<PluginComponent> {
    let product = packaging::PRODUCTS.iter().find(|product| product.name == "entra-risk-keyvalue");
    let bytes = product
        .map(|product| product.make())
        .transpose()
        .map_err(|error| wasmtime::Error::msg(format!("{error:?}")))?;
    PluginComponent::from_binary_with_store(&bytes.unwrap_or_default(), &Config::new())
}

impl CrowdRun {
    /// Plays the run of a seed.
    ///
    /// # Errors
    /// If the plugin cannot be instantiated.
    pub fn play(plugin: &PluginComponent, seed: u64) -> wasmtime::Result<CrowdRun> {
        let mut run = CrowdRun::record(plugin, CrowdPlan::draw(seed))?;
        run.violations = check_crowd(&run);
        Ok(run)
    }

    /// Plays any plan, without checks. `plugin` is the plugin with `keyvalue-turns`, or the plugin
    /// without turns.
    ///
    /// # Errors
    /// If the plugin cannot be instantiated.
    pub fn record(plugin: &PluginComponent, plan: CrowdPlan) -> wasmtime::Result<CrowdRun> {
        virtual_time(LocalSet::new().run_until(call_at_once(plugin, plan)))
    }

    /// All requests, in the order they were sent.
    pub fn arrivals(&self) -> Vec<&Arrival> {
        let mut arrivals: Vec<&Arrival> = self.calls.iter().flatten().flat_map(|call| &call.arrivals).collect();
        arrivals.sort_by_key(|arrival| arrival.sent);
        arrivals
    }
}

impl fmt::Display for CrowdRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {} instances", self.plan.seed, self.plan.instances.len())?;
        writeln!(f, "{:?}", self.plan.store)?;
        for (instance, calls) in self.plan.instances.iter().zip(&self.calls) {
            writeln!(f, "\nclock {:?} ahead", instance.skew)?;
            calls.iter().try_for_each(|call| write!(f, "{call}"))?;
        }
        self.violations.iter().try_for_each(|violation| writeln!(f, "VIOLATION {violation}"))
    }
}

async fn call_at_once(plugin: &PluginComponent, plan: CrowdPlan) -> wasmtime::Result<CrowdRun> {
    let Some(first) = plan.instances.first() else { wasmtime::bail!("no instance") };
    let graph = Arc::new(Graph::new(first.plan.graph.clone()));
    let service = Arc::new(RunawayGuard::new(graph.clone()));
    let store = Arc::new(KeyValue::new(plan.store.clone()));
    let queue = plan.longest_queue();
    let mut running = JoinSet::new();
    for (number, instance) in plan.instances.iter().cloned().enumerate() {
        let (plugin, service, store) = (plugin.clone(), service.clone(), store.clone());
        running.spawn_local(async move { (number, call_in_turn(&plugin, instance, service, store, queue).await) });
    }
    let mut played = Vec::new();
    while let Some(result) = running.join_next().await {
        let (number, result) = result?;
        played.push((number, result?));
    }
    // What is still on its way arrives.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let arrivals = graph.arrivals(0);
    played.sort_by_key(|(number, _)| *number);
    let calls = played.into_iter().map(|(_, mut played)| {
        played.add(&arrivals);
        played.calls
    });
    let calls = calls.collect();
    let (store_operations, keys) = (store.operations(), store.keys());
    Ok(CrowdRun { plan, calls, store_operations, keys, violations: Vec::new() })
}

async fn call_in_turn(
    plugin: &PluginComponent,
    Instance { plan, skew }: Instance,
    service: Arc<RunawayGuard>,
    store: Arc<KeyValue>,
    queue: Duration,
) -> wasmtime::Result<Played> {
    let start = Instant::now();
    let tokens = TokenLog::default();
    let latency = plan.tokens.latency;
    let client = StoreClient::new(store);
    let mut wasi = WasiCtx::builder();
    wasi.wall_clock(WallClock::at(start, NOON + skew));
    let outbound = Outbound::InProcess(service.clone());
    let host = host_test::host::Host::with(&mut wasi, outbound, tokens.token_source(&plan), plan.seed);
    let host = host.token_latency(move || latency).store(client.clone());
    let plugin = Plugin::new(plugin, host).await?;
    let host = Host { plugin, plan: &plan, service: &service, tokens, start, planned: None, queue };
    let mut played = host.play().await;
    // What the plugin does not notice while the store is asked, it does not notice while a token is
    // requested either.
    for (asked, answered) in client.times() {
        for call in played.calls.iter_mut().filter(|call| (call.started..=call.ended).contains(&asked)) {
            let (request, answer) = (TokenRecord::of_store(), TokenAnswer::Store);
            call.tokens.push(TokenRecord { asked, answered, request, answer, call: call.number });
        }
    }
    for call in &mut played.calls {
        call.tokens.sort_by_key(|record| (record.asked, record.answered));
    }
    Ok(played)
}

/// A host that takes no time between two `next`: a turn that comes then is lost.
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

fn guid(rng: &mut StdRng) -> Uuid {
    Builder::from_random_bytes(rng.random()).into_uuid()
}

/// The time of an operation on a store that is not slow.
pub(crate) const STORE_LATENCY: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_millis(50);

/// The time of day at the start.
const NOON: Duration = Duration::from_secs(1_800_000_000);
