//! One seeded run: the calls of one plugin instance with a model of Microsoft Graph, in virtual
//! time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use graph_model::Graph;
use host_test::clock::virtual_time;
use host_test::component::PluginComponent;
use host_test::host::{Outbound, Upload};
use host_test::plugin::Plugin;
use tokio::time::Instant;

use crate::check::{check, check_same};
use crate::host::Host;
use crate::plan::Plan;
use crate::record::CallRecord;
use crate::runaway_guard::RunawayGuard;
use crate::token_log::TokenLog;
use crate::violation::Violation;

/// A run of the simulation and the invariants that it violated.
#[derive(Debug)]
pub struct Run {
    /// What was planned.
    pub plan: Plan,
    /// What happened, call by call.
    pub calls: Vec<CallRecord>,
    /// The violated invariants.
    pub violations: Vec<Violation>,
}

impl Run {
    /// Plays the run of a seed.
    ///
    /// # Errors
    /// If the plugin cannot be instantiated.
    pub fn play(plugin: &PluginComponent, seed: u64) -> wasmtime::Result<Run> {
        let plan = Plan::draw(seed);
        let calls = Run::record(plugin, &plan)?;
        let mut violations = check(&plan, &calls);
        if let Some(twin) = plan.as_calls() {
            violations.extend(check_same(&calls, &Run::record(plugin, &twin)?));
        }
        Ok(Run { plan, calls, violations })
    }

    /// Plays any plan, without checks.
    ///
    /// # Errors
    /// If the plugin cannot be instantiated.
    pub fn record(plugin: &PluginComponent, plan: &Plan) -> wasmtime::Result<Vec<CallRecord>> {
        virtual_time(record(plugin, plan))
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let graph = &self.plan.graph;
        writeln!(f, "seed {}", self.plan.seed)?;
        writeln!(f, "responds in {:?}, faults {}, {} ids absent", graph.latency, graph.faults, graph.absent.len())?;
        writeln!(f, "limits: users {:?}, sign-ins {:?}", graph.users, graph.sign_ins)?;
        writeln!(f, "{:?}, {:?}, {:?}", graph.network, graph.others, self.plan.tokens)?;
        graph.outages.iter().try_for_each(|outage| writeln!(f, "{outage:?}"))?;
        self.calls.iter().try_for_each(|call| write!(f, "\n{call}"))?;
        self.violations.iter().try_for_each(|violation| writeln!(f, "VIOLATION {violation}"))
    }
}

async fn record(plugin: &PluginComponent, plan: &Plan) -> wasmtime::Result<Vec<CallRecord>> {
    let graph = Arc::new(Graph::new(plan.graph.clone()));
    let service = Arc::new(RunawayGuard::new(graph.clone()));
    let start = Instant::now();
    let tokens = TokenLog::default();
    let latency = plan.tokens.latency;
    let outbound = Outbound::InProcess(service.clone());
    let mut host = host_test::host::Host::new(outbound, tokens.token_source(&plan.tokens, plan.seed), plan.seed);
    host = host.token_latency(move || latency);
    if plan.graph.early > 0.0 {
        host = host.upload(Upload { chunk_bytes: 1, ..Upload::default() });
    }
    let plugin = Plugin::new(plugin, host).await?;
    let host = Host { plugin, plan, service: &service, tokens, start, planned: None, queue: Duration::ZERO };
    let mut played = host.play().await;
    // What is still on its way arrives.
    tokio::time::sleep(Duration::from_secs(60)).await;
    played.add(&graph.arrivals(0));
    Ok(played.calls)
}
