//! Deterministic simulation: the plugin as users get it, in virtual time, with a model of Microsoft
//! Graph whose faults are drawn from a seed; the invariants that must hold after each run; and
//! mutants of the plugin that violate them.

mod attempt;
mod attempts;
mod call_plan;
mod caller;
mod check;
mod host;
mod instances_plan;
mod instances_run;
mod mutant;
mod mutants;
mod plan;
mod random;
mod record;
mod run;
mod runaway_guard;
mod source;
mod summary;
mod token_log;
mod trace;
mod violation;

pub use instances_plan::InstancesPlan;
pub use instances_run::{InstancesRun, plugin_with_turns};
pub use mutants::mutants;
pub use run::Run;
pub use summary::Summary;
