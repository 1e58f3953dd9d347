//! What a call reports: the outcome of every id, in batches.

use std::fmt;

use crate::Error;

/// Identifies an accepted request (`204 No Content`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The `request-id` header of the response.
    pub request_id: Option<String>,
    /// The `client-request-id` header of the request.
    pub client_request_id: String,
    /// The `date` header of the response, an HTTP date.
    pub date: Option<String>,
}

/// What became of a batch, and what to do with its ids next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// 204: done.
    Accepted(Receipt),
    /// Microsoft Graph refuses these ids: sending them again unchanged is pointless.
    Refused(Error),
    /// Not applied, through no fault of the ids: send them again once the cause is gone.
    NotApplied(Error),
    /// May have been applied: sending them again is safe.
    Unknown(Error),
}

/// Neighbouring ids that ended in the same request with the same outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The ids, in the order given.
    pub ids: Vec<String>,
    /// Requests that carried these ids; 0 if none did. After `Error::PluginStopped`, all requests of the call.
    pub attempts: u32,
    /// What became of them.
    pub outcome: Outcome,
}

/// Not every id was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What ended the call, or else the first error.
    pub cause: Error,
    /// Every id exactly once, in the order given. Empty for `Error::InvalidArgument`.
    pub batches: Vec<Batch>,
}

/// How many ids had which outcome.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
    pub(crate) not_applied: usize,
    pub(crate) unknown: usize,
}

impl Failure {
    /// The ids that are done.
    pub fn accepted(&self) -> impl Iterator<Item = &str> {
        self.ids(|outcome| matches!(outcome, Outcome::Accepted(_)))
    }

    /// The ids that Microsoft Graph refuses: correct or drop them.
    pub fn refused(&self) -> impl Iterator<Item = &str> {
        self.ids(|outcome| matches!(outcome, Outcome::Refused(_)))
    }

    /// The ids to pass again once the cause is gone: those not applied, and those that may have been applied.
    pub fn to_retry(&self) -> impl Iterator<Item = &str> {
        self.ids(|outcome| matches!(outcome, Outcome::NotApplied(_) | Outcome::Unknown(_)))
    }

    fn ids(&self, has: impl Fn(&Outcome) -> bool) -> impl Iterator<Item = &str> {
        self.batches.iter().filter(move |batch| has(&batch.outcome)).flat_map(|batch| &batch.ids).map(String::as_str)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.batches.is_empty() {
            return self.cause.fmt(f);
        }
        let Counts { accepted, refused, not_applied, unknown } = Counts::of(&self.batches);
        let total: usize = [accepted, refused, not_applied, unknown].into_iter().sum();
        let to_retry = not_applied.saturating_add(unknown);
        write!(f, "{accepted} of {total} ids accepted, {refused} refused, {to_retry} to retry; cause: {}", self.cause)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

impl Counts {
    pub(crate) fn of(batches: &[Batch]) -> Counts {
        let mut counts = Counts::default();
        for batch in batches {
            let count = match batch.outcome {
                Outcome::Accepted(_) => &mut counts.accepted,
                Outcome::Refused(_) => &mut counts.refused,
                Outcome::NotApplied(_) => &mut counts.not_applied,
                Outcome::Unknown(_) => &mut counts.unknown,
            };
            *count = count.saturating_add(batch.ids.len());
        }
        counts
    }
}
