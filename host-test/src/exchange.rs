//! One HTTP request and what becomes of it, as plain data: the language between a Graph (scripted or modelled) and
//! the two ways to reach it (the in-process stub and the loopback server).

use std::time::Duration;

use bytes::Bytes;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

/// A request as it reached the service: absolute URI, all headers, the whole body.
pub type Request = http::Request<Bytes>;

/// A response as the service gives it.
pub type Response = http::Response<Bytes>;

/// What the service does with a request, and how long after it came.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Time from the arrival of the request to the first byte of the answer, or to the fault.
    pub after: Duration,
    /// What happens then.
    pub fate: Fate,
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Fate {
    /// A complete answer.
    Answered(Response),
    /// Status, headers and the given part of the body; then the connection is reset.
    Truncated(Response),
    /// Status and headers; then the given body again and again, without end.
    Endless(Response),
    /// Status, headers and the given part of the body; then nothing more.
    Stalled(Response),
    /// Never an answer.
    Silence,
    /// The connection is closed without an answer.
    Reset,
    /// The host's HTTP client reports this error. Over a real connection it is the same as `Reset`.
    Failed(ErrorCode),
}

/// A Microsoft Graph, as far as the four actions can tell.
pub trait Service: Send + Sync + 'static {
    /// Decides on a request that arrives at `now`, a time since the service's own start.
    fn serve(&self, now: Duration, request: Request) -> Reply;
}

impl Reply {
    /// A reply without delay.
    pub fn at_once(fate: Fate) -> Self {
        Reply { after: Duration::ZERO, fate }
    }

    /// The same reply, `after` later than the request.
    pub fn after(self, after: Duration) -> Self {
        Reply { after, ..self }
    }
}
