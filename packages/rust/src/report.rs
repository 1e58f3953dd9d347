//! What a call reports: the outcome of every id, in batches.

use std::fmt;

use crate::Error;

/// The outcomes of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The ids that have their outcome, each exactly once, in the order given. When the call is
    /// over, these are all.
    pub batches: Vec<Batch>,
    /// Why not every id was accepted: what ended the call, or else the error of the first batch
    /// that ended other than accepted. `None`: every id was accepted, or the call is not over.
    pub cause: Option<Error>,
}

/// Neighboring ids that ended in the same request with the same outcome, or that were never sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The ids, in the order given and in their first spelling.
    pub ids: Vec<String>,
    /// How many requests carried these ids. After `ErrorKind::PluginStopped`, how many requests the
    /// call sent.
    pub attempts: u32,
    /// What became of the ids.
    pub outcome: Outcome,
}

/// What became of a batch, and what to do with its ids next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Microsoft Graph responded 204: done.
    Accepted(Receipt),
    /// Microsoft Graph refuses these ids: sending them again unchanged is pointless.
    Refused(Error),
    /// The ids were not applied, through no fault of their own: send them again once the cause is
    /// gone.
    NotApplied(Error),
    /// The ids may have been applied: sending them again is safe.
    Unknown(Error),
}

/// Identifies an accepted request (`204 No Content`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// The `request-id` header of the response.
    pub request_id: Option<String>,
    /// The `client-request-id` header of the request.
    pub client_request_id: String,
    /// The `date` header of the response, an HTTP date.
    pub date: Option<String>,
}

/// A report as an error: not every id was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub Report);

impl Report {
    /// The ids that are done.
    pub fn accepted(&self) -> impl Iterator<Item = &str> {
        self.ids(|outcome| matches!(outcome, Outcome::Accepted(_)))
    }

    /// The ids that Microsoft Graph refuses: correct or drop them.
    pub fn refused(&self) -> impl Iterator<Item = &str> {
        self.ids(|outcome| matches!(outcome, Outcome::Refused(_)))
    }

    /// The ids to pass again once the cause is gone: those not applied, and those that may have
    /// been applied.
    pub fn to_retry(&self) -> impl Iterator<Item = &str> {
        self.ids(|outcome| matches!(outcome, Outcome::NotApplied(_) | Outcome::Unknown(_)))
    }

    /// The report of a call in which every id was accepted, so that `?` stops at anything less.
    ///
    /// # Errors
    /// If not every id was accepted. The error contains the report.
    pub fn into_result(self) -> Result<Report, Failure> {
        if self.cause.is_none() { Ok(self) } else { Err(Failure(self)) }
    }

    fn ids(&self, has: impl Fn(&Outcome) -> bool) -> impl Iterator<Item = &str> {
        self.batches.iter().filter(move |batch| has(&batch.outcome)).flat_map(|batch| &batch.ids).map(String::as_str)
    }
}

impl Outcome {
    /// The name of the outcome in the contract: `accepted`, `refused`, `not-applied` or `unknown`.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Accepted(_) => "accepted",
            Outcome::Refused(_) => "refused",
            Outcome::NotApplied(_) => "not-applied",
            Outcome::Unknown(_) => "unknown",
        }
    }

    /// What identifies the request, if the outcome is `Accepted`.
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            Outcome::Accepted(receipt) => Some(receipt),
            _ => None,
        }
    }

    /// Why the ids were not accepted, unless the outcome is `Accepted`.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Outcome::Accepted(_) => None,
            Outcome::Refused(error) | Outcome::NotApplied(error) | Outcome::Unknown(error) => Some(error),
        }
    }
}

/// The report on one line, such as `59 of 60 ids accepted, 1 refused, 0 to retry; cause:
/// client-error: …`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (accepted, refused, to_retry) = (self.accepted().count(), self.refused().count(), self.to_retry().count());
        let total: usize = [accepted, refused, to_retry].into_iter().sum();
        write!(f, "{accepted} of {total} ids accepted, {refused} refused, {to_retry} to retry")?;
        self.cause.as_ref().map_or(Ok(()), |cause| write!(f, "; cause: {cause}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_ref().map(|cause| cause as _)
    }
}
