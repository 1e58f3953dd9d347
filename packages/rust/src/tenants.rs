//! The instances of the plugin: one for each tenant, and at most a fixed number. All calls of a
//! tenant are performed by its instance, which is never dropped while one of them is open.

pub(crate) mod lease;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};

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
    /// The queue of each tenant that has a worker.
    queues: HashMap<Tenant, Queue<C>>,
    idle: HashMap<Tenant, Idle<T>>,
    /// How many instances exist, idle ones and those of workers.
    instances: usize,
    /// How many workers wait for a permit.
    waiting: usize,
    /// How many leases have ended.
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
    /// The value of `leases_ended` when the instance became idle.
    since: u64,
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

    /// How many instances exist.
    pub(crate) fn instances(&self) -> usize {
        self.state().instances
    }

    fn state(&self) -> MutexGuard<'_, State<T, C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::lease::Lease;
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
        let mut lease = Lease::wait_for(tenants, &tenant(name)).await;
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
        let mut b = Box::pin(Lease::wait_for(&tenants, &name));
        assert!(timeout(Duration::ZERO, &mut b).await.is_err());
        // Calls that come now are performed after those of the other tenant.
        assert!(!tenants.submit(&tenant("a"), "third").1);
        assert_eq!(a.accept(true), Some(vec![]));
        assert_eq!(a.accept(false), None);
        assert!(a.end());
        assert_eq!(b.await.accept(false), Some(vec!["other"]));
        assert_eq!(Lease::wait_for(&tenants, &tenant("a")).await.accept(false), Some(vec!["third"]));
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
