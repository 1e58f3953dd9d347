//! Responses other than success: the error, the outcome of every id, and the details that the error
//! contains.

use bytes::Bytes;
use graph_model::{Behavior, Response};
use host_test::bindings::actions::{self, Options};
use host_test::checked_call::CheckedCall;
use host_test::plugin::Action;
use host_test::script::{DATE, REQUEST_ID, accepted, graph_error, respond, response};

pub(crate) const IDS: [&str; 3] = [
    "29f270bb-4d23-4f68-8a57-dc73dc0d4caf",
    "20f91ec9-d140-4d90-9cd9-f618587a1471",
    "04487ee0-f4f6-4e7f-8999-facc5a30e232",
];

/// One attempt for all ids, and no time for one that does not count.
pub(crate) fn one_attempt() -> Options {
    Options { max_attempts: Some(1), isolate_refused: Some(false), deadline_ms: Some(2_000), ..Options::default() }
}

/// One batch per id, one request at a time.
pub(crate) fn one_by_one() -> Options {
    Options { ids_per_request: Some(1), max_in_flight: Some(1), ..Options::default() }
}

pub(crate) async fn dismiss(options: Options, behaviors: impl IntoIterator<Item = Behavior>) -> CheckedCall {
    CheckedCall::scripted(Action::DismissSignIns, &IDS, options, behaviors).await
}

/// The response in the error of the only batch.
#[track_caller]
fn response_of(call: &CheckedCall) -> &actions::Response {
    let error = call.batch().error.as_ref().unwrap_or_else(|| panic!("accepted: {call:?}"));
    error.response.as_ref().unwrap_or_else(|| panic!("no response in {error:?}"))
}

/// Each status of a response with a `request-id`, its outcome, whatever the body, and whether it is
/// retried.
const STATUSES: &[(u16, &str, bool)] = &[
    (100, "unknown(unexpected-status)", false),
    (199, "unknown(unexpected-status)", false),
    (200, "unknown(unexpected-status)", false),
    (201, "unknown(unexpected-status)", false),
    (202, "unknown(unexpected-status)", false),
    (204, "accepted", false),
    (206, "unknown(unexpected-status)", false),
    (301, "not-applied(unexpected-status)", false),
    (302, "not-applied(unexpected-status)", false),
    (304, "not-applied(unexpected-status)", false),
    (307, "not-applied(unexpected-status)", false),
    (400, "refused(client-error)", false),
    (401, "not-applied(unauthenticated)", true),
    (403, "not-applied(forbidden)", false),
    (404, "refused(client-error)", false),
    (405, "not-applied(client-error)", false),
    (407, "not-applied(client-error)", false),
    (408, "not-applied(client-error)", true),
    (409, "refused(client-error)", false),
    (410, "refused(client-error)", false),
    (411, "not-applied(client-error)", false),
    (412, "refused(client-error)", false),
    (413, "not-applied(client-error)", false),
    (415, "not-applied(client-error)", false),
    (417, "not-applied(client-error)", false),
    (421, "not-applied(client-error)", true),
    (422, "refused(client-error)", false),
    (423, "not-applied(client-error)", false),
    (426, "not-applied(client-error)", false),
    (429, "not-applied(throttled)", true),
    (431, "not-applied(client-error)", false),
    (451, "not-applied(client-error)", false),
    (499, "unknown(client-error)", false),
    (500, "unknown(server-error)", true),
    (501, "unknown(server-error)", false),
    (502, "unknown(server-error)", true),
    (503, "unknown(server-error)", true),
    (504, "unknown(server-error)", true),
    (509, "unknown(server-error)", true),
    (599, "unknown(server-error)", false),
    (600, "unknown(unexpected-status)", false),
    (999, "unknown(unexpected-status)", false),
];

