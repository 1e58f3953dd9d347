//! What went wrong with a call or with an attempt, as the contract reports it.

use crate::time::Duration;

/// What went wrong with a call or with an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What went wrong, for programs.
    pub kind: ErrorKind,
    /// What happened and what to do, for people: 1 to 512 bytes.
    pub message: String,
    /// The response that the error is about, if there was one.
    pub response: Option<Response>,
    /// What the error means for the ids of the attempt.
    pub outcome: OutcomeKind,
}

/// What went wrong, in the order of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// An argument is not as documented.
    InvalidArgument,
    /// The token provider supplied no usable token.
    NoToken,
    /// The host's policy refused the request.
    DeniedByHost,
    /// The response was a 401.
    Unauthenticated,
    /// The response was a 403.
    Forbidden,
    /// The response was a 4xx for which there is no other kind.
    ClientError,
    /// The response was a 429.
    Throttled,
    /// The response was a 5xx.
    ServerError,
    /// The response has a status that Microsoft Graph does not give to these requests.
    UnexpectedStatus,
    /// The request was never sent, because no connection was established.
    Unreachable,
    /// The request was perhaps sent, and no complete response arrived.
    NoResponse,
    /// The request was in flight at the deadline. As the cause: the deadline ended the call.
    DeadlineExceeded,
    /// The caller stopped the call.
    Cancelled,
    /// The ids were never sent, because an earlier error ended the call.
    NotAttempted,
    /// Anything else. The request may have been sent.
    Other,
}

/// A response other than success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// `error.code` of the body, or an empty text.
    pub code: String,
    /// `error.message` of the body, or an empty text.
    pub message: String,
    /// The service's id of the request.
    pub request_id: Option<String>,
    /// The `client-request-id` of the attempt.
    pub client_request_id: String,
    /// When the service responded, as an HTTP date.
    pub date: Option<String>,
    /// `Retry-After` in milliseconds.
    pub retry_after_ms: Option<u32>,
}

/// What an attempt that was not accepted means for its ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// Microsoft Graph refuses the ids.
    Refused,
    /// The ids were not applied, through no fault of theirs.
    NotApplied,
    /// The ids may have been applied.
    Unknown,
}

impl Error {
    /// An error without a response. A message that is too long is cut.
    pub(crate) fn new(kind: ErrorKind, outcome: OutcomeKind, mut message: String) -> Error {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        Error { kind, message, response: None, outcome }
    }

    /// An argument is not as documented: `message` names it, its position and value, and the rule.
    pub fn invalid_argument(message: String) -> Error {
        Error::new(ErrorKind::InvalidArgument, OutcomeKind::NotApplied, message)
    }

    /// There is no token: `what` says what happened, and `reason` why.
    pub(crate) fn no_token(what: &str, reason: &str) -> Error {
        let colon = if reason.is_empty() { "" } else { ": " };
        Error::new(ErrorKind::NoToken, OutcomeKind::NotApplied, [what, colon, reason].concat())
    }

    /// The deadline passed.
    pub(crate) fn deadline_exceeded() -> Error {
        Error::new(ErrorKind::DeadlineExceeded, OutcomeKind::Unknown, "the deadline passed".to_owned())
    }

    /// The caller stopped the call.
    pub(crate) fn cancelled() -> Error {
        Error::new(ErrorKind::Cancelled, OutcomeKind::NotApplied, "the call was stopped".to_owned())
    }

    /// The ids were never sent.
    pub(crate) fn not_attempted() -> Error {
        let message = "never sent, because the call ended before".to_owned();
        Error::new(ErrorKind::NotAttempted, OutcomeKind::NotApplied, message)
    }

    /// The same error as what ends the call, because `Retry-After` is longer than the option named
    /// `option` permits.
    pub(crate) fn too_long(mut self, option: &str) -> Error {
        if let Some(Response { status, retry_after_ms: Some(asked), .. }) = &self.response {
            let seconds = asked.div_ceil(1_000);
            self.message = format!(
                "{status}: the service asks to wait {seconds} s, longer than {option} permits: \
                 try again then, or permit more"
            );
        }
        self
    }

    /// The same error, whose `Retry-After` is at most the time that remains.
    pub(crate) fn with_remaining(mut self, remaining: Duration) -> Error {
        if let Some(Response { retry_after_ms: Some(asked), .. }) = &mut self.response {
            *asked = (*asked).min(remaining.as_millis());
        }
        self
    }

    /// The status code of the response, if there is one.
    pub(crate) fn status(&self) -> Option<u16> {
        self.response.as_ref().map(|response| response.status)
    }
}

impl ErrorKind {
    /// The name of the kind in the contract, such as `no-token`.
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

/// The most bytes of the message of an error.
const MAX_MESSAGE_BYTES: usize = 512;
