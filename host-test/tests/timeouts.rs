//! Attempts whose response is late, and the deadline of a call.

use std::time::Duration;

use graph_model::{Behavior, Reply};
use host_test::bindings::actions::Options;
use host_test::checked_call::CheckedCall;
use host_test::plugin::{Action, canary};
use host_test::script::{REQUEST_ID, Script, accepted, response};
use tokio::time::Instant;

use crate::failures::{IDS, dismiss, one_attempt, one_by_one};

#[tokio::test(start_paused = true)]
async fn after_a_timeout_a_received_status_determines_the_outcome() {
    let stalled = |status, part: &'static str| Behavior::Stalled(response(status, &[("request-id", REQUEST_ID)], part));
    let table = [
        (Behavior::Silence, "unknown(no-response)"),
        (stalled(503, "{"), "unknown(server-error)"),
        (stalled(503, ""), "unknown(server-error)"),
        (stalled(400, "{"), "refused(client-error)"),
        (stalled(200, "<html>"), "unknown(unexpected-status)"),
    ];
    for (behavior, outcome) in table {
        let start = Instant::now();
        let options = Options { attempt_timeout_ms: Some(1_500), ..one_attempt() };
        let call = dismiss(options, [behavior]).await;
        assert_eq!(call.outcomes(), [outcome]);
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
    assert_eq!(call.outcomes(), ["accepted", "unknown(deadline-exceeded)", "not-applied(not-attempted)"]);
    assert_eq!(call.failure().cause.case(), "deadline-exceeded");
    assert_within_a_tick(start, 5_000);
}

/// Asserts how much virtual time has elapsed. Tokio's timers fire on whole milliseconds.
#[track_caller]
fn assert_within_a_tick(start: Instant, expected_ms: u64) {
    let elapsed = start.elapsed();
    let expected = Duration::from_millis(expected_ms);
    assert!(elapsed >= expected && elapsed <= expected + Duration::from_millis(1), "{elapsed:?}, not {expected:?}");
}
