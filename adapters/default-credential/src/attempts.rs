//! How often a request for a token is sent.
//!
//! `get-token` is synchronous: while it waits, the plugin sends nothing. Therefore the attempts end
//! after 20 s. The plugin asks again after `unavailable`, for as long as its patience lasts.

use entra_risk_engine::time::Duration;
use entra_risk_transport::{now, wait};

use crate::outcome::{Failure, Token};
use crate::token_call::TokenCall;
use crate::{http, response};

/// Maximum attempts for one token.
const MAX_ATTEMPTS: u32 = 3;

/// Maximum time of all attempts together. Source: wasmCloud ends a call between linked components
/// after 30 s.
const MAX_TIME: Duration = Duration::from_secs(20);

/// Maximum time of one request: from sending it to the end of its response. Hosts limit only parts
/// of it.
const MAX_ATTEMPT_TIME: Duration = Duration::from_secs(10);

/// Time before the second request; it doubles. Source: the guidance for IMDS is at least 1 s.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Maximum time before another request. A longer `Retry-After` ends the attempts.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Sends the request until there is a token, an error that is not transient, or no time left.
pub(crate) fn run(call: &TokenCall) -> Result<Token, Failure> {
    let start = now();
    let end = start.saturating_add(MAX_TIME);
    let mut pause = FIRST_PAUSE;
    let mut attempt = 1;
    loop {
        let sent = now();
        let response = http::send(call, end.min(sent.saturating_add(MAX_ATTEMPT_TIME)));
        let now = now();
        let failure = match response.and_then(|response| response::judge(&response, &call.issuer, now)) {
            Ok(token) => return Ok(token),
            Err(failure) => failure,
        };
        let next = now.saturating_add(pause).max(failure.retry_at.unwrap_or_default());
        let is_over = attempt == MAX_ATTEMPTS || next >= end || next.since(now) > MAX_PAUSE;
        if is_over || !failure.is_transient {
            return Err(failure);
        }
        wait([].into_iter(), next);
        pause = pause.saturating_mul(2);
        attempt = attempt.saturating_add(1);
    }
}
