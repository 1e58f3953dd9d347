//! The start of a queue: it maps each ticket to the time of its turn.

use std::fmt;

use crate::time::Nanos;

/// The start of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    /// The first ticket.
    pub(crate) ticket: u64,
    /// The time of the turn of `ticket`.
    pub(crate) time: Nanos,
    /// The time from one turn to the next.
    pub(crate) spacing: Nanos,
    /// When the hold of the queue ends.
    pub(crate) held_until: Nanos,
}

impl Base {
    /// Parses the form in which a base is written. Anything other than four numbers is no base.
    pub(crate) fn parse(value: &[u8]) -> Option<Base> {
        let mut numbers = str::from_utf8(value).ok()?.split(' ').map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        let base = Base { ticket: next()?, time: next()?, spacing: next()?, held_until: next()? };
        numbers.next().is_none().then_some(base)
    }

    /// The time of the turn of a ticket. None if the ticket is from before this base.
    pub(crate) fn time_of(self, ticket: u64) -> Option<Nanos> {
        let place = ticket.checked_sub(self.ticket)?;
        Some(self.time.saturating_add(place.saturating_mul(self.spacing)))
    }

    /// The base that describes the same queue from the first ticket whose time has not passed.
    pub(crate) fn advanced_to(self, now: Nanos) -> Base {
        let passed = now.saturating_sub(self.time).div_ceil(self.spacing.max(1));
        let ticket = self.ticket.saturating_add(passed);
        Base { ticket, time: self.time_of(ticket).unwrap_or(now), ..self }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Base { ticket, time, spacing, held_until } = self;
        write!(f, "{ticket} {time} {spacing} {held_until}")
    }
}
