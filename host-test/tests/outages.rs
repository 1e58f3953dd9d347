//! Outages: how long they keep the caller waiting, how many requests they cost, and that nothing is
//! lost.

use std::sync::Arc;
use std::time::Duration;

use graph_model::{Behavior, Reply, Request, Service, TransportError};
use host_test::bindings::actions::Options;
use host_test::checked_call::CheckedCall;
use host_test::plugin::{Action, canary};
use host_test::script::{Script, accepted, graph_error, respond};
use uuid::Uuid;
use wasmtime_wasi_http::p2::bindings::http::types::{DnsErrorPayload, ErrorCode};

/// Accepts every request in 200 ms, except for those of an outage.
struct Outage {
    begin: Duration,
    end: Duration,
    behavior: fn() -> Behavior,
}

impl Service for Outage {
    fn serve(&self, now: Duration, _: Request) -> Reply {
        let is_out = (self.begin..self.end).contains(&now);
        let behavior = if is_out { (self.behavior)() } else { accepted() };
        Reply::at_once(behavior).after(Duration::from_millis(200))
    }
}

fn users(n: u128) -> Vec<String> {
    (1..=n).map(|id| Uuid::from_u128(id).to_string()).collect()
}

async fn dismiss(outage: Outage, users: &[String]) -> CheckedCall {
    CheckedCall::before(Arc::new(outage), canary(), Action::DismissRiskyUsers, users, Options::default()).await
}

fn refused() -> Behavior {
    Behavior::Failed(TransportError::ConnectionRefused)
}

fn no_such_name() -> Behavior {
    Behavior::Failed(TransportError::DestinationNotFound)
}

fn unavailable() -> Behavior {
    graph_error(503, &[], "UnknownError", "")
}

fn throttled() -> Behavior {
    graph_error(429, &[], "TooManyRequests", "")
}

fn untrusted() -> Behavior {
    Behavior::Failed(TransportError::TlsCertificateError)
}

fn proxy() -> Behavior {
    respond(407, &[], "")
}

fn sign_in_page() -> Behavior {
    respond(200, &[("content-type", "text/html")], "<!doctype html><title>Sign in</title>")
}

fn not_found() -> Behavior {
    graph_error(404, &[], "Request_ResourceNotFound", "")
}

fn another_segment() -> Behavior {
    graph_error(400, &[], "BadRequest", "Resource not found for the segment 'riskyUsers'.")
}

/// Prints what a call cost, and asserts that it cost no more than this.
#[track_caller]
fn assert_cost(name: &str, call: &CheckedCall, cause: &str, seconds: u64, requests: usize) {
    println!("{name}: {:.1} s, {} requests, {cause}", call.elapsed.as_secs_f64(), call.exchanges.len());
    assert_eq!(call.failure().cause.case(), cause, "{name}");
    assert!(call.elapsed <= Duration::from_secs(seconds), "{name}: {:?}", call.elapsed);
    assert!(call.exchanges.len() <= requests, "{name}: {} requests", call.exchanges.len());
}

#[tokio::test(start_paused = true)]
async fn the_caller_hears_of_an_outage_in_time() {
    let users = users(10_000);
    type Row = (&'static str, fn() -> Behavior, &'static str, u64, usize);
    let table: [Row; 12] = [
        ("refused connections", refused, "unreachable", 200, 40),
        ("503 always", unavailable, "server-error", 200, 40),
        ("429 always", throttled, "throttled", 200, 60),
        ("silence", || Behavior::Silence, "no-response", 300, 15),
        ("bad certificate", untrusted, "unreachable", 5, 4),
        ("407", proxy, "client-error", 5, 4),
        ("sign-in pages", sign_in_page, "unexpected-status", 15, 8),
        ("404 for everything", not_found, "client-error", 190, 190),
        ("404 of a web filter", || respond(404, &[], "<html>"), "unexpected-status", 15, 8),
        ("405", || graph_error(405, &[], "", ""), "client-error", 5, 4),
        ("421 always", || respond(421, &[], ""), "client-error", 200, 40),
        ("another segment", another_segment, "client-error", 5, 4),
    ];
    for (name, behavior, cause, seconds, requests) in table {
        let call = dismiss(Outage { begin: Duration::ZERO, end: Duration::MAX, behavior }, &users).await;
        assert_cost(name, &call, cause, seconds, requests);
    }
}

