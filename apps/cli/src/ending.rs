//! When a run in slices ends: where the plugin would have ended a call with all ids. The plugin decides within a slice; this
//! adds up what it cannot know of the slices before.

use std::time::Duration;

use entra_risk_report::Report;
use entra_risk_report::actions::{Batch, Error, Options, Outcome};

/// Unexpected statuses in a row after which the plugin ends a call.
const MAX_UNEXPECTED: usize = 3;

/// What is known after some slices.
pub(crate) struct Ending {
    max_attempts: u32,
    patience: Duration,
    /// The slices since the last one in which an id was accepted or refused.
    undecided: Option<Undecided>,
}

/// Slices in which no id was accepted or refused.
#[derive(Clone, Copy)]
struct Undecided {
    /// The start of the first of them.
    since: Duration,
    /// The unexpected statuses in them.
    unexpected: usize,
}

impl Ending {
    /// Before the first slice.
    pub(crate) fn new(options: &Options) -> Self {
        Ending {
            max_attempts: options.effective_max_attempts(),
            patience: Duration::from_millis(options.effective_patience_ms().into()),
            undecided: None,
        }
    }

    /// Takes in the report of a slice with its start and its end, and returns whether it ends the run.
    pub(crate) fn ends_with(&mut self, part: &Report, start: Duration, end: Duration) -> bool {
        let is_decided = |batch: &Batch| matches!(batch.outcome, Outcome::Accepted(_) | Outcome::Refused(_));
        if part.batches.iter().any(is_decided) {
            self.undecided = None;
            return ends_call(part);
        }
        let before = self.undecided.unwrap_or(Undecided { since: start, unexpected: 0 });
        let is_unexpected = |batch: &&Batch| matches!(batch.error(), Some(Error::UnexpectedStatus(_)));
        let unexpected = part.batches.iter().filter(is_unexpected).count().saturating_add(before.unexpected);
        self.undecided = Some(Undecided { unexpected, ..before });
        // The plugin was out of patience if it left ids with fewer than all their attempts.
        let is_given_up = |batch: &Batch| batch.attempts < self.max_attempts && batch.error().is_some_and(is_transient);
        ends_call(part)
            || part.batches.iter().any(is_given_up)
            || end.saturating_sub(before.since) >= self.patience
            || unexpected >= MAX_UNEXPECTED
    }
}

/// Whether something other than patience ended the call.
fn ends_call(part: &Report) -> bool {
    match &part.cause {
        None => false,
        Some(
            Error::InvalidArgument(_)
            | Error::NoToken(_)
            | Error::DeniedByHost(_)
            | Error::Unauthenticated(_)
            | Error::Forbidden(_)
            | Error::Throttled(_)
            | Error::DeadlineExceeded
            | Error::Cancelled,
        ) => true,
        Some(Error::ClientError(graph)) if graph.status == 407 => true,
        Some(_) => part.batches.iter().any(|batch| matches!(batch.outcome, Outcome::NotApplied(Error::NotAttempted))),
    }
}

/// Whether the plugin repeats a request that ended like this, until it is out of patience or attempts.
fn is_transient(error: &Error) -> bool {
    match error {
        Error::Unreachable(_) | Error::NoResponse(_) => true,
        Error::ClientError(graph) | Error::ServerError(graph) => {
            matches!(graph.status, 408 | 500 | 502 | 503 | 504 | 509)
        }
        _ => false,
    }
}
