//! One HTTP request and the reply to it, as plain data. Services, scripted or modeled, are written
//! in these types; the loopback server and a host without connections both play them.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// A request as it reached the service: absolute URI, all headers, the whole body.
pub type Request = http::Request<Bytes>;

/// A response as the service sends it.
pub type Response = http::Response<Bytes>;

/// What the service does with a request, and when.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Time from the arrival of the request to the first byte of the response, or to the fault.
    pub after: Duration,
    /// What happens then.
    pub behavior: Behavior,
}

/// How a service treats a request.
#[derive(Debug, Clone)]
pub enum Behavior {
    /// Sends a complete response.
    Complete(Response),
    /// Sends status, headers and the given part of the body, then resets the connection.
    Truncated(Response),
    /// Sends status and headers, then the given body again and again, without end.
    Endless(Response),
    /// Sends status, headers and the given part of the body, then nothing more.
    Stalled(Response),
    /// Never sends a response.
    Silence,
    /// Closes the connection without a response.
    Reset,
    /// The host's HTTP client reports this error. Over a real connection it is the same as `Reset`.
    Failed(TransportError),
}

/// An error of the host's HTTP client, named after the case of `error-code` in `wasi:http/types`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportError {
    /// `connection-refused`
    ConnectionRefused,
    /// `connection-timeout`
    ConnectionTimeout,
    /// `destination-not-found`
    DestinationNotFound,
    /// `HTTP-protocol-error`: the connection closed before the response was complete.
    HttpProtocolError,
    /// `HTTP-request-denied`
    HttpRequestDenied,
    /// `TLS-protocol-error`
    TlsProtocolError,
    /// `TLS-certificate-error`
    TlsCertificateError,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for TransportError {}

/// What happens to the rest of a body after the response to a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// The rest of the body is read.
    Read,
    /// The rest of the body is not read, but the connection stays open.
    Stalled,
    /// The connection is closed for writing.
    Closed,
}

/// Microsoft Graph as the actions see it.
pub trait Service: Send + Sync + 'static {
    /// How long a request that is sent at `now` takes to arrive.
    fn delay(&self, _now: Duration, _request: &Request) -> Duration {
        Duration::ZERO
    }

    /// Whether the response to a request comes before the end of its body, and what happens to the
    /// rest of the body.
    fn responds_early(&self, _request: &http::request::Parts) -> Option<Rest> {
        None
    }

    /// Decides on a request that arrives at `now`, a time since the service's own start.
    fn serve(&self, now: Duration, request: Request) -> Reply;
}

impl Reply {
    /// A reply without delay.
    pub fn at_once(behavior: Behavior) -> Self {
        Reply { after: Duration::ZERO, behavior }
    }

    /// The same reply, `after` later than the request.
    pub fn after(self, after: Duration) -> Self {
        Reply { after, ..self }
    }
}
