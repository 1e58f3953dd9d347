//! Random numbers from a seed, for jitter and request ids. They are not secret.

use crate::time::Duration;

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A generator that starts from `seed`.
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A number from 0 to `u64::MAX`.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A span from zero to `longest`, both included.
    pub(crate) fn up_to(&mut self, longest: Duration) -> Duration {
        let number = self.next();
        let count = longest.as_nanos().checked_add(1);
        Duration::from_nanos(count.and_then(|count| number.checked_rem(count)).unwrap_or(number))
    }
}
