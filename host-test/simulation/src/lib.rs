//! Deterministic simulation: the plugin as users get it, in virtual time, with a model of Microsoft
//! Graph whose faults are drawn from a seed; the invariants that must hold after each run; and
//! mutants of the plugin that violate them.

mod attempt;
mod caller;
mod check;
mod crowd;
mod host;
mod mutant;
mod plan;
mod record;
mod run;
mod runaway_guard;
mod summary;
mod token_log;
mod trace;

pub use caller::{Caller, Form, Pauses, Stop, Waits};
pub use check::{Violation, check};
pub use crowd::{CrowdPlan, CrowdRun, Instance, plugin_with_turns};
pub use mutant::{MUTANTS, Mutant};
pub use plan::{Call, Plan, TokenProvider};
pub use record::{CallRecord, Next, Report};
pub use run::Run;
pub use summary::Summary;
pub use token_log::{TokenAnswer, TokenRecord};
