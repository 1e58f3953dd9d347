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
    /// What the error means for the ids of the attempt.
    pub outcome: OutcomeKind,
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
    /// The request is too large: smaller ones may succeed.
    TooLarge,
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
    fn new(kind: ErrorKind, outcome: OutcomeKind, mut message: String) -> Error {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        Error { kind, message, response: None, outcome }
    }

    /// An argument is not as documented: `message` names it, its position and value, and the rule.
    pub fn invalid_argument(message: String) -> Error {
        Error::new(ErrorKind::InvalidArgument, OutcomeKind::NotApplied, message)
    }

    /// There is no token, because of `what`; `text` is the reason.
    pub(crate) fn no_token(what: &str, text: &str) -> Error {
        let colon = if text.is_empty() { "" } else { ": " };
        Error::new(ErrorKind::NoToken, OutcomeKind::NotApplied, [what, colon, text].concat())
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
        Error::new(
            ErrorKind::NotAttempted,
            OutcomeKind::NotApplied,
            "never sent, because the call ended before".to_owned(),
        )
    }

    /// The error of a response other than success, which [`Judgement`] judges. Its message says what to do, and then quotes the
    /// response.
    pub(crate) fn from_response(response: Response, judgement: &Judgement) -> Error {
        let Judgement { kind, outcome, .. } = *judgement;
        let mut message = format!("{}: {}", response.status, advice(&response, judgement.class));
        for part in [&response.code, &response.message].into_iter().filter(|part| !part.is_empty()) {
            message.push_str("; ");
            message.push_str(part);
        }
        Error { response: Some(response), ..Error::new(kind, outcome, message) }
    }

    /// The same error, which ends the call because its `Retry-After` lasts longer than the call may wait: `option` names
    /// what limits that.
    pub(crate) fn too_long(mut self, option: &str) -> Error {
        if let Some(Response { status, retry_after_ms: Some(asked), .. }) = &self.response {
            let seconds = asked.div_ceil(1_000);
            self.message = format!(
                "{status}: the service asks to wait {seconds} s, longer than {option} permits: send the ids again then, or permit more"
            );
        }
        self
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

/// What a response other than success means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What went wrong, for programs.
    pub kind: ErrorKind,
    /// What it means for the ids of the attempt.
    pub outcome: OutcomeKind,
    /// What it means for the next attempts.
    pub class: Class,
}

impl Judgement {
    /// Judges a response by its status and its `error.message`: the first row that applies. An id is refused only on Microsoft Graph's own word about ids.
    pub(crate) fn of(status: u16, message: &str, origin: Origin, has_claims_challenge: bool) -> Judgement {
        use {Class as C, ErrorKind as K, OutcomeKind as O};
        let (kind, outcome, class) = match status {
            401 => (K::Unauthenticated, O::NotApplied, C::TokenRejection),
            403 if has_claims_challenge => (K::Forbidden, O::NotApplied, C::TokenRejection),
            403 => (K::Forbidden, O::NotApplied, C::Fatal),
            407 => (K::ClientError, O::NotApplied, C::Fatal),
            408 | 421 => (K::ClientError, O::NotApplied, C::Transient),
            429 => (K::Throttled, O::NotApplied, C::Throttling),
            499 => (K::ClientError, O::Unknown, C::Permanent),
            413 => (K::ClientError, O::NotApplied, C::TooLarge),
            400..=499 if origin == Origin::OnTheWay => (K::UnexpectedStatus, O::NotApplied, C::Unexpected),
            400 | 404 if is_about_a_segment(message) => (K::ClientError, O::NotApplied, C::Fatal),
            400 | 404 | 409 | 410 | 412 | 422 => (K::ClientError, O::Refused, C::Refusal),
            400..=499 => (K::ClientError, O::NotApplied, C::Fatal),
            500 | 502 | 503 | 504 | 509 => (K::ServerError, O::Unknown, C::Transient),
            500..=599 => (K::ServerError, O::Unknown, C::Permanent),
            300..=399 => (K::UnexpectedStatus, O::NotApplied, C::Unexpected),
            _ => (K::UnexpectedStatus, O::Unknown, C::Unexpected),
        };
        Judgement { kind, outcome, class }
    }
}

/// Who responded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Microsoft Graph: the response has its `request-id`, or a body with its `error`.
    MicrosoftGraph,
    /// Perhaps something on the way to it.
    OnTheWay,
}

/// The cloud or the version does not have the action: msgraph-sdk-powershell#3189.
fn is_about_a_segment(message: &str) -> bool {
    contains(message, "resource not found for the segment")
}

