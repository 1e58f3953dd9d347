//! Deterministic simulation: the plugin and the reader as users get them, in virtual time, with a
//! model of Microsoft Graph whose faults are drawn from a seed; the invariants that must hold after
//! each run; and mutants that violate them.

mod attempt;
mod attempts;
mod call_plan;
mod caller;
mod check;
mod host;
mod instances_plan;
mod instances_run;
mod list_plan;
mod list_run;
mod mutant;
mod mutants;
mod plan;
mod random;
mod record;
mod run;
mod runaway_guard;
mod source;
mod subject;
mod summary;
mod token_log;
mod trace;
mod violation;

pub use instances_plan::InstancesPlan;
pub use instances_run::{InstancesRun, plugin_with_turns};
pub use list_run::ListRun;
pub use mutants::mutants;
pub use run::Run;
pub use subject::{Mode, Played, Subject};
pub use summary::Summary;
