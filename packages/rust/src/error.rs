//! What went wrong with a call or with a batch, and the response that says so.

use std::fmt;
use std::time::Duration;

use entra_risk_engine::contract::error as contract;
use entra_risk_engine::contract::printable::printable;

use crate::bindings::actions as wit;

/// What went wrong with a call or with a batch. Its `kind` determines the next step.
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

/// What went wrong, for programs. It determines the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is not as documented. [`EntraRisk::start`](crate::EntraRisk::start) reports that
    /// before a call begins, so no batch has this kind.
    InvalidArgument,
    /// The token source supplied no usable token; the message contains the reason. Ends the call:
    /// immediately if the token was denied, and when patience is over if it was unavailable.
    NoToken,
    /// The address is not an allowed endpoint, or the proxy demands credentials. Ends the call.
    DeniedByHost,
    /// Microsoft Graph responded 401, even to a fresh token: check the audience and the tenant of
    /// the token. Ends the call.
    Unauthenticated,
    /// Microsoft Graph responded 403: a permission, a role or a license is missing. Ends the call.
    Forbidden,
    /// The response was any other 4xx. Often one of the ids does not exist in the tenant or is not
    /// at risk.
    ClientError,
    /// Microsoft Graph responded 429 for longer than `patience`: wait `retry_after`, then call
    /// again. Ends the call.
    Throttled,
    /// Microsoft Graph responded 5xx to the last attempt: call again later.
    ServerError,
    /// This library stopped the plugin, because it exceeded `max_memory_bytes` or
    /// `max_instructions`, or trapped. The message contains the reason. Ids that had no outcome yet
    /// are `Unknown` if the call had sent anything, and `NotApplied` if not. Every other open call
    /// of the tenant ends too; the next one starts a new instance.
    PluginStopped,
    /// Microsoft Graph does not respond to these requests in this way: look for a proxy on the way
    /// that does.
    UnexpectedStatus,
    /// No connection was established, so nothing was sent: check name, network, proxy and
    /// certificate.
    Unreachable,
    /// The request was sent, or perhaps sent, and no complete response arrived: call again.
    NoResponse,
    /// The request was in flight at the deadline. As the cause of a report: the deadline ended the
    /// call.
    DeadlineExceeded,
    /// [`Call::stop`](crate::Call::stop) ended the call.
    Cancelled,
    /// The ids were never sent, because an earlier error ended the call.
    NotAttempted,
    /// Anything else; the request may have been sent.
    Other,
}

/// A response other than success, from Microsoft Graph or from something on the way to it. Treat
/// `code` and `message` as untrusted text. It is printable: it contains no control characters, line
/// ends or characters that reorder text.
///
/// No string contains the token of the request, nor one of the 40 tokens before it, nor any run of
/// 24 characters of one. Tokens are forgotten when the tenant has no open call: a response that
/// repeats one of an earlier call is not recognized.
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

/// Implements what concerns the kinds of the contract, which are all but `PluginStopped`.
macro_rules! kinds_of_the_contract {
    ($($kind:ident)+) => {
        impl ErrorKind {
            /// The name of the kind in the contract: `no-token`, `throttled` and so on.
            pub fn name(self) -> &'static str {
                match self {
                    $(ErrorKind::$kind => contract::ErrorKind::$kind.name(),)+
                    ErrorKind::PluginStopped => "plugin-stopped",
                }
            }
        }

        impl From<wit::ErrorKind> for ErrorKind {
            fn from(kind: wit::ErrorKind) -> Self {
                match kind {
                    $(wit::ErrorKind::$kind => ErrorKind::$kind,)+
                }
            }
        }
    };
}

kinds_of_the_contract! {
    InvalidArgument NoToken DeniedByHost Unauthenticated Forbidden ClientError Throttled ServerError
    UnexpectedStatus Unreachable NoResponse DeadlineExceeded Cancelled NotAttempted Other
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
