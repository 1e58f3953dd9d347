//! The instances of the plugin: one for each tenant, and at most a fixed number. All calls of a
//! tenant are performed by its instance, which is never dropped while one of them is open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// A tenant as named in the options of a call.
pub(crate) type Tenant = Option<String>;

/// The instances `T` of all tenants, and the calls `C` that no worker has taken yet.
pub(crate) struct Tenants<T, C> {
    max_instances: usize,
    /// A permit for each worker that performs calls. There are as many as instances, so a worker
    /// with a permit needs to wait for none: each of the others holds at most one, and the rest are
    /// idle.
    permits: Arc<Semaphore>,
    state: Mutex<State<T, C>>,
}

struct State<T, C> {
    /// For each tenant that has a worker.
    queues: HashMap<Tenant, Queue<C>>,
    idle: HashMap<Tenant, Idle<T>>,
    /// Instances that exist, idle ones and those of workers.
    instances: usize,
    /// Workers that wait for a permit.
    waiting: usize,
    /// Leases that have ended.
    leases_ended: u64,
}

/// The calls of a tenant that its worker has not taken yet.
struct Queue<C> {
    calls: Vec<C>,
    /// Tells the worker that a call has come, or that one has an order for it.
    orders: watch::Sender<()>,
}

struct Idle<T> {
    instance: T,
    /// `leases_ended` when it became idle.
    since: u64,
}

/// The right of a worker to an instance for the calls of its tenant. Dropping it rather than ending
/// it means that the worker is gone, and with it the instance and the calls.
pub(crate) struct Lease<T, C> {
    tenants: Arc<Tenants<T, C>>,
    tenant: Tenant,
    /// The instance of the tenant, if there is one.
    pub(crate) instance: Option<T>,
    permit: Option<OwnedSemaphorePermit>,
    /// One of `instances` belongs to this lease.
    has_room: bool,
    has_accepted: bool,
    has_ended: bool,
}

impl<T, C> Tenants<T, C> {
    pub(crate) fn new(max_instances: usize) -> Tenants<T, C> {
        let state = State { queues: HashMap::new(), idle: HashMap::new(), instances: 0, waiting: 0, leases_ended: 0 };
        Tenants { max_instances, permits: Arc::new(Semaphore::new(max_instances)), state: Mutex::new(state) }
    }

    /// Leaves a call for the worker of its tenant. Returns what tells the worker of orders, and
    /// whether a worker must be started.
    pub(crate) fn submit(&self, tenant: &Tenant, call: C) -> (watch::Sender<()>, bool) {
        let mut state = self.state();
        let is_new = !state.queues.contains_key(tenant);
        let queue = state
            .queues
            .entry(tenant.clone())
            .or_insert_with(|| Queue { calls: Vec::new(), orders: watch::Sender::new(()) });
        queue.calls.push(call);
        queue.orders.send_replace(());
        (queue.orders.clone(), is_new)
    }

    /// Waits until the worker of a tenant may have an instance.
    pub(crate) async fn lease(self: &Arc<Self>, tenant: &Tenant) -> Lease<T, C> {
        let mut lease = Lease {
            tenants: Arc::clone(self),
            tenant: tenant.clone(),
            instance: None,
            permit: None,
            has_room: false,
            has_accepted: false,
            has_ended: false,
        };
        lease.wait();
        // The semaphore is never closed.
        lease.permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        lease.begin();
        lease
    }

    /// Instances that exist.
    pub(crate) fn instances(&self) -> usize {
        self.state().instances
    }

    fn state(&self) -> MutexGuard<'_, State<T, C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, C> Lease<T, C> {
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

    /// The calls that have come since. `None`: the worker, which has none left, must end the lease.
    /// While others wait for an instance, that is so as soon as the worker has performed the calls
    /// that it has accepted.
    pub(crate) fn accept(&mut self, has_calls: bool) -> Option<Vec<C>> {
        let mut state = self.tenants.state();
        if state.waiting > 0 && self.has_accepted {
            return has_calls.then(Vec::new);
        }
        self.has_accepted = true;
        let calls =
            state.queues.get_mut(&self.tenant).map(|queue| std::mem::take(&mut queue.calls)).unwrap_or_default();
        (has_calls || !calls.is_empty()).then_some(calls)
    }

