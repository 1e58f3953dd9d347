//! The circuit as the contract states it, and no more: what the engine may not do less strictly.

use crate::sequences::nanos::Nanos;
use crate::sequences::verdict::Kind;

#[derive(Default)]
pub struct Circuit {
    transient: u32,
    unexpected: u32,
    pub is_open: bool,
    /// Failures of either kind: the engine may open the circuit at the second one.
    failures: u32,
    second_failure_at: Nanos,
    pub failed_at: Nanos,
}

impl Circuit {
    /// The service has failed several times in a row: groups become smaller.
    pub fn is_failing(&self) -> bool {
        self.failures >= 4
    }

    /// The engine may have opened the circuit.
    pub fn may_be_open(&self) -> bool {
        self.is_open || self.failures >= 2
    }

    /// Takes in the end of an attempt that was sent at `sent`. Returns whether three statuses in a
    /// row were unexpected.
    pub fn ended(&mut self, kind: Kind, has_status: bool, sent: Nanos, now: Nanos) -> bool {
        // A request that was in flight at the second failure is no probe.
        let counts = self.failures < 2 || sent >= self.second_failure_at;
        match kind {
            Kind::Accepted | Kind::Refused | Kind::TooLarge => *self = Circuit::default(),
            Kind::Throttled => {}
            Kind::Transient | Kind::Unexpected if counts => {
                self.failed_at = now;
                self.failures += 1;
                if self.failures == 2 {
                    self.second_failure_at = now;
                }
            }
            Kind::Transient | Kind::Unexpected => {}
            _ => self.transient = 0,
        }
        if kind == Kind::Transient {
            self.transient += 1;
        }
        if kind == Kind::Unexpected {
            self.transient = 0;
            self.unexpected += 1;
        } else if has_status {
            self.unexpected = 0;
        }
        self.is_open |= self.transient >= 2 || self.unexpected >= 2;
        self.unexpected >= 3
    }
}
