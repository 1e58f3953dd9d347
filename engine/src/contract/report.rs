//! What a call reports: the outcome of every id once, and how far it has come.

use std::rc::Rc;

use crate::contract::error::{Error, OutcomeKind};
use crate::contract::id::Id;
use crate::time::Duration;

/// Ids that ended in the same request with the same outcome and number of attempts, or that were
/// never sent.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The ids, in the order given.
    pub ids: Vec<Id>,
    /// How many requests carried the ids.
    pub attempts: u32,
    /// What became of the ids.
    pub outcome: Outcome,
}

/// What became of the ids of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Microsoft Graph accepted the request.
    Accepted(Rc<Receipt>),
    /// Microsoft Graph refuses these ids.
    Refused(Rc<Error>),
    /// The ids were not applied, through no fault of theirs.
    NotApplied(Rc<Error>),
    /// The ids may have been applied.
    Unknown(Rc<Error>),
}

impl Outcome {
    /// Why the ids were not accepted, unless they were.
    pub fn error(&self) -> Option<&Rc<Error>> {
        match self {
            Outcome::Accepted(_) => None,
            Outcome::Refused(error) | Outcome::NotApplied(error) | Outcome::Unknown(error) => Some(error),
        }
    }

    /// The outcome of ids whose last attempt ended with `error`. `maybe_applied`: an attempt may
    /// have been applied. `is_undecided`: the ids were refused together, and those at fault were
    /// not found.
    pub(crate) fn of(error: Rc<Error>, maybe_applied: bool, is_undecided: bool) -> Outcome {
        match error.outcome {
            _ if maybe_applied => Outcome::Unknown(error),
            OutcomeKind::Refused if !is_undecided => Outcome::Refused(error),
            OutcomeKind::Refused | OutcomeKind::NotApplied => Outcome::NotApplied(error),
            OutcomeKind::Unknown => Outcome::Unknown(error),
        }
    }
}

/// Identifies an accepted request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The service's id of the request.
    pub request_id: Option<String>,
    /// The `client-request-id` of the attempt.
    pub client_request_id: String,
    /// When the service responded, an HTTP date.
    pub date: Option<String>,
}

/// What a call is doing while no id gets its outcome.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Ids without an outcome.
    pub remaining: usize,
    /// Requests sent so far.
    pub requests: u32,
    /// Requests sent that have no response yet.
    pub in_flight: usize,
    /// The time until a request may be sent again, unless that is not known or nothing is to be
    /// sent.
    pub next_send: Option<Duration>,
    /// The failure that the call waits out, which is the latest one since the last acceptance, and
    /// never a refusal.
    pub error: Option<Rc<Error>>,
}
