//! Every case and field of the contract, once through the canonical ABI, in which the plugin lays results out by hand.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use graph_model::{Behavior, Reply, Request, Service};
use host_test::bindings::actions::{
    ApiVersion, Cloud, Error, Failure, GraphError, Options, Outcome, RateLimit, Receipt,
};
use host_test::bindings::credentials::{TokenError, TokenRequest};
use host_test::checked_call::CheckedCall;
use host_test::host::{Exchange, TokenSource};
use host_test::plugin::{Action, canary};
use host_test::script::{DATE, REQUEST_ID, Script, accepted, respond};
use uuid::Uuid;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

fn ids(n: u128) -> Vec<String> {
    (1..=n).map(|id| Uuid::from_u128(id).to_string()).collect()
}

/// So many attempts, and no time for more.
fn attempts(n: u32) -> Options {
    Options { max_attempts: Some(n), isolate_refused: Some(false), deadline_ms: Some(5_000), ..Options::default() }
}

/// The cases that were seen.
#[derive(Default)]
struct Seen {
    errors: BTreeSet<&'static str>,
    outcomes: BTreeSet<String>,
}

impl Seen {
    /// Asserts what a call of one batch ended with. `causes`: the errors that ended the call.
    #[track_caller]
    fn check(&mut self, call: &CheckedCall, outcome: &Outcome, causes: &[&Error]) {
        let Failure { cause, batches } = call.failure();
        assert!(causes.contains(&cause), "{cause:?}, not {causes:?}");
        let [batch] = batches.as_slice() else { panic!("{call:#?}") };
        assert_eq!(&batch.outcome, outcome);
        self.errors.insert(cause.case());
        self.outcomes.insert(outcome.case());
    }
}

fn client_request_id(exchange: &Exchange) -> String {
    exchange.request.headers()["client-request-id"].to_str().expect("text").to_owned()
}

/// A call whose first attempt may have been applied, if `ambiguous`.
async fn call(ambiguous: bool, errors: &[ErrorCode], behaviors: Vec<Behavior>) -> CheckedCall {
    let first = ambiguous.then_some(ErrorCode::ConnectionReadTimeout);
    let errors = first.into_iter().chain(errors.iter().cloned());
    let options = attempts(if ambiguous { 2 } else { 1 });
    CheckedCall::failing_first(errors, behaviors, Action::DismissSignIns, &ids(2), options).await
}

fn unknown_if(ambiguous: bool, otherwise: fn(Error) -> Outcome) -> fn(Error) -> Outcome {
    if ambiguous { Outcome::Unknown } else { otherwise }
}

async fn check_responses(seen: &mut Seen) {
    type Row = (u16, fn(GraphError) -> Error, fn(Error) -> Outcome);
    let rows: [Row; 8] = [
        (401, Error::Unauthenticated, Outcome::NotApplied),
        (403, Error::Forbidden, Outcome::NotApplied),
        (400, Error::ClientError, Outcome::Refused),
        (407, Error::ClientError, Outcome::NotApplied),
        (429, Error::Throttled, Outcome::NotApplied),
        (503, Error::ServerError, Outcome::Unknown),
        (302, Error::UnexpectedStatus, Outcome::NotApplied),
        (200, Error::UnexpectedStatus, Outcome::Unknown),
    ];
    for (status, error, outcome) in rows {
        for (has_details, ambiguous) in [(true, true), (true, false), (false, true), (false, false)] {
            let body = r#"{"error":{"code":"Code","message":"Message."}}"#;
            let headers = [("request-id", REQUEST_ID), ("date", DATE), ("retry-after", "400")];
            let behavior = if has_details { respond(status, &headers, body) } else { respond(status, &[], "") };
            let call = call(ambiguous, &[], vec![behavior; if status == 401 { 2 } else { 1 }]).await;
            let details = |text: &str| has_details.then(|| text.to_owned());
            let error = error(GraphError {
                status,
                code: details("Code").unwrap_or_default(),
                message: details("Message.").unwrap_or_default(),
                request_id: details(REQUEST_ID),
                client_request_id: client_request_id(call.exchanges.last().expect("a request")),
                date: details(DATE),
                retry_after_ms: has_details.then_some(400_000),
            });
            let outcome = unknown_if(ambiguous, outcome)(error.clone());
            // A 429 without Retry-After would be waited out beyond the deadline.
            seen.check(&call, &outcome, &[&error, &Error::DeadlineExceeded]);
        }
    }
}

