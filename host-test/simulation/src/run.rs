//! One seeded run: the calls of one plugin instance with a model of Microsoft Graph, in virtual time.

use std::sync::Arc;

use graph_model::Graph;
use host_test::bindings::credentials::{Credential, TokenError};
use host_test::clock::virtual_time;
use host_test::component::PluginComponent;
use host_test::host::{Host, Outbound, TokenSource};
use host_test::plugin::{CANARY, Plugin};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use crate::runaway_guard::RunawayGuard;
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
        let calls = virtual_time(call_in_turn(plugin, &plan))?;
        let violations = check(&plan, &calls);
        Ok(Run { plan, calls, violations })
    }
}

async fn call_in_turn(plugin: &PluginComponent, plan: &Plan) -> wasmtime::Result<Vec<CallRecord>> {
    let graph = Arc::new(Graph::new(plan.graph.clone()));
    let service = Arc::new(RunawayGuard::new(graph.clone()));
    let start = Instant::now();
    let host = Host::new(Outbound::InProcess(service.clone()), token_cache(plan), plan.seed);
    let mut plugin = Plugin::new(plugin, host).await?;
    let mut calls: Vec<CallRecord> = Vec::new();
    let mut skipped = 0;
    for call in &plan.calls {
        tokio::time::sleep(call.pause).await;
        let started = start.elapsed();
        let result = service.watch(plugin.call(call.action, &call.ids, Some(&call.options))).await;
        let arrivals = graph.arrivals(skipped);
        skipped += arrivals.len();
        let unusable = result.is_err();
        calls.push(CallRecord { call: call.clone(), started, ended: start.elapsed(), arrivals, result });
        if unusable {
            break;
        }
    }
    Ok(calls)
}

/// A cache of one token, as in most hosts: only `refresh` requests a new one.
fn token_cache(plan: &Plan) -> TokenSource {
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let (attached, failures) = (plan.attached, plan.token_failures);
    let mut generation = 0;
    Box::new(move |request| {
        generation += u32::from(request.refresh);
        match rng.random_bool(failures) {
            true => Err(TokenError::Unavailable("the token endpoint does not respond".into())),
            false if attached => Ok(Credential::AttachedByHost),
            false => Ok(Credential::Bearer(format!("{CANARY}{generation}"))),
        }
    })
}
