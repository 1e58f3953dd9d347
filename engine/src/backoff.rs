//! Waits between attempts: exponential backoff with jitter.

use crate::random::Random;
use crate::time::Duration;

/// The wait before the attempt that follows the `number`th failure: 3 s, doubled after each further
/// failure up to `longest`, with jitter.
pub(crate) fn backoff(number: u32, longest: Duration, random: &mut Random) -> Duration {
    let doublings = 2_u64.saturating_pow(number.saturating_sub(1));
    with_jitter(FIRST_BACKOFF.saturating_mul(doublings).min(longest), random)
}

/// A wait that is longer than `wait` by a random part, at most a quarter of it.
pub(crate) fn with_jitter(wait: Duration, random: &mut Random) -> Duration {
    wait.saturating_add(random.up_to(wait.part(4)))
}

/// The wait before the first retry: the base of the Microsoft Graph SDKs.
pub(crate) const FIRST_BACKOFF: Duration = Duration::from_secs(3);

/// The longest wait between two attempts for the same ids, without jitter.
pub(crate) const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// The longest wait between two probes of the circuit breaker, without jitter, so that the end of
/// an outage is noticed soon.
pub(crate) const MAX_PROBE_WAIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_limit_with_up_to_a_quarter_of_jitter() {
        let random = &mut Random::new(5);
        for (number, seconds) in [(1, 3), (2, 6), (3, 12), (4, 24), (5, 48), (6, 60), (u32::MAX, 60)] {
            let shortest = Duration::from_secs(seconds);
            let longest = shortest.saturating_add(shortest.part(4));
            for _ in 0..100 {
                let wait = backoff(number, MAX_BACKOFF, random);
                assert!((shortest..=longest).contains(&wait), "{number} {wait:?}");
            }
        }
    }
}
