//! Bad days by the thousand: the real component, under a clock that only waits where everybody waits, before a faithful
//! Microsoft Graph with faults drawn from a seed; and what must hold after each.

mod account;
mod attempt;
mod bounded;
mod check;
mod plan;
mod trace;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

pub use account::Account;
pub use check::{Violation, check};
pub use plan::{Call, Plan};

use self::bounded::Bounded;
use crate::bindings::credentials::{Credential, TokenError};
use crate::engine::Engine;
use crate::graph::{Graph, Kind};
use crate::host::{Host, TokenSource, Way};
use crate::plugin::{CANARY, Plugin};

/// A run of the simulation, and what was wrong with it.
#[derive(Debug)]
pub struct Run {
    /// What was to happen.
    pub plan: Plan,
    /// What happened, call by call.
    pub accounts: Vec<Account>,
    /// What should not have.
    pub violations: Vec<Violation>,
}

impl Run {
    /// Plays the run of a seed.
    ///
    /// # Errors
    /// Where the plugin cannot be instantiated.
    pub fn play(engine: &Engine, seed: u64) -> wasmtime::Result<Run> {
        let plan = Plan::draw(seed);
        let accounts = virtual_time(act(engine, &plan))?;
        let violations = check(&plan, &accounts);
        Ok(Run { plan, accounts, violations })
    }
}

/// Runs to the end under a clock that jumps to the next timer whenever there is nothing else to do.
///
/// # Panics
/// Where the system gives no runtime.
pub fn virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap_or_else(|error| panic!("no runtime: {error}")).block_on(work)
}

async fn act(engine: &Engine, plan: &Plan) -> wasmtime::Result<Vec<Account>> {
    let graph = Arc::new(Graph::new(plan.graph.clone()));
    let service = Arc::new(Bounded::new(graph.clone()));
    let start = Instant::now();
    let mut plugin = Plugin::new(engine, Host::new(Way::Stub(service.clone()), tokens(plan), plan.seed)).await?;
    let mut accounts: Vec<Account> = Vec::new();
    let mut arrived = 0;
    for call in &plan.calls {
        tokio::time::sleep(call.pause).await;
        let started = start.elapsed();
        let said = service.end(plugin.call(call.action, &call.ids, Some(&call.options))).await;
        let arrivals = graph.arrivals(arrived);
        arrived += arrivals.len();
        let dead = said.is_err();
        accounts.push(Account { call: call.clone(), started, ended: start.elapsed(), arrivals, said });
        if dead {
            break;
        }
    }
    Ok(accounts)
}

/// A cache of one token, as most hosts have: a fresh one is asked for by `refresh` only.
fn tokens(plan: &Plan) -> TokenSource {
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let (attached, failures) = (plan.attached, plan.token_failures);
    let mut generation = 0;
    Box::new(move |request| {
        generation += u32::from(request.refresh);
        match rng.random_bool(failures) {
            true => Err(TokenError::Unavailable("the token endpoint does not answer".into())),
            false if attached => Ok(Credential::AttachedByHost),
            false => Ok(Credential::Bearer(format!("{CANARY}{generation}"))),
        }
    })
}

/// What many runs amount to.
#[derive(Debug, Default)]
pub struct Summary {
    /// Runs.
    pub runs: u64,
    /// Calls.
    pub calls: u64,
    /// Ids given.
    pub ids: u64,
    /// Requests that the plugin sent.
    pub requests: u64,
    /// Time that passed for the plugin.
    pub passed: Duration,
    /// Faults by kind.
    pub faults: BTreeMap<Kind, u64>,
    /// Batches by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Broken promises, with the seeds that show them.
    pub violations: Vec<(u64, Violation)>,
}

impl Summary {
    /// Counts a run.
    pub fn add(&mut self, run: Run) {
        self.runs += 1;
        for account in &run.accounts {
            self.calls += 1;
            self.ids += account.call.ids.len() as u64;
            self.requests += account.arrivals.len() as u64;
            self.passed += account.ended - account.started;
            for fault in account.arrivals.iter().filter_map(|arrival| arrival.fault.as_ref()) {
                *self.faults.entry(fault.kind).or_default() += 1;
            }
            for batch in account.batches() {
                *self.outcomes.entry(account::name(&batch.outcome)).or_default() += 1;
            }
        }
        self.violations.extend(run.violations.into_iter().map(|violation| (run.plan.seed, violation)));
    }

    /// Counts what another summary counted.
    pub fn merge(&mut self, other: Summary) {
        self.runs += other.runs;
        self.calls += other.calls;
        self.ids += other.ids;
        self.requests += other.requests;
        self.passed += other.passed;
        other.faults.into_iter().for_each(|(kind, count)| *self.faults.entry(kind).or_default() += count);
        other.outcomes.into_iter().for_each(|(name, count)| *self.outcomes.entry(name).or_default() += count);
        self.violations.extend(other.violations);
    }
}
