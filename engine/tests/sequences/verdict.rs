//! What the contract says about the end of an attempt: a second opinion, written without the
//! engine's tables.

use entra_risk_engine::contract::error::Error;
use entra_risk_engine::http::transport_error::TransportErrorKind;

use crate::sequences::nanos::Nanos;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Accepted,
    Refused,
    TooLarge,
    Throttled,
    TokenRejected,
    Transient,
    Unexpected,
    /// Ends the attempts of these ids.
    Permanent,
    /// Ends the call.
    Fatal,
}

#[derive(Clone, Debug)]
pub struct Verdict {
    pub kind: Kind,
    pub maybe_applied: bool,
    pub retry_after: Option<Nanos>,
    /// `Retry-After` holds every request.
    holds_all: bool,
    pub claims: Option<String>,
    /// As `label` names the error.
    pub label: String,
}

impl Verdict {
    pub fn of_response(
        status: u16,
        is_of_graph: bool,
        is_about_a_segment: bool,
        request_is_complete: bool,
        retry_after: Option<Nanos>,
        challenge: Option<Option<String>>,
    ) -> Verdict {
        let kind = match status {
            204 if request_is_complete => Kind::Accepted,
            401 => Kind::TokenRejected,
            403 if challenge.is_some() => Kind::TokenRejected,
            403 | 407 => Kind::Fatal,
            429 => Kind::Throttled,
            408 | 421 | 500 | 502 | 503 | 504 | 509 => Kind::Transient,
            499 | 501 | 505..=508 | 510..=599 => Kind::Permanent,
            413 => Kind::TooLarge,
            400..=498 if !is_of_graph => Kind::Unexpected,
            400 | 404 if is_about_a_segment => Kind::Fatal,
            400 | 404 | 409 | 410 | 412 | 422 => Kind::Refused,
            400..=498 => Kind::Fatal,
            _ => Kind::Unexpected,
        };
        let maybe_applied = kind != Kind::Accepted && !matches!(status, 300..=498);
        let name = match status {
            401 => "unauthenticated",
            403 => "forbidden",
            429 => "throttled",
            _ if kind == Kind::Unexpected => "unexpected-status",
            500..=599 => "server-error",
            _ => "client-error",
        };
        let label = format!("status {status} {name}");
        let claims = challenge.flatten().filter(|_| kind == Kind::TokenRejected);
        Verdict { kind, maybe_applied, retry_after, holds_all: matches!(status, 429 | 503), claims, label }
    }

    pub fn of_transport_error(kind: TransportErrorKind, instance_has_accepted: bool) -> Verdict {
        use TransportErrorKind::*;
        let (label, maybe_applied) = match kind {
            Unreachable | Tls | Certificate => ("unreachable", false),
            Denied | RejectedByHost => ("denied-by-host", false),
            NoResponse | Unreadable => ("no-response", true),
            Other => ("other", true),
        };
        let kind = match kind {
            Unreachable | NoResponse => Kind::Transient,
            Tls if instance_has_accepted => Kind::Transient,
            Tls | Certificate | RejectedByHost | Denied => Kind::Fatal,
            Unreadable | Other => Kind::Permanent,
        };
        Verdict { kind, maybe_applied, ..Verdict::at_deadline() }.labeled(label)
    }

    pub fn at_deadline() -> Verdict {
        let label = "deadline-exceeded".to_owned();
        let kind = Kind::Permanent;
        Verdict { kind, maybe_applied: true, retry_after: None, holds_all: false, claims: None, label }
    }

    /// Every request waits: after a 429, and after a 503 that says how long.
    pub fn holds(&self) -> bool {
        self.kind == Kind::Throttled || (self.holds_all && self.retry_after.is_some())
    }

    fn labeled(mut self, label: &str) -> Verdict {
        self.label = label.to_owned();
        self
    }
}

/// The name of an error in the contract, after its status if it has one.
pub fn label(error: &Error) -> String {
    match &error.response {
        Some(response) => format!("status {} {}", response.status, error.kind.name()),
        None => error.kind.name().to_owned(),
    }
}
