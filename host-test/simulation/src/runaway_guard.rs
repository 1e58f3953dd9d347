//! A service that notices a client which would never stop: a run of it would have no end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::exchange::{Fate, Reply, Request, Service};
use crate::graph::Graph;

/// More requests than any run can need: calls times ids times attempts at most.
const MOST: u32 = 3 * 400 * 10;

/// A Graph that takes so many requests, and then is silent.
pub(super) struct Bounded {
    graph: Arc<Graph>,
    taken: AtomicU32,
    too_many: Notify,
}

impl Bounded {
    pub(super) fn new(graph: Arc<Graph>) -> Self {
        Bounded { graph, taken: AtomicU32::new(0), too_many: Notify::new() }
    }

    /// What a call says, or that it has no end.
    pub(super) async fn end<T>(&self, call: impl Future<Output = wasmtime::Result<T>>) -> Result<T, String> {
        tokio::select! {
            said = call => said.map_err(|trap| format!("trap: {trap:?}")),
            () = self.too_many.notified() => Err(format!("no end after {MOST} requests")),
        }
    }
}

impl Service for Bounded {
    fn serve(&self, now: Duration, request: Request) -> Reply {
        if self.taken.fetch_add(1, Ordering::Relaxed) < MOST {
            return self.graph.serve(now, request);
        }
        self.too_many.notify_one();
        Reply::at_once(Fate::Silence)
    }
}
