//! Time as the engine knows it: nanoseconds since a start that the host chooses.

/// A point in time or a span, in nanoseconds: 64 bits hold 584 years.
pub type Nanos = u64;

/// One millisecond.
pub const MILLISECOND: Nanos = 1_000_000;

/// One second.
pub const SECOND: Nanos = 1_000_000_000;

/// A span given in milliseconds.
pub fn from_ms(ms: u32) -> Nanos {
    u64::from(ms).saturating_mul(MILLISECOND)
}
