//! The rate limit: spacing, what a 429 and `Retry-After` mean, and what an instance remembers
//! between calls.

use std::time::Duration;

use graph_model::Behavior;
use host_test::bindings::actions::{Options, RateLimit, Response};
use host_test::checked_call::CheckedCall;
use host_test::plugin::{Action, Plugin};
use host_test::script::{Script, accepted, graph_error, respond};
use tokio::time::Instant;

use crate::request::{ids, one_by_one};

fn throttled(retry_after: &str) -> Behavior {
    let headers = [("retry-after", retry_after)];
    graph_error(429, if retry_after.is_empty() { &[] } else { &headers }, "TooManyRequests", "")
}

async fn dismiss_users(plugin: &mut Plugin, n: u128, options: Options) -> bool {
    plugin.call(Action::DismissRiskyUsers, &ids(n), Some(&options)).await.expect("no trap").is_ok()
}

#[tokio::test(start_paused = true)]
async fn requests_are_at_first_a_fiftieth_more_than_a_window_apart() {
    let mut plugin = Plugin::before(Script::at_once((0..5).map(|_| accepted()))).await;
    assert!(dismiss_users(&mut plugin, 5, one_by_one()).await);
    let gaps = plugin.gaps_ms();
    assert!(gaps.iter().all(|gap| (1_015..=1_021).contains(gap)), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn sign_ins_go_in_bursts_of_five() {
    let mut plugin = Plugin::before(Script::at_once((0..12).map(|_| accepted()))).await;
    let result = plugin.call(Action::DismissSignIns, &ids(12), Some(&one_by_one())).await.expect("no trap");
    assert!(result.is_ok());
    let gaps = plugin.gaps_ms();
    assert!((10_000..=10_250).contains(&gaps[4]) && (10_000..=10_250).contains(&gaps[9]), "{gaps:?}");
    assert_eq!(gaps.iter().filter(|gap| **gap == 0).count(), 9, "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_429_is_no_attempt_and_widens_the_spacing() {
    let behaviors = [throttled(""), throttled(""), throttled("")].into_iter().chain((0..4).map(|_| accepted()));
    let mut plugin = Plugin::before(Script::at_once(behaviors)).await;
    let options = Options { max_attempts: Some(1), ..one_by_one() };
    assert!(dismiss_users(&mut plugin, 4, options).await);
    let gaps = plugin.gaps_ms();
    assert!((1_000..=1_200).contains(&gaps[0]), "{gaps:?}");
    assert!((1_000..=2_400).contains(&gaps[1]) && (1_000..=4_800).contains(&gaps[2]), "{gaps:?}");
    assert!(gaps[3..].iter().all(|gap| (1_120..=1_141).contains(gap)), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn the_spacing_learned_survives_the_call_for_its_tenant() {
    let tenant = |name: &str| Options { tenant: Some(name.into()), ..one_by_one() };
    let behaviors = std::iter::once(throttled("")).chain((0..6).map(|_| accepted()));
    let mut plugin = Plugin::before(Script::at_once(behaviors)).await;
    assert!(dismiss_users(&mut plugin, 1, tenant("a")).await);
    assert!(dismiss_users(&mut plugin, 2, tenant("a")).await);
    assert!(dismiss_users(&mut plugin, 3, tenant("b")).await);
    let gaps = plugin.gaps_ms();
    assert!((1_050..=1_061).contains(&gaps[1]) && (1_050..=1_061).contains(&gaps[2]), "{gaps:?}");
    assert_eq!(gaps[3], 0, "{gaps:?}");
    assert!((1_015..=1_021).contains(&gaps[4]), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hold_survives_the_call_for_its_tenant_and_limit() {
    let behaviors = [throttled("17"), accepted(), accepted(), accepted(), accepted()];
    let mut plugin = Plugin::before(Script::at_once(behaviors)).await;
    let a = || Options { tenant: Some("a".into()), ..Options::default() };
    let start = Instant::now();
    assert!(!dismiss_users(&mut plugin, 1, Options { deadline_ms: Some(5_000), ..a() }).await);
    assert_eq!(start.elapsed(), Duration::ZERO, "a Retry-After beyond the deadline ends the call immediately");
    for other in [
        Options::default(),
        Options { tenant: Some("b".into()), ..Options::default() },
        Options { audience: Some("https://graph.example".into()), ..a() },
    ] {
        assert!(dismiss_users(&mut plugin, 1, other).await);
    }
    let result = plugin.call(Action::DismissSignIns, &ids(1), Some(&a())).await.expect("no trap");
    assert!(result.is_ok() && start.elapsed() == Duration::ZERO, "{:?}", start.elapsed());
    // Of this call, no request is sent.
    let options = Options { deadline_ms: Some(15_000), ..a() };
    assert!(!dismiss_users(&mut plugin, 1, options).await);
    assert_eq!((start.elapsed(), plugin.exchanges().len()), (Duration::ZERO, 5));
}

#[tokio::test(start_paused = true)]
async fn after_a_hold_the_next_call_waits_it_out() {
    let mut plugin = Plugin::before(Script::at_once([throttled("17"), accepted()])).await;
    assert!(!dismiss_users(&mut plugin, 1, Options { deadline_ms: Some(5_000), ..Options::default() }).await);
    assert!(dismiss_users(&mut plugin, 1, Options::default()).await);
    assert!((17_000..=17_201).contains(&plugin.gaps_ms()[0]), "{:?}", plugin.gaps_ms());
}

#[tokio::test(start_paused = true)]
async fn a_changed_rate_limit_applies_from_the_next_send() {
    let limit = |requests, window_ms| Options { rate_limit: Some(RateLimit { requests, window_ms }), ..one_by_one() };
    let mut plugin = Plugin::before(Script::at_once((0..6).map(|_| accepted()))).await;
    assert!(dismiss_users(&mut plugin, 2, limit(2, 1_000)).await);
    assert!(dismiss_users(&mut plugin, 1, limit(3, 1_000)).await);
    // Three were sent at 0 s; one in 10 s leaves no room.
    assert!(dismiss_users(&mut plugin, 1, limit(1, 10_000)).await);
    assert!(dismiss_users(&mut plugin, 1, limit(2, 5_000)).await);
    assert!(dismiss_users(&mut plugin, 1, limit(1, 100)).await);
    let gaps = plugin.gaps_ms();
    assert_eq!(gaps[..2], [0, 0], "{gaps:?}");
    assert!((10_000..=10_201).contains(&gaps[2]), "{gaps:?}");
    assert_eq!(gaps[3], 0, "{gaps:?}");
    assert!((100..=103).contains(&gaps[4]), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_is_waited_out_by_every_request() {
    for status in [429, 503] {
        let behaviors = [graph_error(status, &[("retry-after", "7")], "", ""), accepted(), accepted()];
        let options = Options { max_in_flight: Some(1), ..one_by_one() };
        let call = CheckedCall::scripted(Action::DismissSignIns, &ids(2), options, behaviors).await;
        let sent: Vec<u64> = call.exchanges.iter().map(|exchange| exchange.sent.as_secs()).collect();
        assert!(call.result.is_ok() && (7..=9).contains(&sent[1]) && (7..=9).contains(&sent[2]), "{status} {sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_beyond_patience_or_deadline_ends_the_call_at_once() {
    for (status, case) in [(429, "not-applied(throttled)"), (503, "unknown(server-error)")] {
        for (retry_after, deadline_ms, patience_ms) in
            [("181", None, None), ("6", Some(5_000), None), ("31", None, Some(30_000))]
        {
            let options = Options { deadline_ms, patience_ms, max_in_flight: Some(1), ..one_by_one() };
            let behaviors = [accepted(), graph_error(status, &[("retry-after", retry_after)], "", "")];
            let call = CheckedCall::scripted(Action::DismissSignIns, &ids(3), options, behaviors).await;
            assert_eq!(call.outcomes(), ["accepted", case, "not-applied(not-attempted)"]);
            assert_eq!(call.elapsed, Duration::ZERO, "Retry-After: {retry_after}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn patience_is_at_least_two_windows() {
    let options = Options { patience_ms: Some(1), ..Options::default() };
    let behaviors = [throttled(""), accepted()];
    let call = CheckedCall::scripted(Action::DismissRiskyUsers, &ids(1), options, behaviors).await;
    assert!(call.result.is_ok());
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
        // The obsolete forms.
        ("Saturday, 21-Nov-26 09:00:05 GMT", None),
        ("Sat Nov 21 09:00:05 2026", None),
        ("Sat, 21 Nov 2026 08:59:00 GMT", Some(0)),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("1 s", None),
        ("soon", None),
        ("Sat, 32 Nov 2026 09:00:05 GMT", None),
    ];
    for (value, expected) in forms {
        for status in [429, 503] {
            let call = attempt(graph_error(status, &[("retry-after", value)], "", "")).await;
            assert_eq!(response_of(&call).retry_after_ms, expected, "{value:?}");
        }
    }
    let call = attempt(respond(429, &[("retry-after", "Sat, 21 Nov 2026 09:00:05 GMT")], "")).await;
    assert_eq!(response_of(&call).retry_after_ms, None, "without a date to measure against");
}

#[tokio::test(start_paused = true)]
async fn the_first_valid_retry_after_counts() {
    let headers = [("retry-after", "soon"), ("retry-after", "7"), ("retry-after", "9")];
    let call = attempt(graph_error(429, &headers, "", "")).await;
    assert_eq!(response_of(&call).retry_after_ms, Some(7_000));
}

/// One attempt, and no time for one that does not count.
async fn attempt(behavior: Behavior) -> CheckedCall {
    let options = Options { max_attempts: Some(1), deadline_ms: Some(500), ..Options::default() };
    CheckedCall::scripted(Action::DismissSignIns, &ids(1), options, [behavior]).await
}

#[track_caller]
fn response_of(call: &CheckedCall) -> &Response {
    let error = call.batch().error.as_ref().unwrap_or_else(|| panic!("{call:#?}"));
    error.response.as_ref().expect("a response")
}
