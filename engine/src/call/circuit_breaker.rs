//! The circuit breaker: after failures in a row, one request at a time probes whether the service
//! is back.

use crate::backoff::{MAX_PROBE_WAIT, backoff};
use crate::random::Random;
use crate::time::Instant;

/// What the latest attempts say about the service.
#[derive(Debug, Default)]
pub(crate) struct CircuitBreaker {
    /// Failures since the circuit was last closed.
    failures: u32,
    /// When the circuit was opened.
    opened_at: Instant,
    /// Unexpected statuses in a row.
    unexpected: u32,
    /// The earliest time of the next request while the circuit is open.
    next_probe: Instant,
}

impl CircuitBreaker {
    /// Whether only one request may be in flight.
    pub(crate) fn is_open(&self) -> bool {
        self.failures >= OPENING_FAILURES
    }

    /// Whether new groups become smaller, because an id in each of the latest ones may be at fault.
    pub(crate) fn asks_for_smaller_groups(&self) -> bool {
        self.failures >= SHRINKING_FAILURES
    }

    /// Whether too many unexpected statuses came in a row.
    pub(crate) fn has_too_many_unexpected(&self) -> bool {
        self.unexpected >= MAX_UNEXPECTED
    }

    /// The earliest time of the next request.
    pub(crate) fn earliest(&self) -> Instant {
        if self.is_open() { self.next_probe } else { Instant::ORIGIN }
    }

    /// Closes the circuit, because an acceptance or a refusal shows that the service is there.
    pub(crate) fn close(&mut self) {
        *self = CircuitBreaker::default();
    }

    /// Records that a request that was sent at `sent` failed, and that another attempt may succeed.
    pub(crate) fn failed(&mut self, sent: Instant, now: Instant, random: &mut Random) {
        // A request that was in flight when the circuit opened is no probe.
        if self.is_open() && sent < self.opened_at {
            return;
        }
        if !self.is_open() {
            self.opened_at = now;
        }
        self.failures = self.failures.saturating_add(1);
        let probes = self.failures.saturating_sub(OPENING_FAILURES).saturating_add(1);
        self.next_probe = now.saturating_add(backoff(probes, MAX_PROBE_WAIT, random));
    }

    /// Records a status that Microsoft Graph does not give to a request, which was sent at `sent`.
    pub(crate) fn unexpected(&mut self, sent: Instant, now: Instant, random: &mut Random) {
        self.failed(sent, now, random);
        self.unexpected = self.unexpected.saturating_add(1);
    }

    /// Records a status that Microsoft Graph gives, whichever it is.
    pub(crate) fn expected(&mut self) {
        self.unexpected = 0;
    }
}

/// Failures in a row that open the circuit.
const OPENING_FAILURES: u32 = 2;

/// Failures in a row from which on each new group has half as many ids as the one before.
const SHRINKING_FAILURES: u32 = 4;

/// Unexpected statuses in a row that end the call.
const MAX_UNEXPECTED: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    fn at(seconds: u64) -> Instant {
        Instant::ORIGIN.saturating_add(Duration::from_secs(seconds))
    }

    #[test]
    fn two_failures_open_the_circuit_until_it_is_closed() {
        let mut breaker = CircuitBreaker::default();
        let random = &mut Random::new(5);
        breaker.failed(at(0), at(0), random);
        assert!(!breaker.is_open());
        breaker.failed(at(0), at(1), random);
        assert!(breaker.is_open());
        assert!((at(4)..at(5)).contains(&breaker.earliest()), "{breaker:?}");
        let probe = breaker.earliest();
        breaker.failed(at(0), at(2), random);
        assert_eq!(breaker.earliest(), probe, "a request that was in flight counts as a probe");
        breaker.failed(probe, probe, random);
        assert!(breaker.earliest().since(probe) >= Duration::from_secs(6));
        breaker.close();
        assert!(!breaker.is_open());
    }

    #[test]
    fn the_third_unexpected_status_in_a_row_is_too_many() {
        let mut breaker = CircuitBreaker::default();
        let random = &mut Random::new(5);
        breaker.unexpected(at(0), at(0), random);
        breaker.unexpected(at(0), at(0), random);
        breaker.expected();
        breaker.unexpected(at(0), at(0), random);
        breaker.unexpected(at(0), at(0), random);
        assert!(!breaker.has_too_many_unexpected());
        breaker.unexpected(at(0), at(0), random);
        assert!(breaker.has_too_many_unexpected());
    }
}
