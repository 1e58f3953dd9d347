//! What a response other than success means: for its ids, and for the next attempts.

use crate::contract::error::{Error, ErrorKind, OutcomeKind, Response};

/// What an attempt that was not accepted means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judgment {
    /// What went wrong, for programs.
    pub(crate) kind: ErrorKind,
    /// What it means for the ids of the attempt.
    pub(crate) outcome: OutcomeKind,
    /// What it means for the next attempts.
    pub(crate) disposition: Disposition,
}

/// What an attempt that was not accepted means for the next ones. What a call does about it is one
/// table: see `call::consequence`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Microsoft Graph refuses the ids: another attempt is pointless.
    Refusal,
    /// The request is too large: smaller ones may succeed.
    TooLarge,
    /// The limit of the service is exceeded: requests must be sent more slowly.
    Throttling,
    /// The token was rejected: another attempt needs a fresh one.
    TokenRejection,
    /// Another attempt may succeed.
    Transient,
    /// Something on the way responded in place of Microsoft Graph.
    Unexpected,
    /// Another attempt for these ids would fail in the same way.
    Permanent,
    /// Another attempt for any ids would fail in the same way.
    Fatal,
}

/// Who responded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Responder {
    /// Microsoft Graph responded: the response has its `request-id`, or a body with its `error`.
    MicrosoftGraph,
    /// Perhaps something on the way to Microsoft Graph responded.
    OnTheWay,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It performs an action on ids.
    Act,
    /// It reads a page.
    Read,
}

impl Judgment {
    /// Judges a response by its status, and a few statuses also by `message` (its `error.message`),
    /// by who responded, and by whether it asks for claims. The first row that applies counts.
    /// An id is refused only on Microsoft Graph's own word about ids.
    pub(crate) fn of(status: u16, message: &str, responder: Responder, has_claims_challenge: bool) -> Judgment {
        use {Disposition as D, ErrorKind as K, OutcomeKind as O};
        let (kind, outcome, disposition) = match status {
            401 => (K::Unauthenticated, O::NotApplied, D::TokenRejection),
            403 if has_claims_challenge => (K::Forbidden, O::NotApplied, D::TokenRejection),
            403 => (K::Forbidden, O::NotApplied, D::Fatal),
            407 => (K::ClientError, O::NotApplied, D::Fatal),
            408 | 421 => (K::ClientError, O::NotApplied, D::Transient),
            429 => (K::Throttled, O::NotApplied, D::Throttling),
            499 => (K::ClientError, O::Unknown, D::Permanent),
            413 => (K::ClientError, O::NotApplied, D::TooLarge),
            400..=499 if responder == Responder::OnTheWay => (K::UnexpectedStatus, O::NotApplied, D::Unexpected),
            400 | 404 if is_about_a_segment(message) => (K::ClientError, O::NotApplied, D::Fatal),
            400 | 404 | 409 | 410 | 412 | 422 => (K::ClientError, O::Refused, D::Refusal),
            400..=499 => (K::ClientError, O::NotApplied, D::Fatal),
            500 | 502 | 503 | 504 | 509 => (K::ServerError, O::Unknown, D::Transient),
            500..=599 => (K::ServerError, O::Unknown, D::Permanent),
            300..=399 => (K::UnexpectedStatus, O::NotApplied, D::Unexpected),
            _ => (K::UnexpectedStatus, O::Unknown, D::Unexpected),
        };
        Judgment { kind, outcome, disposition }
    }

    /// The error of the contract. Its message says what to do, and then quotes the response.
    pub(crate) fn error(self, response: Response, purpose: Purpose) -> Error {
        let mut message = format!("{}: {}", response.status, advice(&response, self.disposition, purpose));
        for part in [&response.code, &response.message].into_iter().filter(|part| !part.is_empty()) {
            message.push_str("; ");
            message.push_str(part);
        }
        Error { response: Some(response), ..Error::new(self.kind, self.outcome, message) }
    }
}

/// Whether a message says that the cloud or the version does not have the action
/// (<https://github.com/microsoftgraph/msgraph-sdk-powershell/issues/3189>).
fn is_about_a_segment(message: &str) -> bool {
    contains(message, "resource not found for the segment")
}

