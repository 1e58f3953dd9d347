//! What each answer that is not success becomes: the error, the outcome of every id, and what is carried over.

use std::time::Duration;

use bytes::Bytes;
use host_test::bindings::actions::{GraphError, Options};
use host_test::exchange::{Fate, Reply, Response};
use host_test::plugin::{Action, canary};
use host_test::script::{DATE, REQUEST_ID, Script, accepted, answer, graph_error, response};
use host_test::trial::Trial;
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

/// Each id in a batch of its own, one after the other.
fn one_by_one() -> Options {
    Options { ids_per_request: Some(1), max_in_flight: Some(1), ..Options::default() }
}

async fn dismiss(options: Options, fates: impl IntoIterator<Item = Fate>) -> Trial {
    Trial::scripted(Action::DismissSignIns, &IDS, options, fates).await
}

fn outcomes(trial: &Trial) -> Vec<String> {
    trial.failure().batches.iter().map(|batch| batch.outcome.case()).collect()
}

#[track_caller]
fn graph_error_of(trial: &Trial) -> &GraphError {
    let cause = &trial.failure().cause;
    cause.graph_error().unwrap_or_else(|| panic!("no answer in {cause:?}"))
}

/// What a status means, whatever the body, and whether it is tried again.
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

/// A name, a body, what becomes of it on the way, and the code and message to be read from it.
type Body = (&'static str, Bytes, fn(Response) -> Fate, [&'static str; 2]);

