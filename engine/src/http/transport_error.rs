//! Why an attempt has no response, and what that proves about the request.

use crate::contract::error::{ErrorKind, OutcomeKind};
use crate::http::judgment::{Disposition, Judgment};

/// Why an attempt has no response, as the host reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    /// What the error proves about the request.
    pub kind: TransportErrorKind,
    /// The name of the cause, with the host's details.
    pub cause: String,
}

/// What an error of the host proves about the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// The request was never sent. Retrying may succeed.
    Unreachable,
    /// The request was never sent, because the TLS handshake failed. Some hosts report an untrusted
    /// certificate so.
    Tls,
    /// The request was never sent, because the certificate is not trusted.
    Certificate,
    /// The request was never sent, because the host does not accept it.
    RejectedByHost,
    /// The request was never sent, because the host's policy refused it.
    Denied,
    /// The request was perhaps sent. Retrying may succeed.
    NoResponse,
    /// The request was perhaps sent. The response cannot be read, and could not be read the next
    /// time either.
    Unreadable,
    /// Anything else. The request may have been sent.
    Other,
}

impl TransportErrorKind {
    /// What the error means, and what happened, for people. `has_accepted`: the instance has seen
    /// an acceptance, so that a failed handshake may be by chance.
    pub(crate) fn judge(self, has_accepted: bool) -> (Judgment, &'static str) {
        use {Disposition as D, ErrorKind as K, OutcomeKind as O, TransportErrorKind as T};
        let (kind, outcome, disposition, message) = match self {
            T::Unreachable => (K::Unreachable, O::NotApplied, D::Transient, NO_CONNECTION),
            T::Tls if has_accepted => (K::Unreachable, O::NotApplied, D::Transient, NO_CONNECTION),
            T::Tls => (K::Unreachable, O::NotApplied, D::Fatal, NO_CONNECTION),
            T::Certificate => (K::Unreachable, O::NotApplied, D::Fatal, "the certificate is not trusted: "),
            T::RejectedByHost => (K::DeniedByHost, O::NotApplied, D::Fatal, "the host refused the request: "),
            T::Denied => (K::DeniedByHost, O::NotApplied, D::Fatal, "allow the address in the host: "),
            T::NoResponse => (K::NoResponse, O::Unknown, D::Transient, "no complete response arrived: "),
            T::Unreadable => (K::NoResponse, O::Unknown, D::Permanent, "the response cannot be read: "),
            T::Other => (K::Other, O::Unknown, D::Permanent, "the host reported an error: "),
        };
        (Judgment { kind, outcome, disposition }, message)
    }
}

const NO_CONNECTION: &str = "no connection was established: ";
