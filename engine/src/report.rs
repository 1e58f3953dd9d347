//! The result of a call: every id exactly once, with what became of it.

use std::rc::Rc;

use crate::error::{Error, OutcomeKind};
use crate::response::Receipt;

/// Neighbouring ids that ended in the same request with the same outcome.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    /// The ids, in the order given.
    pub ids: Vec<String>,
    /// Requests that carried them.
    pub attempts: u32,
    /// What became of them.
    pub outcome: Outcome,
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Accepted(Rc<Receipt>),
    /// Microsoft Graph refuses these ids.
    Refused(Rc<Error>),
    /// Not applied, through no fault of the ids.
    NotApplied(Rc<Error>),
    /// May have been applied.
    Unknown(Rc<Error>),
}

/// The result of a call in which not every id was accepted.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// What ended the call, or else the first error.
    pub cause: Rc<Error>,
    /// Every id exactly once, in the order given.
    pub batches: Vec<Batch>,
}

impl Outcome {
    /// The outcome of ids whose last attempt ended with `error`. `maybe_applied`: an attempt may have been applied.
    /// `is_undecided`: the ids were refused together, and those at fault were not found.
    pub(crate) fn of(error: Rc<Error>, maybe_applied: bool, is_undecided: bool) -> Outcome {
        match error.outcome_kind() {
            _ if maybe_applied => Outcome::Unknown(error),
            OutcomeKind::Refused if !is_undecided => Outcome::Refused(error),
            OutcomeKind::Refused | OutcomeKind::NotApplied => Outcome::NotApplied(error),
            OutcomeKind::Unknown => Outcome::Unknown(error),
        }
    }
}
