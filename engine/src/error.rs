//! What can go wrong, what it means for the ids, and whether another attempt may succeed.

use crate::time::{MILLISECOND, Nanos};

/// What went wrong with a call or with an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What went wrong, for programs.
    pub kind: ErrorKind,
    /// What happened and what to do, for people: 1 to 512 bytes.
    pub message: String,
    /// The response that the error is about, if there was one.
    pub response: Option<Response>,
}

/// What went wrong: the cases of the contract, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// An argument is not as documented.
    InvalidArgument,
    /// No usable token.
    NoToken,
    /// The host's policy refused the request.
    DeniedByHost,
    /// 401.
    Unauthenticated,
    /// 403.
    Forbidden,
    /// Any other 4xx.
    ClientError,
    /// 429.
    Throttled,
    /// 5xx.
    ServerError,
    /// A status that Microsoft Graph does not give here.
    UnexpectedStatus,
    /// Never sent: no connection was established.
    Unreachable,
    /// Perhaps sent: no complete response arrived.
    NoResponse,
    /// In flight at the deadline; as the cause: the deadline ended the call.
    DeadlineExceeded,
    /// The caller stopped the call.
    Cancelled,
    /// Never sent, because an earlier error ended the call.
    NotAttempted,
    /// Anything else; the request may have been sent.
    Other,
}

/// A response other than success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// `error.code`, or empty.
    pub code: String,
    /// `error.message`, or empty.
    pub message: String,
    /// The service's id of the request.
    pub request_id: Option<String>,
    /// The `client-request-id` of the attempt.
    pub client_request_id: String,
    /// When the service responded.
    pub date: Option<String>,
    /// `Retry-After` in milliseconds.
    pub retry_after_ms: Option<u32>,
}

/// What an attempt that was not accepted means for its ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// Microsoft Graph refuses these ids.
    Refused,
    /// Not applied, through no fault of the ids.
    NotApplied,
    /// May have been applied.
    Unknown,
}

/// What an attempt that was not accepted means for the next ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Microsoft Graph refuses the ids: another attempt is pointless.
    Refusal,
    /// 429: send more slowly.
    Throttling,
    /// The token was rejected: another attempt needs a fresh one.
    TokenRejection,
    /// Another attempt may succeed.
    Transient,
    /// Something on the way responded in place of Microsoft Graph.
    Unexpected,
    /// Another attempt for these ids would fail likewise.
    Permanent,
    /// Another attempt for any ids would fail likewise.
    Fatal,
}

/// Why an attempt has no response, as the host reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    /// What the error proves.
    pub kind: TransportErrorKind,
    /// The name of the cause, with the host's details.
    pub cause: String,
}

/// What an error of the host proves about the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// The request was never sent. Retrying may succeed.
    Unreachable,
    /// Never sent: the TLS handshake failed. Some hosts report a bad certificate in this way.
    Tls,
    /// Never sent: the certificate is not trusted.
    Certificate,
    /// Never sent: the host does not accept the request.
    RejectedByHost,
    /// Never sent: the host's policy refused the request.
    Denied,
    /// The request was perhaps sent. Retrying may succeed.
    NoResponse,
    /// The request was perhaps sent. The response cannot be read, and would not be readable the next time.
    Unreadable,
    /// Anything else; the request may have been sent.
    Other,
}

impl Error {
    /// An error without a response. The message is cut to its maximum length.
    fn new(kind: ErrorKind, mut message: String) -> Error {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        Error { kind, message, response: None }
    }

    /// An argument is not as documented: `message` names it, its position and value, and the rule.
    pub fn invalid_argument(message: String) -> Error {
        Error::new(ErrorKind::InvalidArgument, message)
    }

    /// There is no token, because of `what`; `text` is the reason.
    pub(crate) fn no_token(what: &str, text: &str) -> Error {
        let colon = if text.is_empty() { "" } else { ": " };
        Error::new(ErrorKind::NoToken, [what, colon, text].concat())
    }

    /// The deadline passed.
    pub(crate) fn deadline_exceeded() -> Error {
        Error::new(ErrorKind::DeadlineExceeded, "the deadline passed".to_owned())
    }

    /// The caller stopped the call.
    pub(crate) fn cancelled() -> Error {
        Error::new(ErrorKind::Cancelled, "the call was stopped".to_owned())
    }

    /// The ids were never sent.
    pub(crate) fn not_attempted() -> Error {
        Error::new(ErrorKind::NotAttempted, "never sent, because the call ended before".to_owned())
    }

    /// The error of a response other than success. Its message says what to do, and then quotes the response.
    pub fn from_response(response: Response) -> Error {
        let status = response.status;
        let (kind, what) = match status {
            401 => (ErrorKind::Unauthenticated, "the token was rejected: check its audience and its tenant"),
            403 => (ErrorKind::Forbidden, "a permission, a role or a license is missing"),
            407 => (ErrorKind::ClientError, "a proxy requires authentication: check the proxy settings of the host"),
            408 => (ErrorKind::ClientError, "the service did not receive the request in time: send the ids again"),
            429 => (ErrorKind::Throttled, "too many requests: send the ids again later"),
            499 => (ErrorKind::ClientError, "the connection was closed: send the ids again"),
            400..=499 => (ErrorKind::ClientError, "refused: an id may be absent from the tenant or not at risk"),
            500..=599 => (ErrorKind::ServerError, "the service failed: send the ids again later"),
            _ => (
                ErrorKind::UnexpectedStatus,
                "something else than Microsoft Graph responded: check the endpoint and the proxy settings of the host",
            ),
        };
        let mut message = format!("{status}: {what}");
        for part in [&response.code, &response.message].into_iter().filter(|part| !part.is_empty()) {
            message.push_str("; ");
            message.push_str(part);
        }
        Error { response: Some(response), ..Error::new(kind, message) }
    }

