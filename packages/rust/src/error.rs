//! What went wrong.

use std::fmt;

/// A response other than success, from Microsoft Graph or from something on the way to it. Treat `code` and `message` as
/// untrusted text. No string contains the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphError {
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
    /// `Retry-After` of the response in milliseconds: do not send again sooner.
    pub retry_after_ms: Option<u32>,
}

/// What went wrong. The case determines the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// An argument is not as documented; nothing was sent and no token was requested. The text names the argument, its
    /// position and value, and the rule.
    InvalidArgument(String),
    /// The token source supplied no token; the text contains the reason.
    NoToken(String),
    /// The address is not an allowed endpoint, or the proxy demands credentials. Ends the call.
    DeniedByHost(String),
    /// 401, also with a fresh token: check the audience and the tenant of the token. Ends the call.
    Unauthenticated(GraphError),
    /// 403: grant the permission, role or licence. Ends the call.
    Forbidden(GraphError),
    /// Any other 4xx: see `code` and `message`.
    ClientError(GraphError),
    /// 429 for longer than `patience_ms`: wait `retry_after_ms`, then call again. Ends the call.
    Throttled(GraphError),
    /// 5xx at the last attempt: call again later.
    ServerError(GraphError),
    /// A response that Microsoft Graph does not give to these requests: look for something on the way that responds.
    UnexpectedStatus(GraphError),
    /// No connection was established, so nothing was sent: check name, network, proxy and certificate.
    Unreachable(String),
    /// Sent, or perhaps sent, without a complete response: call again.
    NoResponse(String),
    /// In flight at the deadline. As cause: the deadline ended the call.
    DeadlineExceeded,
    /// The token source asked to stop. Ends the call.
    Cancelled,
    /// Never sent, because an earlier error ended the call.
    NotAttempted,
    /// This host stopped the plugin: it exceeded `max_memory_bytes` or `max_instructions`, or trapped. The text contains
    /// the reason. Its instance is gone, and with it the outcome of each id: if the call had sent anything, every id is
    /// `Outcome::Unknown`. The next call starts a new instance.
    PluginStopped(String),
    /// Anything else. The text is for people.
    Other(String),
}

impl Error {
    /// The name of the case, as in the contract: `no-token`, `throttled` and so on.
    pub fn kind(&self) -> &'static str {
        match self {
            Error::InvalidArgument(_) => "invalid-argument",
            Error::NoToken(_) => "no-token",
            Error::DeniedByHost(_) => "denied-by-host",
            Error::Unauthenticated(_) => "unauthenticated",
            Error::Forbidden(_) => "forbidden",
            Error::ClientError(_) => "client-error",
            Error::Throttled(_) => "throttled",
            Error::ServerError(_) => "server-error",
            Error::UnexpectedStatus(_) => "unexpected-status",
            Error::Unreachable(_) => "unreachable",
            Error::NoResponse(_) => "no-response",
            Error::DeadlineExceeded => "deadline-exceeded",
            Error::Cancelled => "cancelled",
            Error::NotAttempted => "not-attempted",
            Error::PluginStopped(_) => "plugin-stopped",
            Error::Other(_) => "other",
        }
    }

    /// The response, if there was one.
    pub fn graph_error(&self) -> Option<&GraphError> {
        match self {
            Error::Unauthenticated(error)
            | Error::Forbidden(error)
            | Error::ClientError(error)
            | Error::Throttled(error)
            | Error::ServerError(error)
            | Error::UnexpectedStatus(error) => Some(error),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Error::InvalidArgument(text)
            | Error::NoToken(text)
            | Error::DeniedByHost(text)
            | Error::Unreachable(text)
            | Error::NoResponse(text)
            | Error::PluginStopped(text)
            | Error::Other(text) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        if let Some(GraphError { status, code, message, .. }) = self.graph_error() {
            write!(f, ": {status}")?;
            return [code, message]
                .into_iter()
                .filter(|part| !part.is_empty())
                .try_for_each(|part| write!(f, " {part}"));
        }
        self.text().filter(|text| !text.is_empty()).map_or(Ok(()), |text| write!(f, ": {text}"))
    }
}

impl std::error::Error for Error {}
