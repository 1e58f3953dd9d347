//! A request to a token endpoint, and how often it is sent.
//!
//! `get-token` is synchronous: while it waits, the plugin sends nothing. Therefore an exchange ends after 20 s. The plugin
//! asks again after `unavailable`, for as long as its patience lasts.

use entra_risk_engine::contract::endpoint::Endpoint;
use entra_risk_engine::time::{Nanos, SECOND};

use crate::bindings::exports::entra::risk::credentials::TokenError;
use crate::bindings::wasi::clocks::monotonic_clock;
use crate::cache::Token;
use crate::{http, response};

/// Maximum requests of an exchange.
const MAX_ATTEMPTS: u32 = 3;

/// Maximum time of an exchange. Source: wasmCloud ends a call between linked components after 30 s.
const MAX_TIME: Nanos = 20 * SECOND;

/// Maximum time of one request: from sending it to the end of its response. Hosts limit only parts of it.
const MAX_ATTEMPT_TIME: Nanos = 10 * SECOND;

/// Time before the second request; it doubles. Source: the guidance for IMDS is at least 1 s.
const FIRST_PAUSE: Nanos = SECOND;

/// Maximum time before another request. A longer `Retry-After` ends the exchange.
const MAX_PAUSE: Nanos = 5 * SECOND;

/// One request for a token. It contains a secret, so it cannot be printed.
pub struct Exchange {
    /// Where it is sent.
    pub issuer: Issuer,
    /// Its path and query.
    pub path: String,
    /// Its headers besides those that every request has.
    pub headers: Vec<(&'static str, String)>,
    /// The form to `POST`; without one, the method is `GET`.
    pub form: Option<String>,
}

/// A token endpoint, and what to report when it issues no token.
pub struct Issuer {
    /// Its address.
    pub address: Endpoint,
    /// The environment variable that its address comes from, or could come from.
    pub variable: &'static str,
    /// What to check when it refuses a request, given the AADSTS code of its response.
    pub advice: fn(Option<u64>) -> &'static str,
    /// The statuses besides 408, 429 and 5xx after which the same request may succeed.
    pub transient: &'static [u16],
}

/// Why an exchange ended without a token.
pub(crate) struct Failure {
    /// The error for the plugin.
    pub(crate) error: TokenError,
    /// Whether the same request may succeed within seconds.
    pub(crate) is_transient: bool,
    /// When the issuer may be asked again, if it returned a `Retry-After`.
    pub(crate) retry_at: Option<Nanos>,
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        Failure { error, is_transient: false, retry_at: None }
    }
}

impl Exchange {
    /// Sends the request until there is a token, an error that is not transient, or no time left.
    pub(crate) fn run(&self) -> Result<Token, Failure> {
        let start = monotonic_clock::now();
        let end = start.saturating_add(MAX_TIME);
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let sent = monotonic_clock::now();
            let response = http::send(self, end.min(sent.saturating_add(MAX_ATTEMPT_TIME)));
            let now = monotonic_clock::now();
            let failure = match response {
                Ok(response) => match response::judge(&response, &self.issuer, now) {
                    Ok(token) => return Ok(token),
                    Err(failure) => failure,
                },
                Err(error) => error.explain(&self.issuer),
            };
            let next = now.saturating_add(pause).max(failure.retry_at.unwrap_or_default());
            let is_over = attempt == MAX_ATTEMPTS || next >= end || next.saturating_sub(now) > MAX_PAUSE;
            if is_over || !failure.is_transient {
                return Err(failure);
            }
            monotonic_clock::subscribe_instant(next).block();
            pause = pause.saturating_mul(2);
            attempt = attempt.saturating_add(1);
        }
    }
}
