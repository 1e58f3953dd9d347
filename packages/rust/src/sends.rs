//! When the instances of a tenant last sent a request. They share a limit of the service, but do
//! not know of each other's requests, so each waits for a window after another one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entra_risk_engine::contract::action::ServiceLimit;
use http::Uri;
use tokio::time::Instant;

use crate::tenants::Tenant;

/// The latest requests of all instances.
#[derive(Clone, Default)]
pub(crate) struct Sends(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    /// How many instances there have been.
    instances: u64,
    /// The instance that sent the latest request that counts against a limit, and when.
    latest: HashMap<(Tenant, bool), (u64, Instant)>,
}

/// One instance among those that send requests.
pub(crate) struct Sender {
    sends: Sends,
    tenant: Tenant,
    number: u64,
}

impl Sends {
    /// A new instance of a tenant.
    pub(crate) fn sender(&self, tenant: &Tenant) -> Sender {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.instances = log.instances.saturating_add(1);
        Sender { sends: self.clone(), tenant: tenant.clone(), number: log.instances }
    }
}

impl Sender {
    /// Records that the instance sends a request now.
    pub(crate) fn sent(&self, uri: &Uri) {
        let now = Instant::now();
        let mut log = self.sends.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.latest.retain(|_, (_, at)| now.duration_since(*at) < MAX_MEMORY);
        log.latest.insert((self.tenant.clone(), uri.path().contains(SIGN_INS)), (self.number, now));
    }

    /// When the instance may send its first request: a window after one of another instance.
    /// `None`: now.
    pub(crate) fn may_send_at(&self, limit: ServiceLimit, window: Duration) -> Option<Instant> {
        let log = self.sends.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, at) = log.latest.get(&(self.tenant.clone(), limit == ServiceLimit::SignIns))?;
        // The service counts requests when they arrive.
        let window = window.saturating_add(window.checked_div(MARGIN_PARTS).unwrap_or_default());
        at.checked_add(window).filter(|at| *number != self.number && *at > Instant::now())
    }
}

/// What only the paths of sign-ins contain.
const SIGN_INS: &str = "/auditLogs/signIns";

/// A 50th of the window is added to it, as the rate limit does at first.
const MARGIN_PARTS: u32 = 50;

/// No window of a rate limit is expected to be longer.
const MAX_MEMORY: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_instance_waits_for_a_window_after_another_one() {
        let sends = Sends::default();
        let sender = |tenant: &str| sends.sender(&Some(tenant.to_owned()));
        let (plugin, reader, elsewhere) = (sender("a"), sender("a"), sender("b"));
        let wait =
            |sender: &Sender, limit| sender.may_send_at(limit, Duration::from_secs(1)).map(|at| at - Instant::now());
        plugin.sent(&Uri::from_static("https://graph.microsoft.com/v1.0/identityProtection/riskyUsers/dismiss"));
        tokio::time::advance(Duration::from_millis(300)).await;
        assert_eq!(wait(&reader, ServiceLimit::RiskyUsers), Some(Duration::from_millis(720)));
        for (sender, limit) in [
            (&plugin, ServiceLimit::RiskyUsers),
            (&reader, ServiceLimit::SignIns),
            (&elsewhere, ServiceLimit::RiskyUsers),
        ] {
            assert_eq!(wait(sender, limit), None);
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(wait(&reader, ServiceLimit::RiskyUsers), None);
    }
}
