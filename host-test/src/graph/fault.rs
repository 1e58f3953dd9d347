//! What goes wrong between a client and Microsoft Graph, on demand or drawn.

use std::time::Duration;

use http::StatusCode;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

/// Something that goes wrong with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What it is.
    pub kind: Kind,
    /// The status of its answer, where it has one.
    pub status: StatusCode,
    /// Whether the action was carried out before. Only where the answer leaves it open.
    pub applied: bool,
    /// The `Retry-After` of its answer.
    pub retry_after: RetryAfter,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A 5xx of Microsoft Graph.
    ServerError,
    /// A 5xx of a gateway: HTML.
    GatewayPage,
    /// A 429 before the documented limit.
    Throttled,
    /// Another 4xx, with nothing to read in it.
    Refused,
    /// `400` with a message that repeats the `authorization` header, as a gateway under repair may do.
    Echo,
    /// `401`: the token expired, and is not good for any request from now on.
    Expired,
    /// `401` with a claims challenge: the same.
    Challenged,
    /// `403`.
    Forbidden,
    /// A proxy's sign-in page, `200`.
    ProxyPage,
    /// A proxy's redirect, `302`.
    Redirect,
    /// No connection comes about.
    NoConnection,
    /// The name of the host is not found.
    NoName,
    /// The certificate is not trusted.
    Tls,
    /// The host's own policy forbids the request.
    Denied,
    /// The connection is reset without an answer.
    Reset,
    /// The host's client reports a timeout.
    Timeout,
    /// Part of an answer, then a reset.
    Truncated,
    /// An answer without end.
    Endless,
    /// Part of an answer, then silence.
    Stalled,
    /// No answer.
    Silence,
}

/// A `Retry-After`, in the forms that are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// None.
    Absent,
    /// Seconds.
    Seconds(u64),
    /// An HTTP date: so many seconds after the answer's own, or before it.
    Date(i64),
    /// More seconds than a number holds: to be read as very many.
    Endless,
    /// Neither: to be read as none.
    Garbage(&'static str),
}

impl RetryAfter {
    /// The wait that a client is to read from it.
    pub fn wait(self) -> Option<Duration> {
        match self {
            RetryAfter::Seconds(seconds) => Some(Duration::from_secs(seconds)),
            RetryAfter::Date(seconds) => Some(Duration::from_secs(seconds.try_into().unwrap_or_default())),
            // Decades, so that a sum of times stays one.
            RetryAfter::Endless => Some(Duration::from_secs(u32::MAX.into())),
            RetryAfter::Absent | RetryAfter::Garbage(_) => None,
        }
    }
}

/// How often each kind is met: kinds that end a call are rare, or there would be little else to see.
const WEIGHTS: [(Kind, u32); 20] = [
    (Kind::ServerError, 16),
    (Kind::GatewayPage, 6),
    (Kind::Throttled, 16),
    (Kind::Refused, 6),
    (Kind::Echo, 2),
    (Kind::Expired, 6),
    (Kind::Challenged, 6),
    (Kind::Forbidden, 1),
    (Kind::ProxyPage, 3),
    (Kind::Redirect, 3),
    (Kind::NoConnection, 10),
    (Kind::NoName, 4),
    (Kind::Tls, 2),
    (Kind::Denied, 1),
    (Kind::Reset, 10),
    (Kind::Timeout, 6),
    (Kind::Truncated, 4),
    (Kind::Endless, 2),
    (Kind::Stalled, 4),
    (Kind::Silence, 6),
];

const GARBAGE: [&str; 7] = ["", "soon", "-1", "1.5", "0x10", "Sat, 31 Feb 2026 25:61:61 GMT", "ö"];

impl Fault {
    /// A fault of this kind as it is met most often: not applied, without `Retry-After`.
    pub fn of(kind: Kind) -> Self {
        let status = match kind {
            Kind::Throttled => StatusCode::TOO_MANY_REQUESTS,
            Kind::Refused | Kind::Echo => StatusCode::BAD_REQUEST,
            Kind::Expired | Kind::Challenged => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::ProxyPage => StatusCode::OK,
            Kind::Redirect => StatusCode::FOUND,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Fault { kind, status, applied: false, retry_after: RetryAfter::Absent }
    }

    /// The same fault, after the action was carried out.
    pub fn applied(self) -> Self {
        Fault { applied: true, ..self }
    }

    /// The same fault with a `Retry-After`.
    pub fn retry_after(self, retry_after: RetryAfter) -> Self {
        Fault { retry_after, ..self }
    }

    /// Draws a fault.
    pub fn draw(rng: &mut StdRng) -> Self {
        let kind = WEIGHTS.choose_weighted(rng, |(_, weight)| *weight).map_or(Kind::Silence, |(kind, _)| *kind);
        let mut fault = Fault::of(kind);
        let statuses: &[u16] = match kind {
            Kind::ServerError => &[500, 501, 502, 503, 503, 504, 507, 509],
            Kind::GatewayPage => &[502, 503, 504],
            Kind::Refused => &[400, 404, 409, 412, 413, 423],
            Kind::Truncated | Kind::Endless | Kind::Stalled => &[200, 400, 429, 500, 503],
            _ => &[],
        };
        if let Some(status) = statuses.choose(rng).and_then(|status| StatusCode::from_u16(*status).ok()) {
            fault.status = status;
        }
        fault.applied = fault.leaves_open() && rng.random_bool(0.5);
        if [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&fault.status) {
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

    /// Whether a client can not tell if the action was carried out.
    fn leaves_open(&self) -> bool {
        match self.kind {
            Kind::Reset | Kind::Timeout | Kind::Silence => true,
            Kind::NoConnection | Kind::NoName | Kind::Tls | Kind::Denied => false,
            _ => self.status.is_server_error() || self.status.is_success(),
        }
    }

    /// The error of a host's HTTP client, for faults that have no answer and never reached the service.
    pub(super) fn before_arrival(&self) -> Option<ErrorCode> {
        Some(match self.kind {
            Kind::NoConnection => ErrorCode::ConnectionRefused,
            Kind::NoName => ErrorCode::DestinationNotFound,
            Kind::Tls => ErrorCode::TlsProtocolError,
            Kind::Denied => ErrorCode::HttpRequestDenied,
            _ => return None,
        })
    }
}
