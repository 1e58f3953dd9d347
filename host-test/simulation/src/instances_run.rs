//! A seeded run of many instances that take turns.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use graph_model::{Arrival, Graph};
use host_test::clock::{WallClock, virtual_time};
use host_test::component::PluginComponent;
use host_test::host::Outbound;
use host_test::keyvalue::{KeyValue, StoreClient};
use host_test::plugin::Plugin;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;
use wasmtime::Config;
use wasmtime_wasi::WasiCtx;

use crate::check::check_instances;
use crate::host::{Host, Played};
use crate::instances_plan::{Instance, InstancesPlan};
use crate::record::{CallRecord, arrivals};
use crate::runaway_guard::RunawayGuard;
use crate::token_log::{TokenAnswer, TokenLog, TokenRecord};
use crate::violation::Violation;

/// A run of many instances and the invariants that it violated.
#[derive(Debug)]
pub struct InstancesRun {
    /// What was planned.
    pub plan: InstancesPlan,
    /// What happened, call by call, for each instance.
    pub calls: Vec<Vec<CallRecord>>,
    /// Operations of the store.
    pub store_operations: u64,
    /// The keys that remain in the store.
    pub keys: Vec<String>,
    /// The violated invariants.
    pub violations: Vec<Violation>,
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

impl InstancesRun {
    /// Plays the run of a seed.
    ///
    /// # Errors
    /// If the plugin cannot be instantiated.
    pub fn play(plugin: &PluginComponent, seed: u64) -> wasmtime::Result<InstancesRun> {
        let mut run = InstancesRun::record(plugin, InstancesPlan::draw(seed))?;
        run.violations = check_instances(&run.plan, &run.calls, &run.keys);
        Ok(run)
    }

    /// Plays any plan, without checks. `plugin` is the plugin with `keyvalue-turns`, or the plugin
    /// without turns.
    ///
    /// # Errors
    /// If the plugin cannot be instantiated.
    pub fn record(plugin: &PluginComponent, plan: InstancesPlan) -> wasmtime::Result<InstancesRun> {
        virtual_time(LocalSet::new().run_until(call_together(plugin, plan)))
    }

    /// All requests, in the order they were sent.
    pub fn arrivals(&self) -> Vec<&Arrival> {
        arrivals(&self.calls)
    }
}

impl fmt::Display for InstancesRun {
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

async fn call_together(plugin: &PluginComponent, plan: InstancesPlan) -> wasmtime::Result<InstancesRun> {
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
    Ok(InstancesRun { plan, calls, store_operations, keys, violations: Vec::new() })
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
    let source = tokens.token_source(&plan.tokens, plan.seed);
    let host = host_test::host::Host::with(&mut wasi, outbound, source, plan.seed);
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

/// The time of day at the start.
const NOON: Duration = Duration::from_secs(1_800_000_000);
