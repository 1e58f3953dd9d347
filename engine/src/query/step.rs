//! What a query asks the code that drives it to do next, and what it reports.

use std::rc::Rc;

use crate::contract::error::Error;
use crate::contract::token::TokenRequest;
use crate::http::request::Request;
use crate::query::page::Entry;
use crate::time::{Duration, Instant};

/// What to do next.
pub enum Step {
    /// Ask the token provider, then report its result to `Query::on_token`.
    GetToken(TokenRequest),
    /// Send a request. Then report its response to `Query::on_response`, or the lack of one to
    /// `Query::on_error`.
    Send(Request),
    /// Stop waiting for the response, then report that to `Query::on_abandoned`.
    Abandon,
    /// Wait until this time, or until the response makes progress.
    Wait(Instant),
    /// These entries were read. Never empty.
    Page(Vec<Entry>),
    /// The list ends. None: it is complete. Otherwise what ended it.
    Over(Option<Rc<Error>>),
}

/// What a query is doing while no page arrives.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Pages read so far, empty ones too.
    pub pages: u32,
    /// Requests sent so far.
    pub requests: u32,
    /// The time until a request may be sent again, unless that is not known.
    pub next_send: Option<Duration>,
    /// The failure that the query waits out: the latest since the last page.
    pub error: Option<Rc<Error>>,
}
