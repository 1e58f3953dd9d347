//! Times of day as they stand in the store: nanoseconds since 1970.

/// A time of day, or a span, in nanoseconds.
pub(crate) type Nanos = u64;

/// A millisecond.
pub(crate) const MILLISECOND: Nanos = 1_000_000;

/// A second.
pub(crate) const SECOND: Nanos = 1_000_000_000;
