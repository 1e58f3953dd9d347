//! A call that a worker has to perform, and the record of its result.

use std::sync::Arc;

use tracing::{Span, info};

use crate::Action;
use crate::bindings::actions::Options;
use crate::call_state::CallState;
use crate::instance::Usage;
use crate::tenants::Tenant;

/// A call that a worker has to perform. If it is dropped before the call is over, its worker is
/// gone.
pub(crate) struct Task {
    pub(crate) state: Arc<CallState>,
    pub(crate) action: Action,
    pub(crate) tenant: Tenant,
    pub(crate) options: Options,
    pub(crate) span: Span,
    pub(crate) usage: Usage,
}

impl Task {
    /// Ends the call because the plugin was stopped.
    pub(crate) fn stopped(self, reason: &str) {
        self.state.plugin_stopped(reason, self.usage.requests);
        self.report(0);
    }

    /// Records the result of the call in its span. Ids and texts of responses are left out, because
    /// texts could imitate lines of a log.
    pub(crate) fn report(&self, memory_bytes: usize) {
        let progress = self.state.progress().borrow().clone();
        let cause = self.state.cause();
        self.span.record("requests", self.usage.requests);
        self.span.record("instructions", self.usage.instructions());
        self.span.record("memory_bytes", memory_bytes);
        self.span.record("accepted", progress.accepted);
        self.span.record("refused", progress.refused);
        self.span.record("not_applied", progress.not_applied);
        self.span.record("unknown", progress.unknown);
        self.span.record("outcome", cause.map_or("accepted", |cause| cause.kind.name()));
        self.span.in_scope(|| info!("ended"));
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if !self.state.is_over() {
            let reason =
                "the task that performed the call is gone: the runtime has stopped, or the token source has panicked";
            self.state.plugin_stopped(reason, self.usage.requests);
        }
    }
}
