//! Measures how long it takes to dismiss the risk of many users under the documented limit, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use graph_model::{Graph, Settings};
use host_test::clock::virtual_time;
use host_test::plugin::{Action, Plugin};
use http::StatusCode;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{Baseline, Outcome};

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
        let ids: Vec<String> = (1..=users).map(|n| Uuid::from_u128(n as u128).to_string()).collect();
        let settings = Settings { latency: latency..=latency, ..Settings::default() };
        let graph = || Arc::new(Graph::new(settings.clone()));
        let service = graph();
        let plugin = virtual_time(async {
            let mut plugin = Plugin::before(service.clone()).await;
            let start = Instant::now();
            let result = plugin.call(Action::DismissRiskyUsers, &ids, None).await?;
            let accepted = result.map_or(0, |receipts| receipts.iter().map(|receipt| receipt.ids.len()).sum());
            Ok::<_, wasmtime::Error>(Outcome { elapsed: start.elapsed(), accepted })
        })?;
        let baseline = |baseline: Baseline| virtual_time(baseline.dismiss(graph(), &ids));
        Ok(Measurement {
            users,
            latency,
            plugin,
            refused: service.count(StatusCode::TOO_MANY_REQUESTS),
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