async fn check_transport_errors(seen: &mut Seen) {
    type Row = (ErrorCode, fn(String) -> Error, &'static str, fn(Error) -> Outcome);
    let rows: [Row; 4] = [
        (ErrorCode::ConnectionRefused, Error::Unreachable, "connection-refused", Outcome::NotApplied),
        (ErrorCode::HttpRequestDenied, Error::DeniedByHost, "HTTP-request-denied", Outcome::NotApplied),
        (ErrorCode::HttpResponseTimeout, Error::NoResponse, "HTTP-response-timeout", Outcome::Unknown),
        (ErrorCode::LoopDetected, Error::Other, "loop-detected", Outcome::Unknown),
    ];
    for (code, error, text, outcome) in rows {
        for ambiguous in [false, true] {
            let call = call(ambiguous, std::slice::from_ref(&code), vec![]).await;
            let error = error(text.into());
            seen.check(&call, &unknown_if(ambiguous, outcome)(error.clone()), &[&error]);
        }
    }
}

async fn check_ends_without_a_response(seen: &mut Seen) {
    let silent = CheckedCall::scripted(Action::DismissSignIns, &ids(2), attempts(1), [Behavior::Silence]).await;
    seen.check(&silent, &Outcome::Unknown(Error::DeadlineExceeded), &[&Error::DeadlineExceeded]);
    for (error, cause) in [
        (TokenError::Denied("no".into()), Error::NoToken("denied: no".into())),
        (TokenError::Cancelled, Error::Cancelled),
    ] {
        let source: TokenSource = Box::new(move |_| Err(error.clone()));
        let call = CheckedCall::before(Script::new([]), source, Action::DismissSignIns, &ids(2), attempts(1)).await;
        seen.check(&call, &Outcome::NotApplied(Error::NotAttempted), &[&cause]);
    }
    let call = CheckedCall::scripted(Action::DismissSignIns, &["x"], attempts(1), []).await;
    assert!(matches!(&call.failure().cause, Error::InvalidArgument(text) if text.contains("request-ids[0]: \"x\"")));
    seen.errors.insert(call.failure().cause.case());
}

#[tokio::test(start_paused = true)]
async fn every_error_and_outcome_reaches_the_host() {
    let mut seen = Seen::default();
    check_responses(&mut seen).await;
    check_transport_errors(&mut seen).await;
    check_ends_without_a_response(&mut seen).await;
    // `not-attempted` is no cause.
    assert_eq!(seen.errors.len(), 14, "{:?}", seen.errors);
    assert_eq!(seen.outcomes.len(), 20, "{:?}", seen.outcomes);
}

#[tokio::test(start_paused = true)]
async fn every_field_of_a_receipt_reaches_the_host() {
    let all: [(&str, &str); 2] = [("request-id", REQUEST_ID), ("date", DATE)];
    for headers in [&all[..], &all[..1], &all[1..], &[]] {
        let behaviors = [respond(204, headers, ""), respond(204, headers, "")];
        let options = Options { ids_per_request: Some(3), max_in_flight: Some(1), ..Options::default() };
        let call = CheckedCall::scripted(Action::ConfirmSignInsSafe, &ids(5), options, behaviors).await;
        let value = |name| headers.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned());
        for (batch, exchange) in call.accepted().iter().zip(&call.exchanges) {
            let receipt = Receipt {
                request_id: value("request-id"),
                client_request_id: client_request_id(exchange),
                date: value("date"),
            };
            assert_eq!(batch.outcome, Outcome::Accepted(receipt));
        }
        let batches: Vec<_> = call.accepted().iter().map(|batch| (&*batch.ids, batch.attempts)).collect();
        assert_eq!(batches, [(&ids(5)[..3], 1), (&ids(5)[3..], 1)]);
    }
}

