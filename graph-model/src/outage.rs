//! Outages: faults of every request, with a beginning and an end.

use std::time::Duration;

use http::StatusCode;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::{Fault, FaultKind, RetryAfter};

/// A time in which every request has the same fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// When it begins, since the service's start.
    pub from: Duration,
    /// When it is over.
    pub until: Duration,
    /// The fault.
    pub fault: Fault,
}

impl Outage {
    /// Whether it affects a request at this time.
    pub fn covers(&self, at: Duration) -> bool {
        self.from <= at && at < self.until
    }

    /// Draws an outage that begins within 2 minutes and lasts 1 second to 10 minutes.
    pub fn draw(rng: &mut StdRng) -> Outage {
        let from = Duration::from_millis(rng.random_range(0..120_000));
        let until =
            from + Duration::from_millis((rng.random_range((1_000_f64).ln()..=(600_000_f64).ln())).exp() as u64);
        let kinds = [
            FaultKind::ServerError,
            FaultKind::ServerError,
            FaultKind::GatewayPage,
            FaultKind::NoConnection,
            FaultKind::NoName,
            FaultKind::Silence,
            FaultKind::Throttled,
            FaultKind::ProxyPage,
            FaultKind::BlockPage,
            FaultKind::Misdirected,
        ];
        let mut fault = Fault::of(*kinds.choose(rng).unwrap_or(&FaultKind::Silence));
        if fault.status == StatusCode::SERVICE_UNAVAILABLE && rng.random_ratio(1, 4) {
            fault.retry_after = RetryAfter::Seconds(rng.random_range(0..=20));
        }
        Outage { from, until, fault }
    }
}
