//! Responses other than success: the error, the outcome of every id, and the details that the error contains.

use std::time::Duration;

use bytes::Bytes;
use graph_model::{Behavior, Reply, Response};
use host_test::bindings::actions::{GraphError, Options};
use host_test::checked_call::CheckedCall;
use host_test::plugin::{Action, canary};
use host_test::script::{DATE, REQUEST_ID, Script, accepted, graph_error, respond, response};
use tokio::time::Instant;

const IDS: [&str; 3] = [
    "29f270bb-4d23-4f68-8a57-dc73dc0d4caf",
    "20f91ec9-d140-4d90-9cd9-f618587a1471",
    "04487ee0-f4f6-4e7f-8999-facc5a30e232",
];

/// One attempt for all ids.
fn one_attempt() -> Options {
    Options { max_attempts: Some(1), ..Options::default() }
}

/// One batch per id, one request at a time.
fn one_by_one() -> Options {
    Options { ids_per_request: Some(1), max_in_flight: Some(1), ..Options::default() }
}

async fn dismiss(options: Options, behaviors: impl IntoIterator<Item = Behavior>) -> CheckedCall {
    CheckedCall::scripted(Action::DismissSignIns, &IDS, options, behaviors).await
}

fn outcomes(call: &CheckedCall) -> Vec<String> {
    call.failure().batches.iter().map(|batch| batch.outcome.case()).collect()
}

#[track_caller]
fn graph_error_of(call: &CheckedCall) -> &GraphError {
    let cause = &call.failure().cause;
    cause.graph_error().unwrap_or_else(|| panic!("no response in {cause:?}"))
}

/// Each status with its outcome, whatever the body, and whether it is retried.
const STATUSES: &[(u16, &str, bool)] = &[
    (100, "unknown(unexpected)", false),
    (199, "unknown(unexpected)", false),
    (200, "unknown(unexpected)", false),
    (201, "unknown(unexpected)", false),
    (202, "unknown(unexpected)", false),
    (204, "accepted", false),
    (206, "unknown(unexpected)", false),
    (301, "refused(unexpected)", false),
    (302, "refused(unexpected)", false),
    (304, "refused(unexpected)", false),
    (307, "refused(unexpected)", false),
    (400, "refused(rejected)", false),
    (401, "refused(unauthenticated)", true),
    (403, "refused(forbidden)", false),
    (404, "refused(rejected)", false),
    (409, "refused(rejected)", false),
    (413, "refused(rejected)", false),
    (415, "refused(rejected)", false),
    (422, "refused(rejected)", false),
    (429, "refused(throttled)", true),
    (500, "unknown(unavailable)", true),
    (501, "unknown(unavailable)", false),
    (502, "unknown(unavailable)", true),
    (503, "unknown(unavailable)", true),
    (504, "unknown(unavailable)", true),
    (509, "unknown(unavailable)", false),
    (599, "unknown(unavailable)", false),
    (600, "unknown(unexpected)", false),
    (999, "unknown(unexpected)", false),
];

/// A name, a body, the behavior that sends it, and the code and message that the plugin must read from it.
type Body = (&'static str, Bytes, fn(Response) -> Behavior, [&'static str; 2]);

