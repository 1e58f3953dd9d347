//! What a request that has arrived meets because of a fault.

use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::response::{ResponseContext, misdirected, redirect, with_retry_after};
use crate::tokens::Tokens;
use crate::{Behavior, Fault, FaultKind, Request, Response, RetryAfter, TransportError};

/// The behavior that a fault causes for a request that has arrived, in place of the response that
/// it would have had.
pub(crate) fn apply_fault(
    rng: &mut StdRng,
    tokens: &mut Tokens,
    request: &Request,
    fault: &Fault,
    context: &ResponseContext,
    whole: Response,
) -> Behavior {
    let is_partial = matches!(fault.kind, FaultKind::Truncated | FaultKind::Endless | FaultKind::Stalled);
    let response = match is_partial && whole.status() == fault.status {
        true => whole,
        false => fault_response(rng, tokens, request, fault, context),
    };
    let response = match fault.retry_after {
        RetryAfter::Absent => response,
        RetryAfter::Seconds(seconds) => with_retry_after(response, &seconds.to_string()),
        RetryAfter::Date(seconds) => {
            let later = context.date + Duration::from_secs(seconds.try_into().unwrap_or_default());
            let date = later - Duration::from_secs((-seconds).try_into().unwrap_or_default());
            with_retry_after(response, &httpdate::fmt_http_date(date))
        }
        RetryAfter::Endless => with_retry_after(response, "99999999999999999999999"),
        RetryAfter::Garbage(text) => with_retry_after(response, text),
    };
    let half = |response: Response| response.map(|body| body.slice(..body.len() / 2));
    match fault.kind {
        FaultKind::Reset => Behavior::Reset,
        FaultKind::Timeout => Behavior::Failed(TransportError::ConnectionTimeout),
        FaultKind::Silence => Behavior::Silence,
        FaultKind::Truncated => Behavior::Truncated(half(response)),
        FaultKind::Stalled => Behavior::Stalled(half(response)),
        FaultKind::Endless => Behavior::Endless(response),
        _ => Behavior::Complete(response),
    }
}

fn fault_response(
    rng: &mut StdRng,
    tokens: &mut Tokens,
    request: &Request,
    fault: &Fault,
    context: &ResponseContext,
) -> Response {
    match fault.kind {
        FaultKind::Expired => tokens.revoke(request, None, context),
        FaultKind::Challenged => tokens.revoke(request, Some(fault.status), context),
        FaultKind::Forbidden => context.forbidden(fault.status),
        FaultKind::Throttled => context.throttled(None),
        FaultKind::GatewayPage | FaultKind::ProxyPage | FaultKind::BlockPage => context.page(fault.status),
        FaultKind::Misdirected => misdirected(),
        FaultKind::Segment => {
            let message = "Resource not found for the segment 'dismiss'.";
            context.error(fault.status, "BadRequest", message)
        }
        FaultKind::Redirect => redirect(),
        FaultKind::Echo => {
            let sent = request.headers().get(AUTHORIZATION).map(|value| String::from_utf8_lossy(value.as_bytes()));
            let sent = sent.unwrap_or_default();
            // All of it or a part, at a place where a client may cut the message.
            let skipped = if rng.random() { 0 } else { rng.random_range(0..=16.min(sent.len())) };
            let before = "-".repeat(if rng.random() { 0 } else { rng.random_range(440..=500) });
            let message = format!("Bad header: {before}{}", sent.get(skipped..).unwrap_or_default());
            context.error(fault.status, "BadRequest", &message)
        }
        FaultKind::Refused | FaultKind::TooLarge | FaultKind::ProxyAuthentication => {
            context.response(fault.status, Bytes::new())
        }
        _ => context.error(fault.status, "UnknownError", ""),
    }
}