fn bodies() -> Vec<Body> {
    const GRAPH: &str = r#"{"error":{"code":"BadRequest","message":"Nein \u2013 nicht so.","innerError":{}}}"#;
    let huge = format!(r#"{{"error":{{"code":"TooBig","message":"{}"}}}}"#, "x".repeat(70_000));
    let fits = format!(r#"{{"error":{{"code":"Fits","message":""}}}}{}"#, " ".repeat(65_000));
    let deep = |open: &str| open.repeat(30_000 / open.len());
    vec![
        ("well-formed", GRAPH.into(), Fate::Answered, ["BadRequest", "Nein \u{2013} nicht so."]),
        ("empty strings", r#"{"error":{"code":"","message":""}}"#.into(), Fate::Answered, ["", ""]),
        ("nearly 64 KiB", fits.into(), Fate::Answered, ["Fits", ""]),
        ("empty", Bytes::new(), Fate::Answered, ["", ""]),
        ("cut off", GRAPH.as_bytes().split_at(40).0.into(), Fate::Answered, ["", ""]),
        ("truncated", GRAPH.as_bytes().split_at(40).0.into(), Fate::Truncated, ["", ""]),
        ("truncated at once", Bytes::new(), Fate::Truncated, ["", ""]),
        ("over 64 KiB", huge.into(), Fate::Answered, ["", ""]),
        ("endless", "<p>".into(), Fate::Endless, ["", ""]),
        ("not UTF-8", Bytes::from_static(b"{\"error\":{\"code\":\"\xff\xfe\"}}"), Fate::Answered, ["", ""]),
        ("HTML", "<!doctype html><title>Sign in</title>".into(), Fate::Answered, ["", ""]),
        ("deep arrays", deep("[").into(), Fate::Answered, ["", ""]),
        ("deep objects", deep(r#"{"error":"#).into(), Fate::Answered, ["", ""]),
        ("other JSON", r#"["error"]"#.into(), Fate::Answered, ["", ""]),
        ("error is text", r#"{"error":"invalid_grant"}"#.into(), Fate::Answered, ["", ""]),
        ("other types", r#"{"error":{"code":7,"message":["x"],"innerError":3}}"#.into(), Fate::Answered, ["", ""]),
    ]
}

#[tokio::test(start_paused = true)]
async fn the_status_decides_whatever_the_body() {
    for &(status, outcome, _) in STATUSES {
        for (name, body, fate, [code, message]) in bodies() {
            let fate = fate(response(status, &[("request-id", REQUEST_ID), ("date", DATE)], body));
            let trial = dismiss(one_attempt(), [fate]).await;
            if outcome == "accepted" {
                assert_eq!(trial.receipts()[0].ids, IDS, "{status} {name}");
                continue;
            }
            assert_eq!(trial.batch().outcome.case(), outcome, "{status} {name}");
            let sent = trial.exchanges[0].request.headers()["client-request-id"].to_str().expect("text");
            let expected = GraphError {
                status,
                code: code.into(),
                message: message.into(),
                request_id: Some(REQUEST_ID.into()),
                client_request_id: sent.into(),
                date: Some(DATE.into()),
                retry_after_ms: None,
            };
            assert_eq!(graph_error_of(&trial), &expected, "{status} {name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_and_nothing_else() {
    for &(status, outcome, retried) in STATUSES {
        let first = answer(status, &[], "");
        let options = Options { max_attempts: Some(2), ..Options::default() };
        let trial = dismiss(options, std::iter::once(first).chain(retried.then(accepted))).await;
        assert_eq!(trial.result.is_ok(), retried || outcome == "accepted", "{status}");
        assert_eq!(trial.exchanges.len(), 1 + usize::from(retried), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_page_is_not_success() {
    let page = answer(200, &[("content-type", "text/html")], "<!doctype html><title>Sign in to the network</title>");
    let trial = dismiss(Options::default(), [page]).await;
    assert_eq!(outcomes(&trial), ["unknown(unexpected)"]);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_not_followed() {
    let trial = dismiss(Options::default(), [answer(307, &[("location", "https://elsewhere.example/")], "")]).await;
    assert_eq!(outcomes(&trial), ["refused(unexpected)"]);
}

#[tokio::test(start_paused = true)]
async fn request_id_and_date_come_from_the_body_where_the_headers_lack_them() {
    for (spelling, headers, request_id, date) in [
        ("innerError", [].as_slice(), "of the body", "2026-11-21T09:00:00"),
        ("innererror", &[], "of the body", "2026-11-21T09:00:00"),
        ("innerError", &[("request-id", REQUEST_ID), ("date", DATE)], REQUEST_ID, DATE),
    ] {
        let body = r#"{"error":{"INNER":{"date":"2026-11-21T09:00:00","request-id":"of the body"}}}"#;
        let trial = dismiss(one_attempt(), [answer(404, headers, body.replace("INNER", spelling))]).await;
        let error = graph_error_of(&trial);
        assert_eq!((error.request_id.as_deref(), error.date.as_deref()), (Some(request_id), Some(date)), "{spelling}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_handed_over_in_either_form() {
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
            let trial = dismiss(one_attempt(), [graph_error(status, &[("retry-after", value)], "", "")]).await;
            assert_eq!(graph_error_of(&trial).retry_after_ms, expected, "{value:?}");
        }
    }
    let undated = answer(429, &[("retry-after", "Sat, 21 Nov 2026 09:00:05 GMT")], "");
    assert_eq!(graph_error_of(&dismiss(one_attempt(), [undated]).await).retry_after_ms, None);
}

#[tokio::test(start_paused = true)]
async fn one_refused_batch_does_not_end_the_call() {
    let trial = dismiss(one_by_one(), [accepted(), graph_error(404, &[], "NotFound", ""), accepted()]).await;
    assert_eq!(outcomes(&trial), ["accepted", "refused(rejected)", "accepted"]);
    assert_eq!(trial.failure().cause.case(), "rejected");
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_ends_the_call() {
    let trial = dismiss(one_by_one(), [accepted(), graph_error(403, &[], "Authorization_RequestDenied", "")]).await;
    assert_eq!(outcomes(&trial), ["accepted", "refused(forbidden)", "unsent(stopped)"]);
    assert_eq!(trial.failure().cause.case(), "forbidden");
    assert_eq!(trial.failure().batches[2].attempts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_ends_the_call_at_once() {
    for (retry_after, deadline_ms) in [("301", None), ("6", Some(5_000))] {
        let begun = Instant::now();
        let options = Options { deadline_ms, ..one_by_one() };
        let trial = dismiss(options, [accepted(), graph_error(429, &[("retry-after", retry_after)], "", "")]).await;
        assert_eq!(outcomes(&trial), ["accepted", "refused(throttled)", "unsent(stopped)"]);
        assert_eq!(begun.elapsed(), Duration::ZERO, "Retry-After: {retry_after}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_an_attempt_that_may_have_been_applied_is_unknown() {
    for (first, outcome) in [(answer(500, &[], ""), "unknown(rejected)"), (answer(429, &[], ""), "refused(rejected)")] {
        let trial = dismiss(Options::default(), [first, answer(400, &[], "")]).await;
        assert_eq!(outcomes(&trial), [outcome]);
        assert_eq!(trial.batch().attempts, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_in_time_is_given_up_and_a_status_that_came_decides() {
    let stalled = |status, part: &'static str| Fate::Stalled(response(status, &[], part));
    let table = [
        (Fate::Silence, "unknown(no-answer)"),
        (stalled(503, "{"), "unknown(unavailable)"),
        (stalled(503, ""), "unknown(unavailable)"),
        (stalled(400, "{"), "refused(rejected)"),
        (stalled(200, "<html>"), "unknown(unexpected)"),
    ];
    for (fate, outcome) in table {
        let begun = Instant::now();
        let options = Options { attempt_timeout_ms: Some(1_500), ..one_attempt() };
        let trial = dismiss(options, [fate]).await;
        assert_eq!(outcomes(&trial), [outcome]);
        assert_within_a_tick(begun, 1_500);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_the_last_moment_counts() {
    let late = Script::new([Reply::at_once(accepted()).after(Duration::from_millis(1_499))]);
    let options = Options { attempt_timeout_ms: Some(1_500), ..one_attempt() };
    let trial = Trial::before(late, canary(), Action::DismissSignIns, &IDS, options).await;
    assert!(trial.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_the_call_with_an_account() {
    let begun = Instant::now();
    let options = Options { deadline_ms: Some(5_000), ..one_by_one() };
    let trial = dismiss(options, [accepted(), Fate::Silence]).await;
    assert_eq!(outcomes(&trial), ["accepted", "unknown(deadline-passed)", "unsent(deadline-passed)"]);
    assert_eq!(trial.failure().cause.case(), "deadline-passed");
    assert_within_a_tick(begun, 5_000);
}

/// Asserts how much virtual time passed; tokio's timers fire on whole milliseconds.
#[track_caller]
fn assert_within_a_tick(begun: Instant, expected_ms: u64) {
    let passed = begun.elapsed();
    let expected = Duration::from_millis(expected_ms);
    assert!(passed >= expected && passed <= expected + Duration::from_millis(1), "{passed:?}, not {expected:?}");
}
