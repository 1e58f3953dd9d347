//! The account of one request: when it came, what it asked for, and what became of it.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use super::Fault;

/// One request, and what came of it.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// When it arrived, since the service's start.
    pub at: Duration,
    /// The action it asks for, by its place among the four.
    pub action: Option<usize>,
    /// Its `client-request-id`.
    pub client_request_id: String,
    /// Its ids as spelled, where they could be read.
    pub ids: Vec<String>,
    /// Whether the action was carried out.
    pub applied: bool,
    /// What went wrong, beyond what Microsoft Graph itself refuses.
    pub fault: Option<Fault>,
    /// The status of the answer, where there is one.
    pub status: Option<StatusCode>,
    /// The wait that the answer asks for.
    pub retry_after: Option<Duration>,
    /// When the whole answer, or the fault, was there to see; `None` where the client waits in vain.
    pub settled: Option<Duration>,
}

/// One line, for people.
impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Enough to tell batches apart.
        let first = self.ids.first().and_then(|id| id.get(..8)).unwrap_or("none");
        write!(f, "{:10.3}   {} ids {first}", self.at.as_secs_f64(), self.ids.len())?;
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
        match self.settled {
            Some(settled) => write!(f, " after {:?}", settled - self.at),
            None => write!(f, " and no end"),
        }
    }
}
