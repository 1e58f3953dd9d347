//! The right of a worker to an instance for the calls of its tenant.

use std::mem;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{Idle, Tenant, Tenants};

/// The right of a worker to an instance for the calls of its tenant. Dropping it rather than ending
/// it means that the worker is gone, and with it the instance and the calls.
pub(crate) struct Lease<T, C> {
    tenants: Arc<Tenants<T, C>>,
    tenant: Tenant,
    /// The instance of the tenant, if there is one.
    pub(crate) instance: Option<T>,
    permit: Option<OwnedSemaphorePermit>,
    /// Whether one of the instances that are counted belongs to this lease.
    has_room: bool,
    has_accepted: bool,
    has_ended: bool,
}

impl<T, C> Lease<T, C> {
    /// Waits until the worker of a tenant may have an instance.
    pub(crate) async fn wait_for(tenants: &Arc<Tenants<T, C>>, tenant: &Tenant) -> Lease<T, C> {
        let mut lease = Lease {
            tenants: Arc::clone(tenants),
            tenant: tenant.clone(),
            instance: None,
            permit: None,
            has_room: false,
            has_accepted: false,
            has_ended: false,
        };
        lease.wait();
        // The semaphore is never closed.
        lease.permit = Arc::clone(&tenants.permits).acquire_owned().await.ok();
        lease.begin();
        lease
    }

    fn wait(&self) {
        let mut state = self.tenants.state();
        state.waiting = state.waiting.saturating_add(1);
    }

    fn begin(&mut self) {
        let mut state = self.tenants.state();
        state.waiting = state.waiting.saturating_sub(1);
        self.instance = state.idle.remove(&self.tenant).map(|idle| idle.instance);
        self.has_room = self.instance.is_some();
    }

    /// What tells the worker that a call has come, or that one has an order for it.
    pub(crate) fn orders(&self) -> watch::Receiver<()> {
        self.tenants
            .state()
            .queues
            .get(&self.tenant)
            .map_or_else(|| watch::channel(()).1, |queue| queue.orders.subscribe())
    }

    /// The calls that have come since the last time. `None`: the worker has performed all of its
    /// calls and must end the lease. While others wait for an instance, that is so as soon as the
    /// worker has performed the calls that it has accepted.
    pub(crate) fn accept(&mut self, has_calls: bool) -> Option<Vec<C>> {
        let mut state = self.tenants.state();
        if state.waiting > 0 && self.has_accepted {
            return has_calls.then(Vec::new);
        }
        self.has_accepted = true;
        let calls = state.queues.get_mut(&self.tenant).map(|queue| mem::take(&mut queue.calls)).unwrap_or_default();
        (has_calls || !calls.is_empty()).then_some(calls)
    }

    /// Makes room for a new instance, if need be by dropping the least recently used idle one.
    pub(crate) fn make_room(&mut self) {
        let mut state = self.tenants.state();
        let mut evicted = None;
        if self.has_room {
        } else if state.instances < self.tenants.max_instances {
            state.instances = state.instances.saturating_add(1);
        } else {
            let oldest = state.idle.iter().min_by_key(|(_, idle)| idle.since).map(|(oldest, _)| oldest.clone());
            evicted = oldest.and_then(|oldest| state.idle.remove(&oldest));
        }
        self.has_room = true;
        drop(state);
        // Dropping an instance takes a moment, in which others may use the state.
        drop(evicted);
    }

    /// Drops the instance, and makes room for another one.
    pub(crate) fn discard(&mut self) {
        self.instance = None;
        if mem::take(&mut self.has_room) {
            let mut state = self.tenants.state();
            state.instances = state.instances.saturating_sub(1);
        }
    }

    /// Keeps the instance for later calls. Returns whether calls have come that it did not accept:
    /// they need a lease.
    pub(crate) fn end(mut self) -> bool {
        if self.instance.is_none() {
            self.discard();
        }
        let mut state = self.tenants.state();
        state.leases_ended = state.leases_ended.saturating_add(1);
        let since = state.leases_ended;
        if let Some(instance) = self.instance.take() {
            state.idle.insert(self.tenant.clone(), Idle { instance, since });
            self.has_room = false;
        }
        let has_calls = state.queues.get(&self.tenant).is_some_and(|queue| !queue.calls.is_empty());
        if !has_calls {
            state.queues.remove(&self.tenant);
        }
        drop(state);
        self.has_ended = true;
        has_calls
    }
}

/// Unless the lease was ended, the worker is gone: the runtime has stopped, or a token source has
/// panicked.
impl<T, C> Drop for Lease<T, C> {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        self.discard();
        let mut state = self.tenants.state();
        if self.permit.is_none() {
            state.waiting = state.waiting.saturating_sub(1);
        }
        let queue = state.queues.remove(&self.tenant);
        drop(state);
        drop(queue);
    }
}
