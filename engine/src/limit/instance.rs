//! What the calls of an instance share, and what the instance remembers between them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::contract::action::ServiceLimit;
use crate::limit::rate_limit::RateLimitState;

/// The state of an instance, which all its calls share.
#[derive(Debug, Default)]
pub struct InstanceState {
    has_accepted: Rc<Cell<bool>>,
    /// The state of each limit. The one that was used last stands last.
    limits: Vec<(Key, SharedLimit)>,
}

/// The state of a limit, shared by the calls that it applies to.
pub(crate) type SharedLimit = Rc<RefCell<RateLimitState>>;

/// What requests have in common that count against the same limit.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    tenant: Option<String>,
    audience: String,
    limit: ServiceLimit,
}

impl InstanceState {
    /// Whether the instance has seen an acceptance, as a flag that its calls share.
    pub(crate) fn has_accepted(&self) -> Rc<Cell<bool>> {
        self.has_accepted.clone()
    }

    /// The state of a limit, for a new call. If there are too many states, the one that was not
    /// used for longest is forgotten, unless a call uses it.
    pub(crate) fn limit(&mut self, tenant: Option<&str>, audience: &str, limit: ServiceLimit) -> SharedLimit {
        let is_same = |key: &Key| key.limit == limit && key.audience == audience && key.tenant.as_deref() == tenant;
        let entry = match self.limits.iter().position(|(key, _)| is_same(key)) {
            Some(position) => self.limits.remove(position),
            None => {
                if self.limits.len() >= MAX_STATES
                    && let Some(unused) = self.limits.iter().position(|(_, state)| Rc::strong_count(state) == 1)
                {
                    self.limits.remove(unused);
                }
                let key = Key { tenant: tenant.map(str::to_owned), audience: audience.to_owned(), limit };
                (key, Rc::new(RefCell::new(RateLimitState::new())))
            }
        };
        let state = entry.1.clone();
        self.limits.push(entry);
        state
    }
}

/// The most states to remember: far more than the tenants that an instance serves at a time.
const MAX_STATES: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::error::Error;
    use crate::time::{Duration, Instant};

    const HELD: Instant = Instant::from_nanos(9);

    fn hold(state: &SharedLimit) {
        let error = Rc::new(Error::cancelled());
        state.borrow_mut().hold(Duration::from_nanos(9), Instant::ORIGIN, &error);
    }

    #[test]
    fn each_tenant_audience_and_limit_has_its_state() {
        let mut instance = InstanceState::default();
        hold(&instance.limit(Some("a"), "https://x", ServiceLimit::RiskyUsers));
        for (tenant, audience, limit, held_until) in [
            (None, "https://x", ServiceLimit::RiskyUsers, Instant::ORIGIN),
            (Some("b"), "https://x", ServiceLimit::RiskyUsers, Instant::ORIGIN),
            (Some("a"), "https://y", ServiceLimit::RiskyUsers, Instant::ORIGIN),
            (Some("a"), "https://x", ServiceLimit::SignIns, Instant::ORIGIN),
            (Some("a"), "https://x", ServiceLimit::RiskyUsers, HELD),
        ] {
            let state = instance.limit(tenant, audience, limit);
            assert_eq!(state.borrow().held_until(), held_until, "{tenant:?} {audience} {limit:?}");
        }
    }

    #[test]
    fn a_limit_that_a_call_uses_is_not_forgotten() {
        let mut instance = InstanceState::default();
        let used = instance.limit(Some("used"), "https://x", ServiceLimit::RiskyUsers);
        hold(&instance.limit(Some("unused"), "https://x", ServiceLimit::RiskyUsers));
        for number in 0..2_000 {
            instance.limit(Some(&number.to_string()), "https://x", ServiceLimit::RiskyUsers);
        }
        assert!(Rc::ptr_eq(&used, &instance.limit(Some("used"), "https://x", ServiceLimit::RiskyUsers)));
        let unused = instance.limit(Some("unused"), "https://x", ServiceLimit::RiskyUsers);
        assert_eq!(unused.borrow().held_until(), Instant::ORIGIN);
    }
}