#[tokio::test(start_paused = true)]
async fn the_caller_hears_of_dns_errors_in_time() {
    let payload = DnsErrorPayload { rcode: Some("SERVFAIL".into()), info_code: None };
    let errors = vec![ErrorCode::DnsError(payload); 100];
    let call =
        CheckedCall::failing_first(errors, [], Action::DismissRiskyUsers, &users(10_000), Options::default()).await;
    assert_cost("DNS errors", &call, "unreachable", 200, 40);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_a_minute_loses_nothing() {
    let users = users(6_000);
    let none = Outage { begin: Duration::ZERO, end: Duration::ZERO, behavior: unavailable };
    let calm = dismiss(none, &users).await;
    assert!(calm.result.is_ok());
    println!("no outage: {:.1} s", calm.elapsed.as_secs_f64());
    type Row = (&'static str, fn() -> Behavior);
    let kinds: [Row; 4] = [
        ("503", unavailable),
        ("refused connections", refused),
        ("DNS errors", no_such_name),
        ("connections closed", || Behavior::Reset),
    ];
    for (name, behavior) in kinds {
        for begin in [0, 30, 61] {
            let begin = Duration::from_secs(begin);
            let end = begin + Duration::from_secs(60);
            let call = dismiss(Outage { begin, end, behavior }, &users).await;
            assert!(call.result.is_ok(), "{name}: {:?}", call.outcomes());
            let longer = call.elapsed.saturating_sub(calm.elapsed);
            println!(
                "60 s of {name} at {begin:?}: {:.1} s longer, {} requests",
                longer.as_secs_f64(),
                call.exchanges.len()
            );
            assert!(longer <= Duration::from_secs(80), "{name}: {longer:?} longer");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_end_of_a_call_requests_in_flight_get_ten_seconds() {
    let ids = users(6);
    let service = Script::new([
        Reply::at_once(accepted()).after(Duration::from_secs(13)),
        Reply::at_once(Behavior::Silence),
        Reply::at_once(accepted()).after(Duration::from_secs(14)),
        Reply::at_once(respond(403, &[], "")).after(Duration::from_millis(3_500)),
    ]);
    let options = Options { ids_per_request: Some(1), ..Options::default() };
    let call = CheckedCall::before(service, canary(), Action::DismissSignIns, &ids, options).await;
    let expected = [
        "accepted",
        "unknown(no-response)",
        "unknown(no-response)",
        "not-applied(forbidden)",
        "not-applied(not-attempted)",
    ];
    assert_eq!(call.outcomes(), expected);
    assert_eq!(call.batches()[4].ids.len(), 2);
    println!("403 after 3.5 s while three requests are silent: {:?}", call.elapsed);
    assert!(call.elapsed <= Duration::from_millis(13_501), "{:?}", call.elapsed);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_gives_no_more_time() {
    let options = Options { deadline_ms: Some(5_000), ids_per_request: Some(1), ..Options::default() };
    let behaviors = [Behavior::Silence, Behavior::Silence, Behavior::Silence, Behavior::Silence];
    let call = CheckedCall::scripted(Action::DismissSignIns, &users(6), options, behaviors).await;
    assert_eq!(call.outcomes()[..2], ["unknown(deadline-exceeded)", "unknown(deadline-exceeded)"]);
    assert_eq!(call.outcomes()[4..], ["not-applied(not-attempted)"]);
    assert_eq!(call.failure().cause.case(), "deadline-exceeded");
    assert!(call.elapsed <= Duration::from_millis(5_001), "{:?}", call.elapsed);
}
