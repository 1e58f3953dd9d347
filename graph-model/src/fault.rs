//! Faults between a client and Microsoft Graph, planned or drawn.

use std::time::Duration;

use http::StatusCode;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::TransportError;

/// A fault of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The kind of fault.
    pub kind: FaultKind,
    /// The status of its response, if it has one.
    pub status: StatusCode,
    /// Whether the action was applied before. True only if the response leaves that open.
    pub applied: bool,
    /// The `Retry-After` of its response.
    pub retry_after: RetryAfter,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// A 5xx of Microsoft Graph.
    ServerError,
    /// A 5xx of a gateway: HTML.
    GatewayPage,
    /// A 429 before the documented limit.
    Throttled,
    /// A 4xx about the ids, with an empty body.
    Refused,
    /// `413`: the request is too large, with an empty body.
    TooLarge,
    /// A 4xx that is not about the ids, such as `405`.
    Unsupported,
    /// `400`: the cloud or the version lacks the action.
    Segment,
    /// A 4xx of a web filter: HTML.
    BlockPage,
    /// `421`: the connection was made for another host name. An empty body.
    Misdirected,
    /// `400` with a message that repeats the `authorization` header or a part of it, as a
    /// misconfigured gateway may do.
    Echo,
    /// `401`: the token expired and stays invalid for all later requests.
    Expired,
    /// `401` or `403` with a claims challenge: the same.
    Challenged,
    /// `403`.
    Forbidden,
    /// `407` of a proxy.
    ProxyAuthentication,
    /// Another status that leaves open what happened, or that a repetition may change: `408` or
    /// `499`.
    RequestTimeout,
    /// A proxy's sign-in page, `200`.
    ProxyPage,
    /// A proxy's redirect, `302`.
    Redirect,
    /// No connection is established.
    NoConnection,
    /// The host name does not resolve.
    NoName,
    /// The certificate is not trusted.
    Tls,
    /// The TLS handshake fails.
    Handshake,
    /// The host's own policy forbids the request.
    Denied,
    /// The connection is reset without a response.
    Reset,
    /// The host's client reports a timeout.
    Timeout,
    /// Part of a response, then a reset.
    Truncated,
    /// A response without end.
    Endless,
    /// Part of a response, then silence.
    Stalled,
    /// No response.
    Silence,
    /// `204` before the end of the request's body, of which the rest is not read. Not applied.
    Early,
}

/// A `Retry-After`, in the forms that servers send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// None.
    Absent,
    /// Seconds.
    Seconds(u64),
    /// An HTTP date: this many seconds after the date of the response, or before it if negative.
    Date(i64),
    /// More seconds than an integer can hold: a client must read it as a very long wait.
    Endless,
    /// Neither: a client must ignore it.
    Garbage(&'static str),
}

impl RetryAfter {
    /// The wait that a client must read from it.
    pub fn wait(self) -> Option<Duration> {
        match self {
            RetryAfter::Seconds(seconds) => Some(Duration::from_secs(seconds)),
            RetryAfter::Date(seconds) => Some(Duration::from_secs(seconds.try_into().unwrap_or_default())),
            // Decades: long, and still small enough to be added to other times.
            RetryAfter::Endless => Some(Duration::from_secs(u32::MAX.into())),
            RetryAfter::Absent | RetryAfter::Garbage(_) => None,
        }
    }
}

/// How often each kind is drawn. Kinds that end a call are rare, because they hide all that would
/// follow.
const WEIGHTS: [(FaultKind, u32); 28] = [
    (FaultKind::ServerError, 16),
    (FaultKind::GatewayPage, 6),
    (FaultKind::Throttled, 16),
    (FaultKind::Refused, 6),
    (FaultKind::TooLarge, 1),
    (FaultKind::Unsupported, 2),
    (FaultKind::Segment, 1),
    (FaultKind::BlockPage, 3),
    (FaultKind::Misdirected, 3),
    (FaultKind::Echo, 2),
    (FaultKind::Expired, 6),
    (FaultKind::Challenged, 6),
    (FaultKind::Forbidden, 1),
    (FaultKind::ProxyAuthentication, 1),
    (FaultKind::RequestTimeout, 3),
    (FaultKind::ProxyPage, 3),
    (FaultKind::Redirect, 3),
    (FaultKind::NoConnection, 10),
    (FaultKind::NoName, 4),
    (FaultKind::Tls, 2),
    (FaultKind::Handshake, 3),
    (FaultKind::Denied, 1),
    (FaultKind::Reset, 10),
    (FaultKind::Timeout, 6),
    (FaultKind::Truncated, 4),
    (FaultKind::Endless, 2),
    (FaultKind::Stalled, 4),
    (FaultKind::Silence, 6),
];

const GARBAGE: [&str; 7] = ["", "soon", "-1", "1.5", "0x10", "Sat, 31 Feb 2026 25:61:61 GMT", "ö"];

