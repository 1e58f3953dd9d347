//! What a call reports: the outcome of every id, exactly once.

use std::rc::Rc;

use crate::contract::error::{Error, OutcomeKind};
use crate::contract::id::Id;
use crate::time::Nanos;

/// Ids that ended in the same request with the same outcome after as many attempts, or that were never sent.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The ids, in the order given.
    pub ids: Vec<Id>,
    /// Requests that carried them.
    pub attempts: u32,
    /// What became of them.
    pub outcome: Outcome,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Microsoft Graph took the request.
    Accepted(Rc<Receipt>),
    /// Microsoft Graph refuses these ids.
    Refused(Rc<Error>),
    /// Not applied, through no fault of the ids.
    NotApplied(Rc<Error>),
    /// May have been applied.
    Unknown(Rc<Error>),
}

impl Outcome {
    /// Why the ids were not accepted; none if they were.
    pub fn error(&self) -> Option<&Rc<Error>> {
        match self {
            Outcome::Accepted(_) => None,
            Outcome::Refused(error) | Outcome::NotApplied(error) | Outcome::Unknown(error) => Some(error),
        }
    }

    /// The outcome of ids whose last attempt ended with `error`. `maybe_applied`: an attempt may have been applied.
    /// `is_undecided`: the ids were refused together, and those at fault were not found.
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
    pub left: usize,
    /// Requests sent so far.
    pub requests: u32,
    /// The requests among these that have no outcome yet.
    pub in_flight: usize,
    /// The time until a request may be sent again; none while that is not known, or if nothing is to be sent.
    pub next_send: Option<Nanos>,
    /// The failure that the call waits out: the latest one since the last acceptance, never a refusal.
    pub error: Option<Rc<Error>>,
}
