//! How far a call has come, and what it waits for.

use std::fmt;
use std::time::Duration;

use crate::{Batch, Error, Outcome};

/// How far a call has come, and what it waits for. Its `Display` is one line for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// How many ids have no outcome yet: 0 when the call is over.
    pub left: usize,
    /// How many ids are done.
    pub accepted: usize,
    /// How many ids Microsoft Graph refuses.
    pub refused: usize,
    /// How many ids were not applied, through no fault of their own.
    pub not_applied: usize,
    /// How many ids may have been applied.
    pub unknown: usize,
    /// How many requests were sent so far.
    pub requests: u32,
    /// How many of the requests that were sent have no outcome yet.
    pub in_flight: u32,
    /// The time until a request may be sent again; zero if one is due. `None`: nothing is to be
    /// sent, or the time is not known, because as many requests are in flight as may be.
    pub next_send: Option<Duration>,
    /// The failure that the call waits out: the latest 429, 5xx, transport error or token failure
    /// since the last acceptance. `None`: there was no such failure.
    pub error: Option<Error>,
}

impl Progress {
    /// How many ids have their outcome.
    pub fn done(&self) -> usize {
        [self.accepted, self.refused, self.not_applied, self.unknown].into_iter().sum()
    }

    pub(crate) fn count(&mut self, batch: &Batch) {
        let count = match batch.outcome {
            Outcome::Accepted(_) => &mut self.accepted,
            Outcome::Refused(_) => &mut self.refused,
            Outcome::NotApplied(_) => &mut self.not_applied,
            Outcome::Unknown(_) => &mut self.unknown,
        };
        *count = count.saturating_add(batch.ids.len());
        self.left = self.left.saturating_sub(batch.ids.len());
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} ids done", self.done(), self.done().saturating_add(self.left))?;
        let counts = [(self.refused, "refused"), (self.not_applied, "not applied"), (self.unknown, "unknown")];
        for (count, outcome) in counts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, ", {count} {outcome}")?;
        }
        let Some(error) = &self.error else { return Ok(()) };
        f.write_str("; waiting")?;
        if let Some(wait) = self.next_send.filter(|wait| !wait.is_zero()) {
            write!(f, " {} s", wait.as_millis().div_ceil(1_000))?;
        }
        write!(f, ": {}", error.kind)?;
        error.response.as_ref().map_or(Ok(()), |response| write!(f, " ({})", response.status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, Response};

    #[test]
    fn a_line_names_what_the_call_waits_for() {
        let mut progress = Progress { left: 3, ..Progress::default() };
        assert_eq!(progress.to_string(), "0 of 3 ids done");
        let mut error = Error::new(ErrorKind::Throttled, "too many requests");
        progress.count(&Batch { ids: vec![String::new()], attempts: 1, outcome: Outcome::Refused(error.clone()) });
        progress.error = Some(error.clone());
        assert_eq!(progress.to_string(), "1 of 3 ids done, 1 refused; waiting: throttled");
        error.response = Some(Response {
            status: 429,
            code: String::new(),
            message: String::new(),
            request_id: None,
            client_request_id: String::new(),
            date: None,
            retry_after: None,
        });
        progress = Progress { error: Some(error), next_send: Some(Duration::from_millis(11_001)), ..progress };
        assert_eq!(progress.to_string(), "1 of 3 ids done, 1 refused; waiting 12 s: throttled (429)");
    }
}
