//! What went wrong with a call or with a batch.

use std::fmt;
use std::time::Duration;

use entra_risk_engine::printable::printable;

/// What went wrong. `kind` determines the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What went wrong, for programs.
    pub kind: ErrorKind,
    /// What happened and what to do, for people. It may quote a response. Do not parse it: its
    /// wording may change.
    pub message: String,
    /// The response that the error is about, if there was one.
    pub response: Option<Response>,
}

/// What went wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is not as documented. [`EntraRisk::start`](crate::EntraRisk::start) finds that
    /// first.
    InvalidArgument,
    /// The token source supplied no usable token; the message contains the reason. Ends the call:
    /// immediately if the token was denied, and when patience is over if it was unavailable.
    NoToken,
    /// The address is not an allowed endpoint, or the proxy demands credentials. Ends the call.
    DeniedByHost,
    /// 401, also with a fresh token: check the audience and the tenant of the token. Ends the call.
    Unauthenticated,
    /// 403: a permission, a role or a license is missing. Ends the call.
    Forbidden,
    /// Any other 4xx. Often one of the ids does not exist in the tenant or is not at risk.
    ClientError,
    /// 429 for longer than `patience`: wait `retry_after`, then call again. Ends the call.
    Throttled,
    /// 5xx at the last attempt: call again later.
    ServerError,
    /// A response that Microsoft Graph does not give to these requests: look for something on the
    /// way that responds.
    UnexpectedStatus,
    /// No connection was established, so nothing was sent: check name, network, proxy and
    /// certificate.
    Unreachable,
    /// The request was sent, or perhaps sent, and no complete response arrived: call again.
    NoResponse,
    /// The request was in flight at the deadline. As the cause: the deadline ended the call.
    DeadlineExceeded,
    /// [`Call::stop`](crate::Call::stop) ended the call.
    Cancelled,
    /// Never sent, because an earlier error ended the call.
    NotAttempted,
    /// This library stopped the plugin, because it exceeded `max_memory_bytes` or
    /// `max_instructions`, or trapped. The message contains the reason. Ids that had no outcome yet
    /// are `Unknown` if the call had sent anything, and `NotApplied` if not. Every other call of
    /// the tenant ends with it; the next one starts a new instance.
    PluginStopped,
    /// Anything else.
    Other,
}

/// A response other than success, from Microsoft Graph or from something on the way to it. Treat
/// `code` and `message` as untrusted text, which is printable: no control characters, line ends or
/// characters that reorder text.
///
/// No string contains the token of the request, nor one of the 40 tokens before it, nor any run of
/// 24 characters of one. Tokens are forgotten when the tenant has no open call: a service that
/// repeats one of an earlier call is not noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    /// `error.code` of the response, for programs; empty if it has none.
    pub code: String,
    /// `error.message` of the response, for people; empty if it has none.
    pub message: String,
    /// The service's id of the request, for Microsoft support.
    pub request_id: Option<String>,
    /// The `client-request-id` header of the request, different for each attempt.
    pub client_request_id: String,
    /// When the service responded, an HTTP date.
    pub date: Option<String>,
    /// `Retry-After` of the response: do not send again sooner.
    pub retry_after: Option<Duration>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), response: None }
    }
}

impl ErrorKind {
    /// The name of the kind in the contract: `no-token`, `throttled` and so on.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::InvalidArgument => "invalid-argument",
            ErrorKind::NoToken => "no-token",
            ErrorKind::DeniedByHost => "denied-by-host",
            ErrorKind::Unauthenticated => "unauthenticated",
            ErrorKind::Forbidden => "forbidden",
            ErrorKind::ClientError => "client-error",
            ErrorKind::Throttled => "throttled",
            ErrorKind::ServerError => "server-error",
            ErrorKind::UnexpectedStatus => "unexpected-status",
            ErrorKind::Unreachable => "unreachable",
            ErrorKind::NoResponse => "no-response",
            ErrorKind::DeadlineExceeded => "deadline-exceeded",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::NotAttempted => "not-attempted",
            ErrorKind::PluginStopped => "plugin-stopped",
            ErrorKind::Other => "other",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, printable(&self.message))
    }
}

impl std::error::Error for Error {}
