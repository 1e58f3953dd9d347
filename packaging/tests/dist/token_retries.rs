//! How often the adapters send a request to the token endpoint, and how long a call takes.

use std::time::Duration;

use bytes::Bytes;
use graph_model::{Behavior, Reply, TransportError};
use host_test::script::{Script, accepted, respond, response};
use tokio::time::{Instant, advance};

use crate::token_adapter::{Acting, Adapter, token_body, token_reply};

const SECOND: Duration = Duration::from_secs(1);

/// Makes a failure, for each request anew.
type Failure = fn() -> Behavior;

/// Maximum time of a call. Source: the documentation.
const MAX_TIME: Duration = Duration::from_secs(20);

#[tokio::test(start_paused = true)]
async fn transient_failures_are_repeated_within_a_call() {
    let failures: Vec<Failure> = vec![
        || respond(408, &[], ""),
        || respond(429, &[], ""),
        || respond(500, &[], "canary"),
        || respond(502, &[], "<html>"),
        || respond(503, &[], ""),
        || respond(504, &[], ""),
        || respond(400, &[], r#"{"error":"temporarily_unavailable"}"#),
        || Behavior::Reset,
        || Behavior::Truncated(response(200, &[], "{")),
        || Behavior::Failed(TransportError::ConnectionRefused),
        || Behavior::Failed(TransportError::ConnectionTimeout),
        || Behavior::Failed(TransportError::DestinationNotFound),
    ];
    for failure in failures {
        let replies = [Reply::at_once(failure()), Reply::at_once(failure()), token_reply("a", 3600)];
        let mut adapter = Adapter::client_secret(replies).await;
        let start = Instant::now();
        assert_eq!(adapter.token().await.as_deref(), Ok("a"), "{:?}", failure());
        let elapsed = start.elapsed();
        assert!((3 * SECOND..4 * SECOND).contains(&elapsed), "{:?}: {elapsed:?}", failure());
        assert_eq!(adapter.requests()[0].body(), adapter.requests()[2].body());
    }
}

#[tokio::test(start_paused = true)]
async fn the_third_failure_ends_the_call() {
    let cases: [(Failure, &str); 4] = [
        (
            || respond(429, &[], ""),
            "unavailable: client-secret: login.microsoftonline.com returned 429: try again later",
        ),
        (
            || respond(503, &[], r#"{"error":"server_error","error_codes":[90033]}"#),
            "unavailable: client-secret: login.microsoftonline.com returned 503 server_error: try again later",
        ),
        (
            || Behavior::Reset,
            "unavailable: client-secret: no response from login.microsoftonline.com (HTTP-protocol-error)",
        ),
        (
            || Behavior::Failed(TransportError::ConnectionRefused),
            "unavailable: client-secret: no response from login.microsoftonline.com (connection-refused)",
        ),
    ];
    for (failure, expected) in cases {
        let replies = (0..3).map(|_| Reply::at_once(failure())).chain([token_reply("a", 3600)]);
        let mut adapter = Adapter::client_secret(replies).await;
        let why = adapter.token().await.unwrap_err();
        assert!(why.starts_with(expected), "{why}");
        // The failure does not affect the next call.
        assert_eq!(adapter.token().await.as_deref(), Ok("a"), "after {why}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_retry_after_is_waited_out_within_a_call() {
    for (value, waited) in [("4", 4), ("0", 1), ("Sat, 21 Nov 2026 09:00:05 GMT", 5)] {
        let headers = [("retry-after", value), ("date", "Sat, 21 Nov 2026 09:00:00 GMT")];
        let replies = [Reply::at_once(respond(429, &headers, "")), token_reply("a", 3600)];
        let mut adapter = Adapter::client_secret(replies).await;
        assert_eq!(adapter.token().await.as_deref(), Ok("a"));
        let waited = SECOND * waited;
        let times = adapter.times();
        assert!((waited..waited + SECOND / 10).contains(&(times[1] - times[0])), "{value}: {times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_longer_retry_after_is_reported_and_kept() {
    for status in [429, 503] {
        let replies = [Reply::at_once(respond(status, &[("retry-after", "60")], "")), token_reply("a", 3600)];
        let mut adapter = Adapter::client_secret(replies).await;
        let start = Instant::now();
        let expected = format!(
            "unavailable: client-secret: login.microsoftonline.com returned {status}: try again after 60 s (Retry-After)"
        );
        assert_eq!(adapter.token().await, Err(expected.clone()));
        assert_eq!(start.elapsed(), Duration::ZERO);
        advance(59 * SECOND).await;
        assert_eq!(adapter.token().await, Err(expected));
        assert_eq!(adapter.requests().len(), 1);
        advance(2 * SECOND).await;
        assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    }
}

/// One response must not disable an adapter for good.
#[tokio::test(start_paused = true)]
async fn a_retry_after_of_centuries_ends_after_an_hour() {
    for value in ["99999999999", "Sat, 21 Nov 2626 09:00:00 GMT"] {
        let headers = [("retry-after", value), ("date", "Sat, 21 Nov 2026 09:00:00 GMT")];
        let replies = [Reply::at_once(respond(429, &headers, "")), token_reply("a", 3600)];
        let mut adapter = Adapter::client_secret(replies).await;
        let expected =
            "unavailable: client-secret: login.microsoftonline.com returned 429: try again after 3600 s (Retry-After)";
        assert_eq!(adapter.token().await.unwrap_err(), expected);
        advance(3_599 * SECOND).await;
        assert_eq!(adapter.token().await.unwrap_err(), expected);
        advance(2 * SECOND).await;
        assert_eq!(adapter.token().await.as_deref(), Ok("a"), "{value}");
    }
}

/// The plugin asks again at most 10 s apart, but the token endpoint is left alone.
#[tokio::test(start_paused = true)]
async fn an_action_waits_until_a_retry_after_is_over() {
    let throttled = Reply::at_once(respond(429, &[("retry-after", "60")], ""));
    let script = Script::new([throttled, token_reply("a", 3600), Reply::at_once(accepted())]);
    let mut acting = Acting::start(script).await;
    let result = acting.dismiss().await;
    assert!(result.is_ok(), "{result:?}");
    let sent: Vec<Duration> = acting.exchanges().iter().map(|exchange| exchange.sent).collect();
    assert!((60 * SECOND..75 * SECOND).contains(&sent[1]), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn permanent_errors_are_not_repeated() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(127), "}".repeat(127));
    let wrong_secret = r#"{"error":"invalid_client","error_codes":[7000215],"error_description":"canary"}"#;
    let huge = Bytes::from(vec![b'a'; 200_000]);
    let no_token = "unavailable: client-secret: login.microsoftonline.com returned 200 without a usable token";
    let cases: Vec<(Behavior, &str)> = vec![
        (
            respond(401, &[], wrong_secret),
            "denied: client-secret: AZURE_CLIENT_SECRET is wrong: set it to the secret's value, not its id \
             (AADSTS7000215, invalid_client, 401 from login.microsoftonline.com)",
        ),
        (
            respond(400, &[], ""),
            "denied: client-secret: check AZURE_TENANT_ID, AZURE_CLIENT_ID and the application's credential (400 from",
        ),
        (
            respond(302, &[("location", "https://a.test")], ""),
            "denied: client-secret: login.microsoftonline.com returned 302, a redi",
        ),
        (respond(200, &[], "<html>canary"), no_token),
        (respond(200, &[], deep), no_token),
        (respond(200, &[], "[".repeat(100_000)), no_token),
        (respond(200, &[], huge.clone()), no_token),
        (Behavior::Endless(response(200, &[], huge)), no_token),
        (
            respond(200, &[], r#"{"token_type":"pop","access_token":"canary"}"#),
            "denied: client-secret: login.microsoftonline.com returned a token that is not a Bearer token",
        ),
        (
            respond(200, &[], r#"{"access_token":"canary","expires_in":3600}"#),
            "denied: client-secret: login.microsoftonline.com returned a token that is not a Bearer token",
        ),
        (
            Behavior::Failed(TransportError::HttpRequestDenied),
            "denied: client-secret: the host's policy for outbound requests denies the token endpoint: allow login.microsoftonline.com",
        ),
        (
            Behavior::Failed(TransportError::TlsCertificateError),
            "denied: client-secret: the host does not trust the certificate of",
        ),
    ];
    for (behavior, expected) in cases {
        let mut adapter = Adapter::client_secret([Reply::at_once(behavior), token_reply("a", 3599)]).await;
        let start = Instant::now();
        let why = adapter.token().await.unwrap_err();
        assert!(why.starts_with(expected), "{why}");
        assert_eq!(start.elapsed(), Duration::ZERO, "{why}");
        // The failure does not affect the next call.
        assert_eq!(adapter.token().await.as_deref(), Ok("a"), "after {why}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_does_not_respond_ends_the_call_in_time() {
    let silent: [Failure; 2] = [|| Behavior::Silence, || Behavior::Stalled(response(200, &[], "{"))];
    for behavior in silent {
        let mut adapter = Adapter::client_secret([behavior(), behavior()].map(Reply::at_once)).await;
        let start = Instant::now();
        let why = adapter.token().await.unwrap_err();
        assert_eq!(
            why,
            "unavailable: client-secret: no response from login.microsoftonline.com (timeout): try again later"
        );
        let elapsed = start.elapsed();
        assert!((MAX_TIME - SECOND..=MAX_TIME + SECOND / 10).contains(&elapsed), "{elapsed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_failures_end_the_call_in_time() {
    let slow = || Reply::at_once(respond(503, &[("retry-after", "5")], "")).after(9 * SECOND);
    let mut adapter = Adapter::client_secret([slow(), Reply::at_once(Behavior::Silence)]).await;
    let start = Instant::now();
    assert!(adapter.token().await.unwrap_err().starts_with("unavailable: "));
    assert!(start.elapsed() <= MAX_TIME + SECOND / 10, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn lifetimes_as_strings_or_missing_are_understood() {
    for (lifetime, kept, renewed) in [
        (r#""expires_in":"3600","#, 3299, 3301),
        (r#""expires_in":3600,"#, 3299, 3301),
        // 5 minutes, renewed at half of them.
        ("", 149, 151),
    ] {
        let reply = |value: &str| token_body(&format!(r#"{lifetime}"token_type":"bearer","access_token":"{value}""#));
        let mut adapter = Adapter::client_secret([reply("a"), reply("b")]).await;
        assert_eq!(adapter.token().await.as_deref(), Ok("a"));
        advance(kept * SECOND).await;
        assert_eq!(adapter.token().await.as_deref(), Ok("a"), "{lifetime}");
        advance((renewed - kept) * SECOND).await;
        assert_eq!(adapter.token().await.as_deref(), Ok("b"), "{lifetime}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_valid_token_is_returned_while_it_cannot_be_renewed() {
    let failures = (0..3).map(|_| Reply::at_once(respond(500, &[], "")));
    let replies = [token_reply("a", 3600)].into_iter().chain(failures).chain([token_reply("b", 3600)]);
    let mut adapter = Adapter::client_secret(replies).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    advance(3310 * SECOND).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    assert_eq!(adapter.requests().len(), 4);
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    advance(31 * SECOND).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("b"));
}
