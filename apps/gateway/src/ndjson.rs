//! Streamed outcomes: `accept: application/x-ndjson` asks for lines of JSON in the form of the
//! audit log, one for each batch as soon as it has ended, and a last one with the status that a
//! whole response would have. A line after ten seconds without a batch keeps the connection open,
//! and shows whether the caller still reads.

use entra_risk_common::calls::{Call, Event};
use entra_risk_common::drive;
use entra_risk_common::json::Counts;

use crate::audit::Audit;
use crate::bindings::wasi::http::types::ResponseOutparam;
use crate::caller::{WAIT_MS, record};
use crate::http::Parts;
use crate::{log, response};

/// The media type of a streamed response.
const MEDIA_TYPE: &str = "application/x-ndjson";

/// The longest time without a line in milliseconds: 10 s.
const MAX_SILENCE_MS: u64 = 10_000;

/// Whether the values of `accept` name the media type, with a quality other than 0.
pub(crate) fn is_accepted(accept: &[Vec<u8>]) -> bool {
    accept.iter().flat_map(|value| value.split(|byte| *byte == b',')).any(|range| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let is_named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(MEDIA_TYPE.as_bytes()));
        is_named && !parts.any(|parameter| [b"q=0".as_slice(), b"q=0.0", b"q=0.00", b"q=0.000"].contains(&parameter))
    })
}

/// Sends the outcomes of a call that has just started, and the line about the request at its end. A
/// caller that does not read stops the call; what was sent is logged in any case.
pub(crate) fn send(out: ResponseOutparam, call: &Call, audit: &mut Audit<'_>, start: log::Instant) {
    let headers = [("x-request-id", audit.x_request_id.to_owned()), ("x-accel-buffering", "no".to_owned())];
    let mut parts = Parts::begin(out, 200, MEDIA_TYPE, headers);
    let (mut counts, mut sent) = (Counts::default(), log::Instant::now());
    let cause = drive(call, Some(WAIT_MS), |call, event| {
        // If the next wait could end too late.
        let is_silent = sent.elapsed_ms().saturating_add(WAIT_MS.into()) > MAX_SILENCE_MS;
        let mut send = |line: &str| {
            sent = log::Instant::now();
            if parts.as_ref().is_some_and(|parts| !parts.send(line)) {
                parts = None;
                call.stop(None);
            }
        };
        match event {
            Event::Ended(batches) => {
                counts.add(batches);
                record(audit, call, batches, &mut send);
            }
            Event::Waiting(progress) if is_silent => send(&audit.waiting(&log::time(), progress)),
            Event::Waiting(_) | Event::Over(_) => {}
        }
    });
    let status = response::status(counts, cause.as_ref(), false);
    audit.result = Some((counts, cause));
    let [logged, last] =
        ["request", "end"].map(|event| audit.request(&log::time(), event, status, None, start.elapsed_ms()));
    log::write([logged]);
    if let Some(parts) = parts.filter(|parts| parts.send(&last)) {
        parts.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &[&str]) -> bool {
        is_accepted(&accept.iter().map(|value| value.as_bytes().to_vec()).collect::<Vec<_>>())
    }

    #[test]
    fn lines_are_sent_to_callers_that_name_the_media_type() {
        for value in ["application/x-ndjson", "Application/X-NDJSON; q=0.5", "application/json, application/x-ndjson"] {
            assert!(check(&[value]), "{value}");
        }
        assert!(check(&["text/html", "application/x-ndjson"]));
        for value in ["", "*/*", "application/*", "application/json", "application/x-ndjson;q=0", "x-ndjson"] {
            assert!(!check(&[value]), "{value}");
        }
        assert!(!check(&[]));
    }
}