/// A name, a body, the behavior that sends it, and the code and message that the plugin must read
/// from it.
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
        ("truncated immediately", Bytes::new(), Behavior::Truncated, ["", ""]),
        ("over 64 KiB", huge.into(), Behavior::Complete, ["", ""]),
        ("endless", "<p>".into(), Behavior::Endless, ["", ""]),
        ("not UTF-8", Bytes::from_static(b"{\"error\":{\"code\":\"C\xff\"}}"), Behavior::Complete, ["C\u{fffd}", ""]),
        (
            "byte order mark",
            Bytes::from_static(b"\xef\xbb\xbf{\"error\":{\"code\":\"C\",\"message\":\"m\"}}"),
            Behavior::Complete,
            ["C", "m"],
        ),
        ("lone surrogate", r#"{"error":{"code":"C","message":"\ud83d!"}}"#.into(), Behavior::Complete, ["", ""]),
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
            // A rejected token is refreshed once, which does not count as an attempt.
            let behaviors = vec![behavior; if status == 401 { 2 } else { 1 }];
            let call = dismiss(one_attempt(), behaviors).await;
            if outcome == "accepted" {
                assert_eq!(call.accepted()[0].ids, IDS, "{status} {name}");
                continue;
            }
            assert_eq!(call.batch().case(), outcome, "{status} {name}");
            let sent = call.exchanges.last().expect("a request").request.headers()["client-request-id"]
                .to_str()
                .expect("text");
            let expected = actions::Response {
                status,
                code: code.into(),
                message: message.into(),
                request_id: Some(REQUEST_ID.into()),
                client_request_id: sent.into(),
                date: Some(DATE.into()),
                retry_after_ms: None,
            };
            assert_eq!(response_of(&call), &expected, "{status} {name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_request_id_or_an_error_in_json_no_4xx_is_a_refusal() {
    let with_error = ["well-formed", "empty strings", "nearly 64 KiB", "not UTF-8", "byte order mark", "other types"];
    let statuses = STATUSES.iter().filter(|(status, ..)| (400..500).contains(status));
    for &(status, outcome, is_retried) in statuses {
        let is_told_by_status = is_retried || [403, 407, 413, 499].contains(&status);
        for (name, body, behavior, _) in bodies() {
            let behavior = behavior(response(status, &[], body));
            let behaviors = vec![behavior; if status == 401 { 2 } else { 1 }];
            let call = dismiss(one_attempt(), behaviors).await;
            let is_of_graph = is_told_by_status || with_error.contains(&name);
            let expected = if is_of_graph { outcome } else { "not-applied(unexpected-status)" };
            assert_eq!(call.batch().case(), expected, "{status} {name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_segment_that_is_not_found_ends_the_call_and_refuses_no_id() {
    for (status, message, is_about_a_segment) in [
        (400, "Resource not found for the segment 'signIns'.", true),
        (404, "RESOURCE NOT FOUND FOR THE SEGMENT 'riskyUsers'.", true),
        (422, "Resource not found for the segment 'signIns'.", false),
        (400, "Resource not found.", false),
    ] {
        let refused = graph_error(status, &[], "BadRequest", message);
        let call = dismiss(one_by_one(), vec![refused; if is_about_a_segment { 1 } else { 3 }]).await;
        let refusals = ["refused(client-error)"; 3].as_slice();
        let ended = ["not-applied(client-error)", "not-applied(not-attempted)"].as_slice();
        assert_eq!(call.outcomes(), if is_about_a_segment { ended } else { refusals }, "{status} {message}");
        let says_what_to_check = call.failure().cause.message.contains("check cloud, endpoint and api-version");
        assert_eq!(says_what_to_check, is_about_a_segment, "{:?}", call.failure().cause);
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_for_whichever_ids_ends_the_call_after_one_request() {
    for status in [405, 411, 415, 417, 423, 426, 431] {
        let call = dismiss(one_by_one(), [graph_error(status, &[], "", "")]).await;
        assert_eq!(call.outcomes(), ["not-applied(client-error)", "not-applied(not-attempted)"], "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_id_that_is_too_large_ends_the_call() {
    let call = dismiss(one_by_one(), [respond(413, &[], "")]).await;
    assert_eq!(call.outcomes(), ["not-applied(client-error)", "not-applied(not-attempted)"]);
}

#[tokio::test(start_paused = true)]
async fn only_transient_statuses_are_retried() {
    for &(status, outcome, retried) in STATUSES {
        let first = respond(status, &[("request-id", REQUEST_ID)], "");
        let options = Options { max_attempts: Some(2), isolate_refused: Some(false), ..Options::default() };
        let call = dismiss(options, std::iter::once(first).chain(retried.then(accepted))).await;
        assert_eq!(call.result.is_ok(), retried || outcome == "accepted", "{status}");
        assert_eq!(call.exchanges.len(), 1 + usize::from(retried), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_page_is_not_success() {
    let page = respond(200, &[("content-type", "text/html")], "<!doctype html><title>Sign in to the network</title>");
    let call = dismiss(Options::default(), [page]).await;
    assert_eq!(call.outcomes(), ["unknown(unexpected-status)"]);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_not_followed() {
    let call = dismiss(Options::default(), [respond(307, &[("location", "https://elsewhere.example/")], "")]).await;
    assert_eq!(call.outcomes(), ["not-applied(unexpected-status)"]);
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
        let error = response_of(&call);
        assert_eq!((error.request_id.as_deref(), error.date.as_deref()), (Some(request_id), Some(date)), "{spelling}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_id_does_not_end_the_call() {
    let call = dismiss(one_by_one(), [accepted(), graph_error(404, &[], "NotFound", ""), accepted()]).await;
    assert_eq!(call.outcomes(), ["accepted", "refused(client-error)", "accepted"]);
    assert_eq!(call.failure().cause.case(), "client-error");
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_ends_the_call() {
    let call = dismiss(one_by_one(), [accepted(), graph_error(403, &[], "Authorization_RequestDenied", "")]).await;
    assert_eq!(call.outcomes(), ["accepted", "not-applied(forbidden)", "not-applied(not-attempted)"]);
    assert_eq!(call.failure().cause.case(), "forbidden");
    assert_eq!(call.failure().batches[2].attempts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_a_maybe_applied_attempt_is_unknown() {
    for (first, outcome) in
        [(respond(500, &[], ""), "unknown(client-error)"), (respond(429, &[], ""), "refused(client-error)")]
    {
        let options = Options { isolate_refused: Some(false), ..Options::default() };
        let call = dismiss(options, [first, graph_error(400, &[], "BadRequest", "")]).await;
        assert_eq!(call.outcomes(), [outcome]);
        assert_eq!(call.batch().attempts, 2);
    }
}