/// Responds to every request in 10 s.
struct Late(fn() -> Behavior);

impl Service for Late {
    fn serve(&self, _: Duration, _: Request) -> Reply {
        Reply::at_once((self.0)()).after(Duration::from_secs(10))
    }
}

/// Every field, each with an effect.
fn every_option() -> Options {
    Options {
        tenant: Some("contoso".into()),
        cloud: Some(Cloud::China),
        endpoint: Some("https://gateway.example".into()),
        audience: Some("https://audience.example".into()),
        api_version: Some(ApiVersion::Beta),
        ids_per_request: Some(2),
        max_in_flight: Some(3),
        max_attempts: Some(7),
        attempt_timeout_ms: Some(11_000),
        deadline_ms: Some(50_000),
        patience_ms: Some(41_000),
        isolate_refused: Some(false),
        rate_limit: Some(RateLimit { requests: 2, window_ms: 3_000 }),
    }
}

async fn with_every_option(behavior: fn() -> Behavior, change: impl FnOnce(&mut Options)) -> CheckedCall {
    let mut options = every_option();
    change(&mut options);
    CheckedCall::before(Arc::new(Late(behavior)), canary(), Action::DismissRiskyUsers, &ids(9), options).await
}

#[tokio::test(start_paused = true)]
async fn every_option_reaches_the_plugin() {
    let call = with_every_option(accepted, |_| {}).await;
    assert_eq!(call.accepted().iter().map(|batch| batch.ids.len()).collect::<Vec<_>>(), [2, 2, 2, 2, 1]);
    assert_eq!(
        call.token_requests[0],
        TokenRequest {
            tenant: Some("contoso".into()),
            audience: "https://audience.example".into(),
            endpoint: "https://gateway.example".into(),
            refresh: false,
            claims: None,
        }
    );
    let url = "https://gateway.example/beta/identityProtection/riskyUsers/dismiss";
    assert_eq!(call.exchanges[0].request.uri(), url);
    // Two in 3 s and a margin; the fourth waits for one of the three in flight.
    let sent: Vec<u64> = call.exchanges.iter().map(|exchange| exchange.sent.as_secs()).collect();
    assert_eq!(sent, [0, 0, 3, 10, 10]);

    let call = with_every_option(accepted, |options| (options.endpoint, options.audience) = (None, None)).await;
    assert_eq!(call.exchanges[0].request.uri().host(), Some("microsoftgraph.chinacloudapi.cn"));
    assert_eq!(call.token_requests[0].audience, "https://microsoftgraph.chinacloudapi.cn");

    let call = with_every_option(|| respond(404, &[], ""), |_| {}).await;
    assert_eq!(call.outcomes(), ["refused(client-error)"; 5]);
    let call = with_every_option(accepted, |options| options.attempt_timeout_ms = Some(9_000)).await;
    assert_eq!(call.outcomes()[0], "unknown(no-response)");
}

#[tokio::test(start_paused = true)]
async fn every_bound_of_time_and_attempts_reaches_the_plugin() {
    let unavailable = || respond(503, &[], "");
    // The first failure after 10 s, then the patience of 41 s less the last wait.
    let call = with_every_option(unavailable, |options| options.deadline_ms = None).await;
    assert!((40..=61).contains(&call.elapsed.as_secs()), "{:?}", call.elapsed);
    let patient = with_every_option(unavailable, |options| {
        (options.deadline_ms, options.patience_ms) = (None, Some(400_000));
    });
    let patient = patient.await;
    assert!((390..=420).contains(&patient.elapsed.as_secs()), "{:?}", patient.elapsed);

    let at_deadline = with_every_option(unavailable, |options| options.patience_ms = None).await;
    assert_eq!(at_deadline.failure().cause, Error::DeadlineExceeded);
    assert!((40..=50).contains(&at_deadline.elapsed.as_secs()), "{:?}", at_deadline.elapsed);

    let forever = |options: &mut Options| (options.deadline_ms, options.patience_ms) = (None, Some(u32::MAX));
    let call = with_every_option(unavailable, forever).await;
    assert!(call.batches().iter().all(|batch| batch.attempts == 7), "{:?}", call.batches());
}
