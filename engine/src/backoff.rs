//! Waits between attempts: each is about twice as long as the one before, up to a limit.

use crate::random::Random;
use crate::time::{Nanos, SECOND};

/// The wait before the attempt after the `number`th failure: 3 s doubling to `max`, and up to a quarter more.
pub(crate) fn backoff(number: u32, max: Nanos, random: &mut Random) -> Nanos {
    let doublings = 2_u64.saturating_pow(number.saturating_sub(1));
    let wait = FIRST_BACKOFF.saturating_mul(doublings).min(max);
    wait.saturating_add(random.up_to(wait / 4))
}

/// The wait before the first retry: the base of the Microsoft Graph SDKs.
pub(crate) const FIRST_BACKOFF: Nanos = 3 * SECOND;

/// The longest wait between attempts for the same ids, without jitter.
pub(crate) const MAX_BACKOFF: Nanos = 60 * SECOND;

/// The longest wait between probes, without jitter: an outage is noticed to be over soon after.
pub(crate) const MAX_PROBE_WAIT: Nanos = 10 * SECOND;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_limit_with_up_to_a_quarter_of_jitter() {
        let random = &mut Random::new(5);
        for (number, seconds) in [(1, 3), (2, 6), (3, 12), (4, 24), (5, 48), (6, 60), (u32::MAX, 60)] {
            for _ in 0..100 {
                let wait = backoff(number, MAX_BACKOFF, random);
                assert!((seconds * SECOND..=seconds * SECOND * 5 / 4).contains(&wait), "{number} {wait}");
            }
        }
    }
}
