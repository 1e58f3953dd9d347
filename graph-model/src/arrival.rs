//! The record of one request: when it arrived, what it requested, and what happened to it.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::{Collection, Fault};

/// One request and its result.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// When it was sent, since the service's start.
    pub sent: Duration,
    /// When it arrived, or would have.
    pub at: Duration,
    /// The action it requests, by its index in their order.
    pub action: Option<usize>,
    /// The list it requests a page of.
    pub list: Option<Collection>,
    /// Its `client-request-id`.
    pub client_request_id: String,
    /// Its token, by the order in which tokens appeared; `None` without one.
    pub token: Option<usize>,
    /// Its ids as spelled; empty if they could not be read. Of a list: the ids of the page, if it
    /// was sent whole.
    pub ids: Vec<String>,
    /// Whether the action was applied.
    pub applied: bool,
    /// The fault, other than a refusal of Microsoft Graph itself.
    pub fault: Option<Fault>,
    /// The status of the response, if there was one.
    pub status: Option<StatusCode>,
    /// The wait that the response demands.
    pub retry_after: Option<Duration>,
    /// When the client could see the status of the response, or the error; `None` for silence.
    pub settled: Option<Duration>,
    /// The rest of the response never arrives.
    pub stalls: bool,
}

/// One line of a trace.
impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Eight digits are enough to distinguish batches.
        let first = self.ids.first().and_then(|id| id.get(..8)).unwrap_or("none");
        write!(f, "{:10.3}   {} ids {first}", self.sent.as_secs_f64(), self.ids.len())?;
        if self.at > self.sent {
            write!(f, " delayed {:?}", self.at - self.sent)?;
        }
        if let Some(fault) = &self.fault {
            write!(f, " {:?}", fault.kind)?;
        }
        if let Some(status) = self.status {
            write!(f, " {}", status.as_u16())?;
        }
        if let Some(wait) = self.retry_after {
            write!(f, " retry-after {wait:?}")?;
        }
        if self.applied {
            write!(f, " applied")?;
        }
        if let Some(settled) = self.settled {
            write!(f, " after {:?}", settled - self.at)?;
        }
        if self.stalls { write!(f, " and no end") } else { Ok(()) }
    }
}