    /// The status code of the response, if there is one.
    pub(crate) fn status(&self) -> Option<u16> {
        self.response.as_ref().map(|response| response.status)
    }

    /// The same error, with a `Retry-After` of at most the time that remains.
    pub(crate) fn with_remaining(mut self, remaining: Nanos) -> Error {
        if let Some(Response { retry_after_ms: Some(asked), .. }) = &mut self.response {
            *asked = (*asked).min(remaining.div_ceil(MILLISECOND).try_into().unwrap_or(u32::MAX));
        }
        self
    }

    /// What the error means for the ids of the attempt.
    pub fn outcome_kind(&self) -> OutcomeKind {
        match (self.kind, self.status()) {
            (ErrorKind::ClientError, Some(407 | 408)) => OutcomeKind::NotApplied,
            (ErrorKind::ClientError, Some(499)) => OutcomeKind::Unknown,
            (ErrorKind::ClientError, _) => OutcomeKind::Refused,
            (ErrorKind::UnexpectedStatus, Some(300..=399)) => OutcomeKind::NotApplied,
            (
                ErrorKind::ServerError
                | ErrorKind::UnexpectedStatus
                | ErrorKind::NoResponse
                | ErrorKind::DeadlineExceeded
                | ErrorKind::Other,
                _,
            ) => OutcomeKind::Unknown,
            (
                ErrorKind::InvalidArgument
                | ErrorKind::NoToken
                | ErrorKind::DeniedByHost
                | ErrorKind::Unauthenticated
                | ErrorKind::Forbidden
                | ErrorKind::Throttled
                | ErrorKind::Unreachable
                | ErrorKind::Cancelled
                | ErrorKind::NotAttempted,
                _,
            ) => OutcomeKind::NotApplied,
        }
    }
}

impl ErrorKind {
    /// Its name in the contract.
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
            ErrorKind::Other => "other",
        }
    }
}

impl Response {
    /// What the response means for the next attempts.
    pub fn class(&self, has_claims_challenge: bool) -> Class {
        match self.status {
            401 => Class::TokenRejection,
            403 if has_claims_challenge => Class::TokenRejection,
            403 | 407 => Class::Fatal,
            429 => Class::Throttling,
            408 | 500 | 502 | 503 | 504 | 509 => Class::Transient,
            499..=599 => Class::Permanent,
            400..=498 => Class::Refusal,
            _ => Class::Unexpected,
        }
    }
}

impl TransportErrorKind {
    /// What the error means for the next attempts. `has_accepted`: the instance has seen an acceptance.
    pub fn class(self, has_accepted: bool) -> Class {
        match self {
            TransportErrorKind::Unreachable | TransportErrorKind::NoResponse => Class::Transient,
            TransportErrorKind::Tls if has_accepted => Class::Transient,
            TransportErrorKind::Tls
            | TransportErrorKind::Certificate
            | TransportErrorKind::RejectedByHost
            | TransportErrorKind::Denied => Class::Fatal,
            TransportErrorKind::Unreadable | TransportErrorKind::Other => Class::Permanent,
        }
    }

    /// The error of the contract. `cause` names what happened.
    pub fn error(self, cause: &str) -> Error {
        let (kind, what) = match self {
            TransportErrorKind::Unreachable | TransportErrorKind::Tls | TransportErrorKind::RejectedByHost => {
                (ErrorKind::Unreachable, "no connection was established: ")
            }
            TransportErrorKind::Certificate => (ErrorKind::Unreachable, "the certificate is not trusted: "),
            TransportErrorKind::Denied => (ErrorKind::DeniedByHost, "allow the address in the host: "),
            TransportErrorKind::NoResponse => (ErrorKind::NoResponse, "no complete response arrived: "),
            TransportErrorKind::Unreadable => (ErrorKind::NoResponse, "the response cannot be read: "),
            TransportErrorKind::Other => (ErrorKind::Other, "the host reported an error: "),
        };
        Error::new(kind, [what, cause].concat())
    }
}

/// Maximum bytes of the message of an error.
const MAX_MESSAGE_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16) -> Response {
        Response { status, ..Response::default() }
    }

    #[test]
    fn the_status_determines_the_outcome() {
        for status in 100..=599 {
            let expected = match status {
                204 => continue,
                401 | 403 | 407 | 408 | 429 | 300..=399 => OutcomeKind::NotApplied,
                499 | 500..=599 | 100..=299 => OutcomeKind::Unknown,
                _ => OutcomeKind::Refused,
            };
            assert_eq!(Error::from_response(response(status)).outcome_kind(), expected, "{status}");
        }
    }

    #[test]
    fn the_status_determines_the_next_attempts() {
        for status in 100..=599 {
            let expected = match status {
                401 => Class::TokenRejection,
                403 | 407 => Class::Fatal,
                429 => Class::Throttling,
                408 | 500 | 502 | 503 | 504 | 509 => Class::Transient,
                499 | 501..=599 => Class::Permanent,
                400..=498 => Class::Refusal,
                _ => Class::Unexpected,
            };
            assert_eq!(response(status).class(false), expected, "{status}");
        }
        assert_eq!(response(403).class(true), Class::TokenRejection);
    }

    #[test]
    fn a_refusal_is_the_only_class_that_refuses_ids() {
        for status in 100..=599 {
            let error = response(status);
            let is_refusal = error.class(false) == Class::Refusal;
            assert_eq!(Error::from_response(error).outcome_kind() == OutcomeKind::Refused, is_refusal, "{status}");
        }
    }
}
