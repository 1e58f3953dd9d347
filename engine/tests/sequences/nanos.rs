//! Times and spans as the checks count them: in nanoseconds.

use entra_risk_engine::time::Instant;

pub type Nanos = u64;

pub const MILLISECOND: Nanos = 1_000_000;

pub const SECOND: Nanos = 1_000_000_000;

pub fn from_ms(ms: u32) -> Nanos {
    u64::from(ms) * MILLISECOND
}

pub fn at(nanos: Nanos) -> Instant {
    Instant::from_nanos(nanos)
}
