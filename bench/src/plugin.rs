//! The plugin's way to do the same job as the baselines.

use std::sync::Arc;

use host_test::bindings::actions::{Batch, Outcome as BatchOutcome};
use host_test::clock::virtual_time;
use host_test::component::PluginComponent;
use host_test::host::{Host, Outbound};
use host_test::plugin::{Action, Plugin, canary};
use tokio::time::Instant;

use crate::{Outcome, World};

/// Dismisses the risk of users in one call of a new instance. `seed` determines the plugin's random numbers.
pub(crate) fn dismiss(world: Arc<World>, ids: &[String], seed: u64) -> wasmtime::Result<Outcome> {
    virtual_time(async {
        let host = Host::new(Outbound::InProcess(world), canary(), seed);
        let mut plugin = Plugin::new(PluginComponent::shared(), host).await?;
        let start = Instant::now();
        let result = plugin.call(Action::DismissRiskyUsers, ids, None).await?;
        let batches = result.unwrap_or_else(|failure| failure.batches);
        let is_accepted = |batch: &&Batch| batch.outcome == BatchOutcome::Accepted;
        let accepted = batches.iter().filter(is_accepted).map(|batch| batch.ids.len()).sum();
        Ok(Outcome { elapsed: start.elapsed(), accepted })
    })
}