impl Fault {
    /// The most common fault of this kind: not applied, without `Retry-After`.
    pub fn of(kind: FaultKind) -> Self {
        let status = match kind {
            FaultKind::Throttled => StatusCode::TOO_MANY_REQUESTS,
            FaultKind::Refused | FaultKind::Echo | FaultKind::Segment => StatusCode::BAD_REQUEST,
            FaultKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            FaultKind::Unsupported => StatusCode::METHOD_NOT_ALLOWED,
            FaultKind::BlockPage => StatusCode::NOT_FOUND,
            FaultKind::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            FaultKind::Expired | FaultKind::Challenged => StatusCode::UNAUTHORIZED,
            FaultKind::Forbidden => StatusCode::FORBIDDEN,
            FaultKind::ProxyAuthentication => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            FaultKind::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            FaultKind::ProxyPage => StatusCode::OK,
            FaultKind::Redirect => StatusCode::FOUND,
            FaultKind::Early => StatusCode::NO_CONTENT,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Fault { kind, status, applied: false, retry_after: RetryAfter::Absent }
    }

    /// The same fault, after the action was applied.
    pub fn applied(self) -> Self {
        Fault { applied: true, ..self }
    }

    /// The same fault with a `Retry-After`.
    pub fn retry_after(self, retry_after: RetryAfter) -> Self {
        Fault { retry_after, ..self }
    }

    /// Draws a fault.
    pub fn draw(rng: &mut StdRng) -> Self {
        let kind = WEIGHTS.choose_weighted(rng, |(_, weight)| *weight).map_or(FaultKind::Silence, |(kind, _)| *kind);
        let mut fault = Fault::of(kind);
        let statuses: &[u16] = match kind {
            FaultKind::ServerError => &[500, 501, 502, 503, 503, 504, 507, 509],
            FaultKind::GatewayPage => &[502, 503, 504],
            FaultKind::Challenged => &[401, 401, 403],
            FaultKind::RequestTimeout => &[408, 499],
            FaultKind::Refused => &[400, 404, 409, 410, 412, 422],
            FaultKind::Unsupported => &[405, 411, 415, 417, 423, 426, 431],
            FaultKind::Segment => &[400, 404],
            FaultKind::BlockPage => &[400, 404, 451],
            FaultKind::Truncated | FaultKind::Endless | FaultKind::Stalled => &[200, 400, 429, 500, 503],
            _ => &[],
        };
        if let Some(status) = statuses.choose(rng).and_then(|status| StatusCode::from_u16(*status).ok()) {
            fault.status = status;
        }
        fault.applied = fault.leaves_open() && rng.random_bool(0.5);
        let is_transient = [408, 500, 502, 504, 509].contains(&fault.status.as_u16());
        let asks = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&fault.status);
        if asks || (is_transient && fault.has_response() && rng.random_ratio(1, 5)) {
            fault.retry_after = match rng.random_range(0..20) {
                0..8 => RetryAfter::Absent,
                8..13 => RetryAfter::Seconds(rng.random_range(0..=20)),
                13..16 => RetryAfter::Date(rng.random_range(-20..=40)),
                16 => RetryAfter::Seconds(rng.random_range(290..=310)),
                17 => RetryAfter::Date(rng.random_range(3_000..=90_000)),
                18 => RetryAfter::Endless,
                _ => RetryAfter::Garbage(GARBAGE.choose(rng).copied().unwrap_or_default()),
            };
        }
        fault
    }

    fn has_response(&self) -> bool {
        self.before_arrival().is_none()
            && !matches!(self.kind, FaultKind::Reset | FaultKind::Timeout | FaultKind::Silence)
    }

    /// Whether a client cannot know if the action was applied.
    fn leaves_open(&self) -> bool {
        match self.kind {
            FaultKind::Reset | FaultKind::Timeout | FaultKind::Silence => true,
            FaultKind::NoConnection | FaultKind::NoName | FaultKind::Tls | FaultKind::Handshake | FaultKind::Denied => {
                false
            }
            FaultKind::RequestTimeout => self.status != StatusCode::REQUEST_TIMEOUT,
            _ => self.status.is_server_error() || self.status.is_success(),
        }
    }

    /// The error of the host's HTTP client, for faults in which the request never reaches the
    /// service.
    pub(crate) fn before_arrival(&self) -> Option<TransportError> {
        Some(match self.kind {
            FaultKind::NoConnection => TransportError::ConnectionRefused,
            FaultKind::NoName => TransportError::DestinationNotFound,
            FaultKind::Tls => TransportError::TlsCertificateError,
            FaultKind::Handshake => TransportError::TlsProtocolError,
            FaultKind::Denied => TransportError::HttpRequestDenied,
            _ => return None,
        })
    }
}
