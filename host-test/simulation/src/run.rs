//! One seeded run: the calls of one plugin instance with a model of Microsoft Graph, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use graph_model::Graph;
use host_test::clock::virtual_time;
use host_test::component::PluginComponent;
use host_test::host::{Host, Outbound, Upload};
use host_test::plugin::Plugin;
use tokio::time::Instant;

use crate::runaway_guard::RunawayGuard;
use crate::token_log::TokenLog;
use crate::{CallRecord, Plan, Violation, check};

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
        let violations = check(&plan, &calls);
        Ok(Run { plan, calls, violations })
    }

    /// Plays any plan, without checks.
    ///
    /// # Errors
    /// If the plugin cannot be instantiated.
    pub fn record(plugin: &PluginComponent, plan: &Plan) -> wasmtime::Result<Vec<CallRecord>> {
        virtual_time(call_in_turn(plugin, plan))
    }
}

async fn call_in_turn(plugin: &PluginComponent, plan: &Plan) -> wasmtime::Result<Vec<CallRecord>> {
    let graph = Arc::new(Graph::new(plan.graph.clone()));
    let service = Arc::new(RunawayGuard::new(graph.clone()));
    let start = Instant::now();
    let tokens = TokenLog::default();
    let latency = plan.tokens.latency;
    let host = Host::new(Outbound::InProcess(service.clone()), tokens.token_source(plan), plan.seed);
    let mut host = host.token_latency(move || latency);
    if plan.graph.early > 0.0 {
        host = host.upload(Upload { chunk_bytes: 1, ..Upload::default() });
    }
    let mut plugin = Plugin::new(plugin, host).await?;
    let mut calls: Vec<CallRecord> = Vec::new();
    for call in &plan.calls {
        tokio::time::sleep(call.pause).await;
        let started = start.elapsed();
        let result = service.watch(plugin.call(call.action, &call.ids, Some(&call.options))).await;
        let ended = start.elapsed();
        let is_unusable = result.is_err();
        let (arrivals, tokens, queue) = (Vec::new(), Vec::new(), Duration::ZERO);
        calls.push(CallRecord { call: call.clone(), started, ended, queue, arrivals, tokens, result });
        if is_unusable {
            break;
        }
    }
    drop(plugin);
    // What is still on its way arrives.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut arrivals = graph.arrivals(0);
    arrivals.sort_by_key(|arrival| arrival.sent);
    let tokens = tokens.records();
    for call in &mut calls {
        let period = call.started..=call.ended;
        call.arrivals = arrivals.iter().filter(|arrival| period.contains(&arrival.sent)).cloned().collect();
        call.tokens = tokens.iter().filter(|token| period.contains(&token.asked)).cloned().collect();
    }
    Ok(calls)
}