    /// Makes room for a new instance: if need be, that of the least recently used idle one.
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
        // It takes a moment.
        drop(evicted);
    }

    /// Drops the instance.
    pub(crate) fn discard(&mut self) {
        self.instance = None;
        if std::mem::take(&mut self.has_room) {
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

/// The worker is gone, unless the lease was ended: the runtime stops, or a token source has
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    type Numbers = Tenants<u32, &'static str>;

    fn tenant(name: &str) -> Tenant {
        Some(name.to_owned())
    }

    /// Performs a call in an instance with this number if the tenant has none, and returns the
    /// instance's number.
    async fn call(tenants: &Arc<Numbers>, name: &str, new: u32) -> u32 {
        let mut lease = lease(tenants, name).await;
        if lease.instance.is_none() {
            lease.make_room();
        }
        let instance = *lease.instance.get_or_insert(new);
        assert_eq!(lease.accept(false), None);
        assert!(!lease.end());
        instance
    }

    /// The lease of a worker that has accepted a call.
    async fn lease(tenants: &Arc<Numbers>, name: &str) -> Lease<u32, &'static str> {
        assert!(tenants.submit(&tenant(name), "first").1);
        let mut lease = tenants.lease(&tenant(name)).await;
        assert_eq!(lease.accept(false), Some(vec!["first"]));
        lease
    }

    #[tokio::test]
    async fn drops_the_least_recently_used_idle_instance() {
        let tenants = Arc::new(Numbers::new(2));
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
    async fn an_instance_with_an_open_call_stays() {
        let tenants = Arc::new(Numbers::new(2));
        let mut oldest = lease(&tenants, "a").await;
        oldest.make_room();
        oldest.instance = Some(1);
        for number in 2..5 {
            assert_eq!(call(&tenants, &number.to_string(), number).await, number);
        }
        assert_eq!(tenants.instances(), 2);
        assert!(!oldest.end());
        assert_eq!(call(&tenants, "a", 9).await, 1);
    }

    #[tokio::test]
    async fn a_worker_waits_until_an_instance_is_free_and_gives_way_to_others() {
        let tenants = Arc::new(Numbers::new(1));
        let mut a = lease(&tenants, "a").await;
        tenants.submit(&tenant("a"), "second");
        assert_eq!(a.accept(true), Some(vec!["second"]));
        assert!(tenants.submit(&tenant("b"), "other").1);
        let name = tenant("b");
        let mut b = Box::pin(tenants.lease(&name));
        assert!(timeout(Duration::ZERO, &mut b).await.is_err());
        // Calls that come now are performed after those of the other tenant.
        assert!(!tenants.submit(&tenant("a"), "third").1);
        assert_eq!(a.accept(true), Some(vec![]));
        assert_eq!(a.accept(false), None);
        assert!(a.end());
        assert_eq!(b.await.accept(false), Some(vec!["other"]));
        assert_eq!(tenants.lease(&tenant("a")).await.accept(false), Some(vec!["third"]));
        let state = tenants.state();
        assert_eq!((state.waiting, state.queues.len()), (0, 0));
    }

    #[tokio::test]
    async fn an_instance_that_is_lost_makes_room() {
        let tenants = Arc::new(Numbers::new(1));
        assert_eq!(call(&tenants, "a", 1).await, 1);
        let mut discarded = lease(&tenants, "a").await;
        assert_eq!(discarded.instance, Some(1));
        discarded.discard();
        assert_eq!(tenants.instances(), 0);
        assert!(!discarded.end());
        assert_eq!(call(&tenants, "a", 2).await, 2);
        drop(lease(&tenants, "a").await);
        assert_eq!((tenants.instances(), tenants.state().queues.len()), (0, 0));
        assert_eq!(call(&tenants, "a", 3).await, 3);
    }
}