/// Whether a text contains `part` in whatever case.
fn contains(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

/// What a response means and what to do about it, for people.
fn advice(response: &Response, disposition: Disposition, purpose: Purpose) -> &'static str {
    let mentions = |part: &str| contains(&response.message, part);
    match (response.status, disposition) {
        (401, _) => "the token was rejected: check its audience and its tenant",
        (403, _) if mentions("licen") => "the tenant lacks the license that this needs",
        (403, _) if mentions("scope") => "the token lacks the permission that this needs: grant it to the app",
        (403, _) if response.code == "Authorization_RequestDenied" => {
            "a role or a permission is missing, or was granted just now: wait some minutes, or up to an hour after a role \
             was activated, then try again"
        }
        (403, _) => "a permission, a role or a license is missing",
        (407, _) => "a proxy requires authentication: check the proxy settings of the host",
        (408, _) => "the service did not receive the request in time: try again",
        (413, _) if purpose == Purpose::Act => "the request is too large: set ids-per-request",
        (421, _) => "the connection was to another service: try again",
        (429, _) => "too many requests: try again later",
        (499, _) => "the connection was closed: try again",
        (_, Disposition::Unexpected) => {
            "something else than Microsoft Graph responded: check the endpoint and the proxy settings of the host"
        }
        (400 | 404, Disposition::Fatal) => {
            "this cloud or version does not have it: check cloud, endpoint and api-version"
        }
        (400..=499, _) if purpose == Purpose::Read => "the service does not accept the query: check the filter",
        (400..=499, Disposition::Fatal) => "the service does not accept the request, whichever ids it carries",
        (400..=499, _) => {
            "refused: an id is absent from the tenant or not at risk, of a user who was deleted or is a guest, or was \
             processed before"
        }
        _ => "the service failed: try again later",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(status: u16, message: &str, responder: Responder) -> (OutcomeKind, Disposition) {
        let Judgment { outcome, disposition, .. } = Judgment::of(status, message, responder, false);
        (outcome, disposition)
    }

    #[test]
    fn the_status_determines_what_a_response_of_microsoft_graph_means() {
        for status in (100..=599).filter(|status| *status != 204) {
            let expected = match status {
                401 => (OutcomeKind::NotApplied, Disposition::TokenRejection),
                403 | 407 => (OutcomeKind::NotApplied, Disposition::Fatal),
                408 | 421 => (OutcomeKind::NotApplied, Disposition::Transient),
                413 => (OutcomeKind::NotApplied, Disposition::TooLarge),
                429 => (OutcomeKind::NotApplied, Disposition::Throttling),
                499 => (OutcomeKind::Unknown, Disposition::Permanent),
                400 | 404 | 409 | 410 | 412 | 422 => (OutcomeKind::Refused, Disposition::Refusal),
                400..=498 => (OutcomeKind::NotApplied, Disposition::Fatal),
                500 | 502 | 503 | 504 | 509 => (OutcomeKind::Unknown, Disposition::Transient),
                500..=599 => (OutcomeKind::Unknown, Disposition::Permanent),
                300..=399 => (OutcomeKind::NotApplied, Disposition::Unexpected),
                _ => (OutcomeKind::Unknown, Disposition::Unexpected),
            };
            assert_eq!(judge(status, "", Responder::MicrosoftGraph), expected, "{status}");
        }
    }

    #[test]
    fn something_on_the_way_refuses_no_id() {
        for status in (100..=599).filter(|status| *status != 204) {
            let (outcome, disposition) = judge(status, "", Responder::OnTheWay);
            assert_ne!(outcome, OutcomeKind::Refused, "{status}");
            let is_judged_as_before = matches!(status, 401 | 403 | 407 | 408 | 413 | 421 | 429 | 499);
            assert_eq!(disposition == Disposition::Unexpected, !is_judged_as_before && status < 500, "{status}");
        }
    }

    #[test]
    fn a_segment_that_is_not_found_refuses_no_id() {
        let message = "resource Not found for the segment 'signIns'.";
        for status in [400, 404] {
            let expected = (OutcomeKind::NotApplied, Disposition::Fatal);
            assert_eq!(judge(status, message, Responder::MicrosoftGraph), expected);
        }
        assert_eq!(judge(409, message, Responder::MicrosoftGraph), (OutcomeKind::Refused, Disposition::Refusal));
    }

    #[test]
    fn what_is_missing_is_told_apart_by_what_microsoft_graph_writes() {
        let advice = |code: &str, message: &str| {
            let response =
                Response { status: 403, code: code.to_owned(), message: message.to_owned(), ..Response::default() };
            let disposition = Judgment::of(403, message, Responder::MicrosoftGraph, false).disposition;
            advice(&response, disposition, Purpose::Act)
        };
        assert!(advice("Forbidden", "Your tenant is not licensed for this feature.").contains("license"));
        assert!(advice("Forbidden", "required scopes are missing in the token.").contains("permission"));
        assert!(advice("Authorization_RequestDenied", "Insufficient privileges").contains("an hour"));
    }
}
