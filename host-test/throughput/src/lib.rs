//! How long large runs take: the plugin, and simpler clients as baselines, with the same model of Microsoft Graph.

mod baseline;
mod measurement;

pub use baseline::{Baseline, Outcome};
pub use measurement::Measurement;
