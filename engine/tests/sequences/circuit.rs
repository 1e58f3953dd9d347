//! The circuit as the contract states it, and no more: what the engine may not do less strictly.

use entra_risk_engine::time::Nanos;

use crate::verdict::Kind;

#[derive(Default)]
pub struct Circuit {
    transient: u32,
    unexpected: u32,
    pub is_open: bool,
    pub failed_at: Nanos,
}

impl Circuit {
    /// Takes in the end of an attempt. Returns whether three statuses in a row were unexpected.
    pub fn ended(&mut self, kind: Kind, has_status: bool, now: Nanos) -> bool {
        match kind {
            Kind::Accepted | Kind::Refused => *self = Circuit::default(),
            Kind::Throttled => {}
            Kind::Transient | Kind::Unexpected => self.failed_at = now,
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
