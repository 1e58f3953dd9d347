//! The report of a call, or of several that belong together: every id exactly once.

use crate::CallResult;
use crate::actions::{Batch, Error, Failure, Outcome};

/// The outcome of every id, in the order given.
#[derive(Debug, Default)]
pub struct Report {
    /// Neighbouring ids that ended in the same request with the same outcome.
    pub batches: Vec<Batch>,
    /// What ended the call, or else the first error; none if every id was accepted.
    pub cause: Option<Error>,
}

/// What identifies a request at Microsoft Graph.
#[derive(Debug, Clone, Copy)]
pub struct RequestIds<'a> {
    /// The service's id.
    pub request_id: Option<&'a str>,
    /// The `client-request-id` that was sent.
    pub client_request_id: &'a str,
    /// When the service responded.
    pub date: Option<&'a str>,
}

/// The cases of `outcome` without their contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeKind {
    /// Done.
    Accepted,
    /// Microsoft Graph refuses the ids: sending them again unchanged is pointless.
    Refused,
    /// Not applied, through no fault of the ids: send them again once the cause is gone.
    NotApplied,
    /// May have been applied: sending the ids again is safe.
    Unknown,
}

impl Report {
    /// Appends the report of a later call. The first cause stays, unless the later one `ended` the whole.
    pub fn append(&mut self, later: Report, ended: bool) {
        self.batches.extend(later.batches);
        if ended || self.cause.is_none() {
            self.cause = later.cause.or(self.cause.take());
        }
    }

    /// The ids with this outcome, in the order given.
    pub fn ids(&self, kind: OutcomeKind) -> impl Iterator<Item = &str> {
        let batches = self.batches.iter().filter(move |batch| batch.kind() == kind);
        batches.flat_map(|batch| batch.ids.iter().map(String::as_str))
    }
}

impl From<CallResult> for Report {
    fn from(result: CallResult) -> Self {
        match result {
            Ok(batches) => Report { batches, cause: None },
            Err(Failure { cause, batches }) => Report { batches, cause: Some(cause) },
        }
    }
}

impl OutcomeKind {
    /// All four, in the order of the contract.
    pub const ALL: [OutcomeKind; 4] =
        [OutcomeKind::Accepted, OutcomeKind::Refused, OutcomeKind::NotApplied, OutcomeKind::Unknown];

    /// The name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            OutcomeKind::Accepted => "accepted",
            OutcomeKind::Refused => "refused",
            OutcomeKind::NotApplied => "not-applied",
            OutcomeKind::Unknown => "unknown",
        }
    }
}

impl Batch {
    /// The case of the outcome.
    pub fn kind(&self) -> OutcomeKind {
        match self.outcome {
            Outcome::Accepted(_) => OutcomeKind::Accepted,
            Outcome::Refused(_) => OutcomeKind::Refused,
            Outcome::NotApplied(_) => OutcomeKind::NotApplied,
            Outcome::Unknown(_) => OutcomeKind::Unknown,
        }
    }

    /// What identifies the last request of the batch at Microsoft Graph, whatever its outcome; none without a response.
    pub fn request_ids(&self) -> Option<RequestIds<'_>> {
        let (request_id, client_request_id, date) = match (&self.outcome, self.error().and_then(Error::graph)) {
            (Outcome::Accepted(receipt), _) => (&receipt.request_id, &receipt.client_request_id, &receipt.date),
            (_, graph) => graph.map(|graph| (&graph.request_id, &graph.client_request_id, &graph.date))?,
        };
        Some(RequestIds { request_id: request_id.as_deref(), client_request_id, date: date.as_deref() })
    }

    /// The last error of the batch; none if it was accepted.
    pub fn error(&self) -> Option<&Error> {
        match &self.outcome {
            Outcome::Accepted(_) => None,
            Outcome::Refused(error) | Outcome::NotApplied(error) | Outcome::Unknown(error) => Some(error),
        }
    }
}
