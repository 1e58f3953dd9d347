//! What can go wrong, what it means for the ids, and whether another attempt may succeed.

use crate::time::{MILLISECOND, Nanos};

/// What went wrong with a call or with one attempt: the cases of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// An argument is not as documented.
    InvalidArgument(String),
    /// No usable token.
    NoToken(String),
    /// The host's policy refused the request.
    DeniedByHost(String),
    /// 401.
    Unauthenticated(GraphError),
    /// 403.
    Forbidden(GraphError),
    /// Any other 4xx.
    ClientError(GraphError),
    /// 429.
    Throttled(GraphError),
    /// 5xx.
    ServerError(GraphError),
    /// A status that Microsoft Graph does not give here.
    UnexpectedStatus(GraphError),
    /// Never sent: no connection was established.
    Unreachable(String),
    /// Perhaps sent: no complete response arrived.
    NoResponse(String),
    /// In flight at the deadline; as the cause: the deadline ended the call.
    DeadlineExceeded,
    /// The token provider asked to stop.
    Cancelled,
    /// Never sent, because an earlier error ended the call.
    NotAttempted,
    /// Anything else; the request may have been sent.
    Other(String),
}

/// A response other than success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphError {
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
    /// Never sent; may pass.
    Unreachable,
    /// Never sent: the TLS handshake failed. Some hosts report a bad certificate in this way.
    Tls,
    /// Never sent: the certificate is not trusted.
    Certificate,
    /// Never sent: the host does not accept the request.
    RejectedByHost,
    /// Never sent: the host's policy refused the request.
    Denied,
    /// Perhaps sent; may pass.
    NoResponse,
    /// Perhaps sent; the response cannot be read and will not be readable the next time.
    Unreadable,
    /// Anything else; the request may have been sent.
    Other,
}

impl Error {
    /// The error of a response other than success.
    pub fn from_response(error: GraphError) -> Error {
        let case = match error.status {
            401 => Error::Unauthenticated,
            403 => Error::Forbidden,
            429 => Error::Throttled,
            400..=499 => Error::ClientError,
            500..=599 => Error::ServerError,
            _ => Error::UnexpectedStatus,
        };
        case(error)
    }

    /// The response, if there is one.
    pub fn response(&self) -> Option<&GraphError> {
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

    /// Lowers a `Retry-After` to the time that remains.
    pub(crate) fn shorten_retry_after(&mut self, remaining: Nanos) {
        if let Error::Throttled(error) | Error::ServerError(error) = self {
            let remaining = remaining.div_ceil(MILLISECOND).try_into().unwrap_or(u32::MAX);
            error.retry_after_ms = error.retry_after_ms.map(|asked| asked.min(remaining));
        }
    }

    /// What the error means for the ids of the attempt.
    pub fn outcome_kind(&self) -> OutcomeKind {
        match self {
            Error::Unauthenticated(_) | Error::Forbidden(_) | Error::Throttled(_) => OutcomeKind::NotApplied,
            Error::ClientError(error) => match error.status {
                407 | 408 => OutcomeKind::NotApplied,
                499 => OutcomeKind::Unknown,
                _ => OutcomeKind::Refused,
            },
            Error::UnexpectedStatus(GraphError { status: 300..=399, .. }) => OutcomeKind::NotApplied,
            Error::ServerError(_)
            | Error::UnexpectedStatus(_)
            | Error::NoResponse(_)
            | Error::DeadlineExceeded
            | Error::Other(_) => OutcomeKind::Unknown,
            Error::InvalidArgument(_)
            | Error::NoToken(_)
            | Error::DeniedByHost(_)
            | Error::Unreachable(_)
            | Error::Cancelled
            | Error::NotAttempted => OutcomeKind::NotApplied,
        }
    }
}

impl GraphError {
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

    /// The error of the contract, with `cause` as its text.
    pub fn error(self, cause: String) -> Error {
        match self {
            TransportErrorKind::Unreachable
            | TransportErrorKind::Tls
            | TransportErrorKind::Certificate
            | TransportErrorKind::RejectedByHost => Error::Unreachable(cause),
            TransportErrorKind::Denied => Error::DeniedByHost(cause),
            TransportErrorKind::NoResponse | TransportErrorKind::Unreadable => Error::NoResponse(cause),
            TransportErrorKind::Other => Error::Other(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16) -> GraphError {
        GraphError { status, ..GraphError::default() }
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
