//! The clock and the random numbers of the host.

use entra_risk_engine::time::Instant;
use waki::bindings::wasi::clocks::monotonic_clock;
use waki::bindings::wasi::random::random as wasi_random;

/// What the host's monotonic clock shows.
pub fn now() -> Instant {
    Instant::from_nanos(monotonic_clock::now())
}

/// A random number that cannot be predicted.
pub fn random() -> u64 {
    wasi_random::get_random_u64()
}
