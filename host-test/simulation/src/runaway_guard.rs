//! Ends runs of a plugin that never stops sending.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use graph_model::{Behavior, Graph, Reply, Request, Rest, Service};
use tokio::sync::Notify;

/// More requests than any run needs.
const MAX_REQUESTS: u32 = 40_000;

/// A service that accepts this many requests and then never responds.
pub(super) struct RunawayGuard {
    graph: Arc<Graph>,
    count: AtomicU32,
    too_many: Notify,
}

impl RunawayGuard {
    pub(super) fn new(graph: Arc<Graph>) -> Self {
        RunawayGuard { graph, count: AtomicU32::new(0), too_many: Notify::new() }
    }

    /// Returns the result of a call, or reports a trap or a call without end.
    pub(super) async fn watch<T>(&self, call: impl Future<Output = wasmtime::Result<T>>) -> Result<T, String> {
        tokio::select! {
            result = call => result.map_err(|trap| format!("trap: {trap:?}")),
            () = self.too_many.notified() => Err(format!("no end after {MAX_REQUESTS} requests")),
        }
    }
}

impl Service for RunawayGuard {
    fn delay(&self, now: Duration, request: &Request) -> Duration {
        self.graph.delay(now, request)
    }

    fn responds_early(&self, request: &http::request::Parts) -> Option<Rest> {
        self.graph.responds_early(request)
    }

    fn serve(&self, now: Duration, request: Request) -> Reply {
        if self.count.fetch_add(1, Ordering::Relaxed) < MAX_REQUESTS {
            return self.graph.serve(now, request);
        }
        self.too_many.notify_one();
        Reply::at_once(Behavior::Silence)
    }
}