fn bodies() -> Vec<Body> {
    const GRAPH: &str = r#"{"error":{"code":"BadRequest","message":"Nein \u2013 nicht so.","innerError":{}}}"#;
    let huge = format!(r#"{{"error":{{"code":"TooBig","message":"{}"}}}}"#, "x".repeat(70_000));
    let fits = format!(r#"{{"error":{{"code":"Fits","message":""}}}}{}"#, " ".repeat(65_000));
    let deep = |open: &str| open.repeat(30_000 / open.len());
    vec![
        ("well-formed", GRAPH.into(), Behavior::Complete, ["BadRequest", "Nein \u{2013} nicht so."]),
        ("empty strings", r#"{"error":{"code":"","message":""}}"#.into(), Behavior::Complete, ["", ""]),
        ("nearly 64 KiB", fits.into(), Behavior::Complete, ["Fits", ""]),
        ("empty", Bytes::new(), Behavior::Complete, ["", ""]),
        ("cut off", GRAPH.as_bytes().split_at(40).0.into(), Behavior::Complete, ["", ""]),
        ("truncated", GRAPH.as_bytes().split_at(40).0.into(), Behavior::Truncated, ["", ""]),
        ("truncated at once", Bytes::new(), Behavior::Truncated, ["", ""]),
        ("over 64 KiB", huge.into(), Behavior::Complete, ["", ""]),
        ("endless", "<p>".into(), Behavior::Endless, ["", ""]),
        ("not UTF-8", Bytes::from_static(b"{\"error\":{\"code\":\"\xff\xfe\"}}"), Behavior::Complete, ["", ""]),
        ("HTML", "<!doctype html><title>Sign in</title>".into(), Behavior::Complete, ["", ""]),
        ("deep arrays", deep("[").into(), Behavior::Complete, ["", ""]),
        ("deep objects", deep(r#"{"error":"#).into(), Behavior::Complete, ["", ""]),
        ("other JSON", r#"["error"]"#.into(), Behavior::Complete, ["", ""]),
        ("error is text", r#"{"error":"invalid_grant"}"#.into(), Behavior::Complete, ["", ""]),
        ("other types", r#"{"error":{"code":7,"message":["x"],"innerError":3}}"#.into(), Behavior::Complete, ["", ""]),
    ]
}

#[tokio::test(start_paused = true)]
async fn the_status_determines_the_outcome_whatever_the_body() {
    for &(status, outcome, _) in STATUSES {
        for (name, body, behavior, [code, message]) in bodies() {
            let behavior = behavior(response(status, &[("request-id", REQUEST_ID), ("date", DATE)], body));
            let call = dismiss(one_attempt(), [behavior]).await;
            if outcome == "accepted" {
                assert_eq!(call.receipts()[0].ids, IDS, "{status} {name}");
                continue;
            }
            assert_eq!(call.batch().outcome.case(), outcome, "{status} {name}");
            let sent = call.exchanges[0].request.headers()["client-request-id"].to_str().expect("text");
            let expected = GraphError {
                status,
                code: code.into(),
                message: message.into(),
                request_id: Some(REQUEST_ID.into()),
                client_request_id: sent.into(),
                date: Some(DATE.into()),
                retry_after_ms: None,
            };
            assert_eq!(graph_error_of(&call), &expected, "{status} {name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_transient_statuses_are_retried() {
    for &(status, outcome, retried) in STATUSES {
        let first = respond(status, &[], "");
        let options = Options { max_attempts: Some(2), ..Options::default() };
        let call = dismiss(options, std::iter::once(first).chain(retried.then(accepted))).await;
        assert_eq!(call.result.is_ok(), retried || outcome == "accepted", "{status}");
        assert_eq!(call.exchanges.len(), 1 + usize::from(retried), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_page_is_not_success() {
    let page = respond(200, &[("content-type", "text/html")], "<!doctype html><title>Sign in to the network</title>");
    let call = dismiss(Options::default(), [page]).await;
    assert_eq!(outcomes(&call), ["unknown(unexpected)"]);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_not_followed() {
    let call = dismiss(Options::default(), [respond(307, &[("location", "https://elsewhere.example/")], "")]).await;
    assert_eq!(outcomes(&call), ["refused(unexpected)"]);
}

#[tokio::test(start_paused = true)]
async fn request_id_and_date_come_from_the_body_if_the_headers_lack_them() {
    for (spelling, headers, request_id, date) in [
        ("innerError", [].as_slice(), "from the body", "2026-11-21T09:00:00"),
        ("innererror", &[], "from the body", "2026-11-21T09:00:00"),
        ("innerError", &[("request-id", REQUEST_ID), ("date", DATE)], REQUEST_ID, DATE),
    ] {
        let body = r#"{"error":{"INNER":{"date":"2026-11-21T09:00:00","request-id":"from the body"}}}"#;
        let call = dismiss(one_attempt(), [respond(404, headers, body.replace("INNER", spelling))]).await;
        let error = graph_error_of(&call);
        assert_eq!((error.request_id.as_deref(), error.date.as_deref()), (Some(request_id), Some(date)), "{spelling}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_reported_in_either_form() {
    let forms = [
        ("7", Some(7_000)),
        ("0", Some(0)),
        ("300", Some(300_000)),
        ("00086400", Some(86_400_000)),
        ("99999999999999999999999", Some(u32::MAX)),
        ("Sat, 21 Nov 2026 09:00:05 GMT", Some(5_000)),
        ("Saturday, 21-Nov-26 09:00:05 GMT", Some(5_000)),
        ("Sat Nov 21 09:00:05 2026", Some(5_000)),
        ("Sat, 21 Nov 2026 08:59:00 GMT", Some(0)),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("1 s", None),
        ("soon", None),
        ("Sat, 32 Nov 2026 09:00:05 GMT", None),
    ];
    for (value, expected) in forms {
        for status in [429, 503] {
            let call = dismiss(one_attempt(), [graph_error(status, &[("retry-after", value)], "", "")]).await;
            assert_eq!(graph_error_of(&call).retry_after_ms, expected, "{value:?}");
        }
    }
    let undated = respond(429, &[("retry-after", "Sat, 21 Nov 2026 09:00:05 GMT")], "");
    assert_eq!(graph_error_of(&dismiss(one_attempt(), [undated]).await).retry_after_ms, None);
}

#[tokio::test(start_paused = true)]
async fn one_refused_batch_does_not_end_the_call() {
    let call = dismiss(one_by_one(), [accepted(), graph_error(404, &[], "NotFound", ""), accepted()]).await;
    assert_eq!(outcomes(&call), ["accepted", "refused(rejected)", "accepted"]);
    assert_eq!(call.failure().cause.case(), "rejected");
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_ends_the_call() {
    let call = dismiss(one_by_one(), [accepted(), graph_error(403, &[], "Authorization_RequestDenied", "")]).await;
    assert_eq!(outcomes(&call), ["accepted", "refused(forbidden)", "unsent(stopped)"]);
    assert_eq!(call.failure().cause.case(), "forbidden");
    assert_eq!(call.failure().batches[2].attempts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_that_is_too_long_ends_the_call() {
    for (retry_after, deadline_ms) in [("301", None), ("6", Some(5_000))] {
        let start = Instant::now();
        let options = Options { deadline_ms, ..one_by_one() };
        let call = dismiss(options, [accepted(), graph_error(429, &[("retry-after", retry_after)], "", "")]).await;
        assert_eq!(outcomes(&call), ["accepted", "refused(throttled)", "unsent(stopped)"]);
        assert_eq!(start.elapsed(), Duration::ZERO, "Retry-After: {retry_after}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_a_maybe_applied_attempt_is_unknown() {
    for (first, outcome) in [(respond(500, &[], ""), "unknown(rejected)"), (respond(429, &[], ""), "refused(rejected)")]
    {
        let call = dismiss(Options::default(), [first, respond(400, &[], "")]).await;
        assert_eq!(outcomes(&call), [outcome]);
        assert_eq!(call.batch().attempts, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_timeout_a_received_status_determines_the_outcome() {
    let stalled = |status, part: &'static str| Behavior::Stalled(response(status, &[], part));
    let table = [
        (Behavior::Silence, "unknown(no-answer)"),
        (stalled(503, "{"), "unknown(unavailable)"),
        (stalled(503, ""), "unknown(unavailable)"),
        (stalled(400, "{"), "refused(rejected)"),
        (stalled(200, "<html>"), "unknown(unexpected)"),
    ];
    for (behavior, outcome) in table {
        let start = Instant::now();
        let options = Options { attempt_timeout_ms: Some(1_500), ..one_attempt() };
        let call = dismiss(options, [behavior]).await;
        assert_eq!(outcomes(&call), [outcome]);
        assert_within_a_tick(start, 1_500);
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_just_before_the_timeout_counts() {
    let late = Script::new([Reply::at_once(accepted()).after(Duration::from_millis(1_499))]);
    let options = Options { attempt_timeout_ms: Some(1_500), ..one_attempt() };
    let call = CheckedCall::before(late, canary(), Action::DismissSignIns, &IDS, options).await;
    assert!(call.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_the_call_and_every_id_is_reported() {
    let start = Instant::now();
    let options = Options { deadline_ms: Some(5_000), ..one_by_one() };
    let call = dismiss(options, [accepted(), Behavior::Silence]).await;
    assert_eq!(outcomes(&call), ["accepted", "unknown(deadline-passed)", "unsent(deadline-passed)"]);
    assert_eq!(call.failure().cause.case(), "deadline-passed");
    assert_within_a_tick(start, 5_000);
}

/// Asserts how much virtual time has elapsed. Tokio's timers fire on whole milliseconds.
#[track_caller]
fn assert_within_a_tick(start: Instant, expected_ms: u64) {
    let elapsed = start.elapsed();
    let expected = Duration::from_millis(expected_ms);
    assert!(elapsed >= expected && elapsed <= expected + Duration::from_millis(1), "{elapsed:?}, not {expected:?}");
}
