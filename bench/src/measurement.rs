//! Measures how long it takes to dismiss the risk of many users under the documented limit, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use graph_model::{Graph, Settings};
use host_test::clock::virtual_time;
use http::StatusCode;
use uuid::Uuid;

use crate::{Baseline, Outcome, World, plugin};

/// The same job, done by the plugin and by the baselines.
#[derive(Debug, Clone, Copy)]
pub struct Measurement {
    /// The number of users.
    pub users: usize,
    /// The time until each response.
    pub latency: Duration,
    /// The plugin.
    pub plugin: Outcome,
    /// Requests of the plugin that the limit refused.
    pub refused: usize,
    /// One id per request, each after the response to the previous one.
    pub one_by_one: Outcome,
    /// Chunks of 60 ids, each after the response to the previous one.
    pub in_turn: Outcome,
    /// Chunks of 60 ids, all at once.
    pub at_once: Outcome,
}

impl Measurement {
    /// Does the job with the plugin and with each baseline, each with its own service.
    ///
    /// # Errors
    /// If the plugin traps.
    pub fn take(users: usize, latency: Duration) -> wasmtime::Result<Measurement> {
        let ids = ids(users);
        let settings = Settings { latency: latency..=latency, ..Settings::default() };
        let world = || Arc::new(World::kind(Graph::new(settings.clone())));
        let own = world();
        let plugin = plugin::dismiss(Arc::clone(&own), &ids, 0)?;
        let baseline = |baseline: Baseline| virtual_time(baseline.dismiss(world(), &ids));
        Ok(Measurement {
            users,
            latency,
            plugin,
            refused: own.graph.count(StatusCode::TOO_MANY_REQUESTS),
            one_by_one: baseline(Baseline::OneByOne),
            in_turn: baseline(Baseline::ChunksInTurn),
            at_once: baseline(Baseline::ChunksAtOnce),
        })
    }

    /// The number of requests that the job needs, with 60 users in each.
    pub fn requests(&self) -> usize {
        self.users.div_ceil(60)
    }

    /// The shortest time between the first request and the last, at one request per second.
    pub fn floor(&self) -> Duration {
        Duration::from_secs(self.requests() as u64 - 1)
    }
}

/// The ids of this many users.
pub(crate) fn ids(users: usize) -> Vec<String> {
    (1..=users).map(|n| Uuid::from_u128(n as u128).to_string()).collect()
}
