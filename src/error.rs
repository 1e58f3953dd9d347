//! What can go wrong, once, with what decides everything after it: whether the request was sent, and the status of
//! the answer.

use std::time::Duration;

use crate::bindings::exports::entra::risk::actions as wit;
use crate::response::GraphError;
use crate::token::Authorization;

/// What went wrong with a call, or with one attempt to send a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// An argument is not as documented.
    InvalidArgument(String),
    /// The host supplied no usable token.
    NoToken(String),
    /// The host's policy refused the request: never sent.
    DeniedByHost(String),
    /// Never sent.
    Unreachable(Transport),
    /// Perhaps sent, and no complete answer came.
    NoAnswer(Transport),
    /// Perhaps sent, and not as it should be: it will not be better the next time.
    Other(String),
    /// An answer other than success.
    Answered(GraphError),
    /// The deadline passed.
    DeadlinePassed,
    /// Not tried.
    Stopped,
}

/// What happened on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transport {
    /// The name of the cause.
    pub cause: String,
    /// Another attempt may succeed.
    pub may_pass: bool,
}

/// What an error means for the ids of the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Answered, and not applied.
    Refused,
    /// Applied, or not.
    Unknown,
    /// Never left.
    Unsent,
}

impl Error {
    /// What it means for the ids of the attempt. For the deadline and a stop: of a batch that was not under way.
    pub fn fate(&self) -> Fate {
        match self {
            Error::Answered(GraphError { status: 300..=499, .. }) => Fate::Refused,
            Error::Answered(_) | Error::NoAnswer(_) | Error::Other(_) => Fate::Unknown,
            Error::InvalidArgument(_)
            | Error::NoToken(_)
            | Error::DeniedByHost(_)
            | Error::Unreachable(_)
            | Error::DeadlinePassed
            | Error::Stopped => Fate::Unsent,
        }
    }

    /// The status of the answer, where there is one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Error::Answered(error) => Some(error.status),
            _ => None,
        }
    }

    /// How long the answer asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Answered(error) => error.retry_after,
            _ => None,
        }
    }

    /// The same error with the token, where its text has it, replaced.
    pub fn redacted(self, authorization: &Authorization) -> Error {
        let redact = |Transport { cause, may_pass }| Transport { cause: authorization.redact(cause), may_pass };
        match self {
            Error::Unreachable(transport) => Error::Unreachable(redact(transport)),
            Error::NoAnswer(transport) => Error::NoAnswer(redact(transport)),
            error => error,
        }
    }

    /// What it means for an outcome: `ambiguous` where an earlier attempt of the batch may have been applied.
    pub fn into_outcome(self, ambiguous: bool) -> wit::Outcome {
        match self.fate() {
            _ if ambiguous => wit::Outcome::Unknown(self.into()),
            Fate::Refused => wit::Outcome::Refused(self.into()),
            Fate::Unknown => wit::Outcome::Unknown(self.into()),
            Fate::Unsent => wit::Outcome::Unsent(self.into()),
        }
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> wit::Error {
        match error {
            Error::InvalidArgument(text) => wit::Error::InvalidArgument(text),
            Error::NoToken(text) => wit::Error::NoToken(text),
            Error::DeniedByHost(text) => wit::Error::DeniedByHost(text),
            Error::Unreachable(transport) => wit::Error::Unreachable(transport.cause),
            Error::NoAnswer(transport) => wit::Error::NoAnswer(transport.cause),
            Error::Other(text) => wit::Error::Other(text),
            Error::DeadlinePassed => wit::Error::DeadlinePassed,
            Error::Stopped => wit::Error::Stopped,
            Error::Answered(error) => {
                let case = match error.status {
                    401 => wit::Error::Unauthenticated,
                    403 => wit::Error::Forbidden,
                    429 => wit::Error::Throttled,
                    400..=499 => wit::Error::Rejected,
                    500..=599 => wit::Error::Unavailable,
                    _ => wit::Error::Unexpected,
                };
                case(error.into())
            }
        }
    }
}

impl From<GraphError> for wit::GraphError {
    fn from(error: GraphError) -> wit::GraphError {
        wit::GraphError {
            status: error.status,
            code: error.code,
            message: error.message,
            request_id: error.request_id,
            client_request_id: error.client_request_id,
            date: error.date,
            retry_after_ms: error.retry_after.map(|time| time.as_millis().try_into().unwrap_or(u32::MAX)),
        }
    }
}
