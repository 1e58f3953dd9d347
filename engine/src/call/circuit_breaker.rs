//! The circuit: after failures in a row, one request at a time probes whether the service is back.

use crate::backoff::{MAX_PROBE_WAIT, backoff};
use crate::random::Random;
use crate::time::Nanos;

/// What the results of the latest attempts say about the service.
#[derive(Debug, Default)]
pub(crate) struct Circuit {
    /// Failures since the circuit was last closed.
    failures: u32,
    /// When it was opened.
    opened_at: Nanos,
    /// Unexpected statuses in a row.
    unexpected: u32,
    /// The earliest time of the next request while the circuit is open.
    next_probe: Nanos,
}

impl Circuit {
    /// Only one request may be in flight.
    pub(crate) fn is_open(&self) -> bool {
        self.failures >= OPENING_FAILURES
    }

    /// New groups become smaller: an id in each of the latest ones may be at fault.
    pub(crate) fn asks_for_smaller_groups(&self) -> bool {
        self.failures >= SHRINKING_FAILURES
    }

    /// When the next request may be sent, a time that may have passed.
    pub(crate) fn earliest(&self) -> Nanos {
        if self.is_open() { self.next_probe } else { 0 }
    }

    /// Records an acceptance or a refusal: the service is there.
    pub(crate) fn close(&mut self) {
        *self = Circuit::default();
    }

    /// Records a failure that may pass, of a request that was sent at `sent`.
    pub(crate) fn failed(&mut self, sent: Nanos, now: Nanos, random: &mut Random) {
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

    /// Records a status that Microsoft Graph does not give. Returns whether there were too many in a row.
    pub(crate) fn unexpected(&mut self, sent: Nanos, now: Nanos, random: &mut Random) -> bool {
        self.failed(sent, now, random);
        self.unexpected = self.unexpected.saturating_add(1);
        self.unexpected >= MAX_UNEXPECTED
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
    use crate::time::SECOND;

    #[test]
    fn two_failures_open_the_circuit_until_it_is_closed() {
        let mut circuit = Circuit::default();
        let random = &mut Random::new(5);
        circuit.failed(0, 0, random);
        assert!(!circuit.is_open());
        circuit.failed(0, SECOND, random);
        assert!(circuit.is_open());
        assert!((4 * SECOND..5 * SECOND).contains(&circuit.earliest()), "{circuit:?}");
        let probe = circuit.earliest();
        circuit.failed(0, 2 * SECOND, random);
        assert_eq!(circuit.earliest(), probe, "a request that was in flight counts as a probe");
        circuit.failed(probe, probe, random);
        assert!(circuit.earliest() >= probe + 6 * SECOND);
        circuit.close();
        assert!(!circuit.is_open());
    }

    #[test]
    fn the_third_unexpected_status_in_a_row_is_too_many() {
        let mut circuit = Circuit::default();
        let random = &mut Random::new(5);
        assert!(!circuit.unexpected(0, 0, random));
        assert!(!circuit.unexpected(0, 0, random));
        circuit.expected();
        assert!(!circuit.unexpected(0, 0, random));
        assert!(!circuit.unexpected(0, 0, random));
        assert!(circuit.unexpected(0, 0, random));
    }
}
