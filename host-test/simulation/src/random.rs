//! What the plans draw from a seed.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use uuid::{Builder, Uuid};

/// An id.
pub(crate) fn guid(rng: &mut StdRng) -> Uuid {
    Builder::from_random_bytes(rng.random()).into_uuid()
}

/// A number whose order of magnitude is uniformly distributed.
pub(crate) fn log_uniform(rng: &mut StdRng, range: RangeInclusive<u32>) -> u32 {
    let (low, high) = (f64::from(*range.start()).ln(), f64::from(*range.end()).ln());
    (rng.random_range(low..=high).exp().round() as u32).clamp(*range.start(), *range.end())
}

/// That many milliseconds.
pub(crate) fn millis(rng: &mut StdRng, range: RangeInclusive<u32>) -> Duration {
    Duration::from_millis(log_uniform(rng, range).into())
}