/// Whether a text contains `part`, which is in lower case, in whatever case.
fn contains(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

/// What happened and what to do.
fn advice(response: &Response, class: Class) -> &'static str {
    let mentions = |part: &str| contains(&response.message, part);
    match (response.status, class) {
        (401, _) => "the token was rejected: check its audience and its tenant",
        (403, _) if mentions("licen") => "the tenant lacks the license that the action needs",
        (403, _) if mentions("scope") => "the token lacks the permission that the action needs: grant it to the app",
        (403, _) if response.code == "Authorization_RequestDenied" => {
            "a role or a permission is missing, or was granted just now: wait some minutes, or up to an hour after a role \
             was activated, then send the ids again"
        }
        (403, _) => "a permission, a role or a license is missing",
        (407, _) => "a proxy requires authentication: check the proxy settings of the host",
        (408, _) => "the service did not receive the request in time: send the ids again",
        (413, _) => "the request is too large: set ids-per-request",
        (421, _) => "the connection was to another service: send the ids again",
        (429, _) => "too many requests: send the ids again later",
        (499, _) => "the connection was closed: send the ids again",
        (_, Class::Unexpected) => {
            "something else than Microsoft Graph responded: check the endpoint and the proxy settings of the host"
        }
        (400 | 404, Class::Fatal) => {
            "this cloud or version does not have the action: check cloud, endpoint and api-version"
        }
        (400..=499, Class::Fatal) => "the service does not accept the request, whichever ids it carries",
        (400..=499, _) => {
            "refused: an id is absent from the tenant or not at risk, of a user who was deleted or is a guest, or was \
             processed before"
        }
        _ => "the service failed: send the ids again later",
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
        use {ErrorKind as K, OutcomeKind as O};
        let (kind, outcome, what) = match self {
            TransportErrorKind::Unreachable | TransportErrorKind::Tls => {
                (K::Unreachable, O::NotApplied, "no connection was established: ")
            }
            TransportErrorKind::Certificate => (K::Unreachable, O::NotApplied, "the certificate is not trusted: "),
            TransportErrorKind::RejectedByHost => (K::DeniedByHost, O::NotApplied, "the host refused the request: "),
            TransportErrorKind::Denied => (K::DeniedByHost, O::NotApplied, "allow the address in the host: "),
            TransportErrorKind::NoResponse => (K::NoResponse, O::Unknown, "no complete response arrived: "),
            TransportErrorKind::Unreadable => (K::NoResponse, O::Unknown, "the response cannot be read: "),
            TransportErrorKind::Other => (K::Other, O::Unknown, "the host reported an error: "),
        };
        Error::new(kind, outcome, [what, cause].concat())
    }
}

/// Maximum bytes of the message of an error.
const MAX_MESSAGE_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(status: u16, message: &str, origin: Origin) -> (OutcomeKind, Class) {
        let Judgement { outcome, class, .. } = Judgement::of(status, message, origin, false);
        (outcome, class)
    }

    #[test]
    fn the_status_determines_what_a_response_of_microsoft_graph_means() {
        for status in (100..=599).filter(|status| *status != 204) {
            let expected = match status {
                401 => (OutcomeKind::NotApplied, Class::TokenRejection),
                403 | 407 => (OutcomeKind::NotApplied, Class::Fatal),
                408 | 421 => (OutcomeKind::NotApplied, Class::Transient),
                413 => (OutcomeKind::NotApplied, Class::TooLarge),
                429 => (OutcomeKind::NotApplied, Class::Throttling),
                499 => (OutcomeKind::Unknown, Class::Permanent),
                400 | 404 | 409 | 410 | 412 | 422 => (OutcomeKind::Refused, Class::Refusal),
                400..=498 => (OutcomeKind::NotApplied, Class::Fatal),
                500 | 502 | 503 | 504 | 509 => (OutcomeKind::Unknown, Class::Transient),
                500..=599 => (OutcomeKind::Unknown, Class::Permanent),
                300..=399 => (OutcomeKind::NotApplied, Class::Unexpected),
                _ => (OutcomeKind::Unknown, Class::Unexpected),
            };
            assert_eq!(judge(status, "", Origin::MicrosoftGraph), expected, "{status}");
        }
    }

    #[test]
    fn something_on_the_way_refuses_no_id() {
        for status in (100..=599).filter(|status| *status != 204) {
            let (outcome, class) = judge(status, "", Origin::OnTheWay);
            assert_ne!(outcome, OutcomeKind::Refused, "{status}");
            let is_judged_as_before = matches!(status, 401 | 403 | 407 | 408 | 413 | 421 | 429 | 499);
            assert_eq!(class == Class::Unexpected, !is_judged_as_before && status < 500, "{status}");
        }
    }

    #[test]
    fn a_segment_that_is_not_found_refuses_no_id() {
        let message = "resource Not found for the segment 'signIns'.";
        for status in [400, 404] {
            let expected = (OutcomeKind::NotApplied, Class::Fatal);
            assert_eq!(judge(status, message, Origin::MicrosoftGraph), expected);
        }
        assert_eq!(judge(409, message, Origin::MicrosoftGraph), (OutcomeKind::Refused, Class::Refusal));
    }

    #[test]
    fn what_is_missing_is_told_apart_by_what_microsoft_graph_writes() {
        let advice = |code: &str, message: &str| {
            let response =
                Response { status: 403, code: code.to_owned(), message: message.to_owned(), ..Response::default() };
            advice(&response, Judgement::of(403, message, Origin::MicrosoftGraph, false).class)
        };
        assert!(advice("Forbidden", "Your tenant is not licensed for this feature.").contains("license"));
        assert!(advice("Forbidden", "required scopes are missing in the token.").contains("permission"));
        assert!(advice("Authorization_RequestDenied", "Insufficient privileges").contains("an hour"));
    }
}
