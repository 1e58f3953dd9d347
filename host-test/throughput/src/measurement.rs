//! How long it takes to dismiss the risk of many users under the documented limit, in virtual time, against the least
//! time that the limit allows.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;
use uuid::Uuid;

use crate::graph::{Graph, Settings};
use crate::peer::{Outcome, Peer};
use crate::plugin::{Action, Plugin};
use crate::simulation::virtual_time;

/// The same job, done by the plugin and by others.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// Users to dismiss.
    pub users: usize,
    /// How long each answer takes.
    pub latency: Duration,
    /// The plugin.
    pub plugin: Outcome,
    /// Requests of the plugin that were refused by the limit.
    pub refused: usize,
    /// One id a request, each after the answer to the one before.
    pub one_by_one: Outcome,
    /// Chunks of 60, each after the answer to the one before.
    pub in_turn: Outcome,
    /// Chunks of 60, all at once.
    pub at_once: Outcome,
}

impl Measure {
    /// Does the job in each of the ways, each before a service of its own.
    ///
    /// # Errors
    /// Where the plugin traps.
    pub fn take(users: usize, latency: Duration) -> wasmtime::Result<Measure> {
        let ids: Vec<String> = (1..=users).map(|n| Uuid::from_u128(n as u128).to_string()).collect();
        let settings = Settings { latency: latency..=latency, ..Settings::default() };
        let graph = || Arc::new(Graph::new(settings.clone()));
        let before = graph();
        let plugin = virtual_time(async {
            let mut plugin = Plugin::before(before.clone()).await;
            let start = Instant::now();
            let said = plugin.call(Action::DismissRiskyUsers, &ids, None).await?;
            let accepted = said.map_or(0, |receipts| receipts.iter().map(|receipt| receipt.ids.len()).sum());
            Ok::<_, wasmtime::Error>(Outcome { took: start.elapsed(), accepted })
        })?;
        let peer = |peer: Peer| virtual_time(peer.dismiss(graph(), &ids));
        Ok(Measure {
            users,
            latency,
            plugin,
            refused: before.answered(StatusCode::TOO_MANY_REQUESTS),
            one_by_one: peer(Peer::OneByOne),
            in_turn: peer(Peer::ChunksInTurn),
            at_once: peer(Peer::ChunksAtOnce),
        })
    }

    /// Requests that the job needs, 60 users in each.
    pub fn requests(&self) -> usize {
        self.users.div_ceil(60)
    }

    /// The least time between the first request and the last, at one a second.
    pub fn floor(&self) -> Duration {
        Duration::from_secs(self.requests() as u64 - 1)
    }
}
