//! How long large runs take: the plugin, and simpler clients as baselines, with the same model of Microsoft Graph.

mod baseline;
mod isolation;
mod measurement;
mod plugin;
mod rough_run;
mod world;

pub use baseline::{Baseline, Outcome};
pub use isolation::Isolation;
pub use measurement::Measurement;
pub use rough_run::RoughRun;
pub use world::{Delay, World};
