//! The instances of the plugin: one for each tenant, at most a fixed number, and one call of a tenant at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Queue, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// A tenant as named in the options of a call.
pub(crate) type Tenant = Option<String>;

/// The instances `T` of all tenants.
pub(crate) struct Tenants<T> {
    max_instances: usize,
    /// A permit for each call in progress. There are as many as instances, so a call with a permit needs to wait for none:
    /// each of the others holds at most one, and the rest are idle.
    calls: Arc<Semaphore>,
    state: Mutex<State<T>>,
}

struct State<T> {
    /// For each tenant with a call in progress.
    queues: HashMap<Tenant, Arc<Queue<()>>>,
    idle: HashMap<Tenant, Idle<T>>,
    /// Instances that exist, idle ones and those in a call.
    instances: usize,
    /// Calls that have ended.
    calls_ended: u64,
}

struct Idle<T> {
    instance: T,
    /// `calls_ended` when it became idle.
    since: u64,
}

/// The right to an instance for one call of a tenant. Dropping it without returning the instance means that the instance
/// is gone.
pub(crate) struct Lease<T> {
    instance: Option<T>,
    turn: Turn<T>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// A place in the queue of a tenant.
struct Turn<T> {
    tenants: Arc<Tenants<T>>,
    tenant: Tenant,
    queue: Arc<Queue<()>>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl<T> Tenants<T> {
    pub(crate) fn new(max_instances: usize) -> Tenants<T> {
        let state = State { queues: HashMap::new(), idle: HashMap::new(), instances: 0, calls_ended: 0 };
        Tenants { max_instances, calls: Arc::new(Semaphore::new(max_instances)), state: Mutex::new(state) }
    }

    /// Waits for the calls of this tenant that began before, and for a free instance.
    pub(crate) async fn lease(self: &Arc<Self>, tenant: Tenant) -> Lease<T> {
        let queue = Arc::clone(self.state().queues.entry(tenant.clone()).or_default());
        let mut turn = Turn { tenants: Arc::clone(self), tenant, queue, guard: None };
        turn.guard = Some(Arc::clone(&turn.queue).lock_owned().await);
        // The semaphore is never closed.
        let permit = Arc::clone(&self.calls).acquire_owned().await.ok();
        let instance = self.state().take(&turn.tenant, self.max_instances);
        Lease { instance, turn, _permit: permit }
    }

    /// Instances that exist.
    pub(crate) fn instances(&self) -> usize {
        self.state().instances
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// The idle instance of a tenant, or else room for a new one.
    fn take(&mut self, tenant: &Tenant, max_instances: usize) -> Option<T> {
        if let Some(idle) = self.idle.remove(tenant) {
            return Some(idle.instance);
        }
        if self.instances < max_instances {
            self.instances = self.instances.saturating_add(1);
        } else if let Some(oldest) =
            self.idle.iter().min_by_key(|(_, idle)| idle.since).map(|(oldest, _)| oldest.clone())
        {
            self.idle.remove(&oldest);
        }
        None
    }
}

impl<T> Lease<T> {
    /// The idle instance of the tenant. `None` if the caller must create one.
    pub(crate) fn take(&mut self) -> Option<T> {
        self.instance.take()
    }

    /// Ends the call, and keeps the instance for the next one.
    pub(crate) fn give_back(mut self, instance: T) {
        self.instance = Some(instance);
    }
}

impl<T> Drop for Lease<T> {
    fn drop(&mut self) {
        let mut state = self.turn.tenants.state();
        state.calls_ended = state.calls_ended.saturating_add(1);
        match self.instance.take() {
            Some(instance) => {
                let since = state.calls_ended;
                state.idle.insert(self.turn.tenant.clone(), Idle { instance, since });
            }
            None => state.instances = state.instances.saturating_sub(1),
        }
    }
}

impl<T> Drop for Turn<T> {
    fn drop(&mut self) {
        drop(self.guard.take());
        let mut state = self.tenants.state();
        // No other call waits: one reference is here, one in the map.
        if Arc::strong_count(&self.queue) == 2 {
            state.queues.remove(&self.tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn tenant(name: &str) -> Tenant {
        Some(name.to_owned())
    }

    /// Performs a call that creates an instance with this number if there is none, and returns the instance's number.
    async fn call(tenants: &Arc<Tenants<u32>>, name: &str, new: u32) -> u32 {
        let mut lease = tenants.lease(tenant(name)).await;
        let instance = lease.take().unwrap_or(new);
        lease.give_back(instance);
        instance
    }

    #[tokio::test]
    async fn drops_the_least_recently_used_idle_instance() {
        let tenants = Arc::new(Tenants::new(2));
        assert_eq!(call(&tenants, "a", 1).await, 1);
        assert_eq!(call(&tenants, "b", 2).await, 2);
        assert_eq!(call(&tenants, "a", 3).await, 1);
        assert_eq!(call(&tenants, "c", 4).await, 4);
        assert_eq!(call(&tenants, "a", 5).await, 1);
        assert_eq!(call(&tenants, "b", 6).await, 6);
        assert_eq!(tenants.instances(), 2);
        assert!(tenants.state().queues.is_empty());
    }

    #[tokio::test]
    async fn a_call_waits_for_its_tenant_and_for_a_free_instance() {
        let tenants = Arc::new(Tenants::<u32>::new(2));
        let is_busy = async |name| timeout(Duration::ZERO, tenants.lease(tenant(name))).await.is_err();
        let a = tenants.lease(tenant("a")).await;
        assert!(is_busy("a").await);
        assert!(!is_busy("b").await);
        let b = tenants.lease(tenant("b")).await;
        assert!(is_busy("c").await);
        b.give_back(1);
        assert!(!is_busy("c").await);
        drop(a);
        assert!(!is_busy("a").await);
        assert!(tenants.state().queues.is_empty());
    }

    #[tokio::test]
    async fn an_instance_that_is_not_returned_is_gone() {
        let tenants = Arc::new(Tenants::new(1));
        assert_eq!(call(&tenants, "a", 1).await, 1);
        let mut lease = tenants.lease(tenant("a")).await;
        assert_eq!(lease.take(), Some(1));
        drop(lease);
        assert_eq!(tenants.instances(), 0);
        assert_eq!(call(&tenants, "a", 2).await, 2);
    }
}
