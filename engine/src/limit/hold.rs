//! Holds: while one lasts, no request is sent against its limit.

use std::rc::Rc;

use crate::contract::error::Error;
use crate::time::Instant;

/// A time during which no request is sent, because a response asked for it.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    /// Which hold it is. A later one has a greater number.
    pub(crate) number: HoldNumber,
    /// When the hold ends: after an hour at most. The call whose response asked for it may wait
    /// longer.
    pub(crate) until: Instant,
    /// The error that asked for the hold.
    pub(crate) by: Rc<Error>,
}

/// Identifies a hold of a limit. The default comes before the first hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HoldNumber(u64);

impl HoldNumber {
    /// The number of the hold after this one.
    pub(crate) fn next(self) -> HoldNumber {
        HoldNumber(self.0.saturating_add(1))
    }
}
