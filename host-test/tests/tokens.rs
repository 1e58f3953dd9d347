//! Tokens: requested before each attempt, renewed once after a 401, never revealed.

use std::time::Duration;

use graph_model::Behavior;
use host_test::bindings::actions::{Error, Options};
use host_test::bindings::credentials::{Credential, TokenError, TokenRequest};
use host_test::checked_call::CheckedCall;
use host_test::host::TokenSource;
use host_test::plugin::{Action, CANARY, canary};
use host_test::script::{Script, accepted, graph_error, respond};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

const IDS: [&str; 2] = ["29f270bb-4d23-4f68-8a57-dc73dc0d4caf", "20f91ec9-d140-4d90-9cd9-f618587a1471"];

/// One batch per id, one request at a time.
fn one_by_one() -> Options {
    Options { ids_per_request: Some(1), max_in_flight: Some(1), ..Options::default() }
}

fn source(provider: impl Fn(&TokenRequest) -> Result<Credential, TokenError> + Send + 'static) -> TokenSource {
    Box::new(provider)
}

fn unauthorized(www_authenticate: &str) -> Behavior {
    graph_error(
        401,
        &[("www-authenticate", www_authenticate)],
        "InvalidAuthenticationToken",
        "Access token is invalid.",
    )
}

async fn dismiss(
    token_source: TokenSource,
    options: Options,
    behaviors: impl IntoIterator<Item = Behavior>,
) -> CheckedCall {
    CheckedCall::before(Script::at_once(behaviors), token_source, Action::DismissSignIns, &IDS, options).await
}

#[tokio::test(start_paused = true)]
async fn a_token_is_requested_before_each_attempt() {
    let behaviors = [graph_error(503, &[], "", ""), accepted(), accepted()];
    let call = dismiss(canary(), one_by_one(), behaviors).await;
    let plain = TokenRequest { audience: "https://graph.microsoft.com".into(), refresh: false, claims: None };
    assert_eq!(call.token_requests, [plain.clone(), plain.clone(), plain]);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_is_renewed_and_the_batch_sent_again_at_once() {
    let fresh = source(|request| {
        let token = if request.refresh { format!("fresh-{CANARY}") } else { CANARY.into() };
        Ok(Credential::Bearer(token))
    });
    let call = dismiss(fresh, Options::default(), [unauthorized("Bearer"), accepted()]).await;
    assert_eq!(call.receipts()[0].attempts, 2);
    let refresh: Vec<bool> = call.token_requests.iter().map(|request| request.refresh).collect();
    assert_eq!(refresh, [false, true]);
    assert_eq!(call.exchanges[1].sent, Duration::ZERO);
    let sent = |n: usize| call.exchanges[n].request.headers()["authorization"].as_bytes();
    assert!(sent(0) == format!("Bearer {CANARY}").as_bytes() && sent(1) == format!("Bearer fresh-{CANARY}").as_bytes());
}

#[tokio::test(start_paused = true)]
async fn a_rejected_fresh_token_ends_the_call() {
    let call = dismiss(canary(), one_by_one(), [unauthorized("Bearer"), unauthorized("Bearer")]).await;
    let failure = call.failure();
    assert_eq!(failure.cause.case(), "unauthenticated");
    let outcomes: Vec<String> = failure.batches.iter().map(|batch| batch.outcome.case()).collect();
    assert_eq!(outcomes, ["refused(unauthenticated)", "unsent(stopped)"]);
    assert_eq!(failure.cause.graph_error().map(|error| &*error.code), Some("InvalidAuthenticationToken"));
}

#[tokio::test(start_paused = true)]
async fn after_the_last_attempt_a_rejected_token_is_not_renewed() {
    let options = Options { max_attempts: Some(1), ..Options::default() };
    let call = dismiss(canary(), options, [unauthorized("Bearer")]).await;
    assert_eq!((call.batch().outcome.case().as_str(), call.token_requests.len()), ("refused(unauthenticated)", 1));
}

#[tokio::test(start_paused = true)]
async fn a_claims_challenge_is_decoded_for_the_token_source() {
    // In each base64 text there are characters in which the two alphabets differ.
    const CLAIMS: &str = r#"{"access_token":{"nbf":{"value":"1>?"}}}"#;
    let standard = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7InZhbHVlIjoiMT4/In19fQ==";
    let forms = [
        format!(
            "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
             error=\"insufficient_claims\", claims=\"{standard}\""
        ),
        format!(r#"Bearer claims="{standard}", error="insufficient_claims""#),
        format!(r#"Bearer error="insufficient_claims",claims="{}""#, standard.trim_end_matches('=')),
        format!(r#"Bearer error="insufficient_claims", claims="{}""#, standard.replace('/', "_")),
        format!(r#"bearer ERROR=insufficient_claims, Claims="{}""#, standard.replace('/', "_").trim_end_matches('=')),
        format!(r#"Basic realm="x, error=\"y\"", Bearer error="insufficient_claims", claims="{standard}""#),
    ];
    for form in forms {
        let call = dismiss(canary(), Options::default(), [unauthorized(&form), accepted()]).await;
        let [_, renewal] = call.token_requests.as_slice() else { panic!("{form}: {call:#?}") };
        assert_eq!((renewal.refresh, renewal.claims.as_deref()), (true, Some(CLAIMS)), "{form}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_challenges_request_no_claims() {
    let forms = [
        "",
        "Bearer",
        r#"Bearer error="invalid_token", claims="e30=""#,
        r#"Bearer error="insufficient_claims""#,
        r#"Bearer error="insufficient_claims", claims="""#,
        r#"Bearer error="insufficient_claims", claims="%%%""#,
        r#"Bearer error="insufficient_claims", claims="bm90IEpTT04=""#,
        r#"Bearer error="insufficient_claims", claims="/w==""#,
        r#"Basic error="insufficient_claims", claims="e30=""#,
        r#"Bearer error="insufficient_claims", claims="e30="#,
        r#"=,"",\"#,
    ];
    for form in forms {
        let call = dismiss(canary(), Options::default(), [unauthorized(form), accepted()]).await;
        let [_, renewal] = call.token_requests.as_slice() else { panic!("{form}: {call:#?}") };
        let unfinished = form.ends_with("e30=");
        assert_eq!((renewal.refresh, renewal.claims.as_deref()), (true, unfinished.then_some("{}")), "{form}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_token_sends_nothing() {
    type Provider = fn() -> Result<Credential, TokenError>;
    let providers: &[(Provider, &str)] = &[
        (
            || Err(TokenError::Unavailable("the token endpoint is down".into())),
            "try again later: the token endpoint is down",
        ),
        (|| Err(TokenError::Denied("no credential".into())), "do not try again unchanged: no credential"),
        (|| Ok(Credential::Bearer(String::new())), "empty"),
        (|| Ok(Credential::Bearer(format!("{CANARY} "))), "visible ASCII"),
        (|| Ok(Credential::Bearer(format!("{CANARY}\r\nx: y"))), "visible ASCII"),
        (|| Ok(Credential::Bearer(format!("\u{e9}{CANARY}"))), "visible ASCII"),
        (|| Ok(Credential::Bearer(format!("{CANARY}\0"))), "visible ASCII"),
        (|| Ok(Credential::Bearer(format!("{CANARY}\u{7f}"))), "visible ASCII"),
        (|| Ok(Credential::Bearer(CANARY.repeat(65_536))), "longer than 65536 bytes"),
    ];
    for (provider, part) in providers {
        let call = dismiss(source(|_| provider()), one_by_one(), []).await;
        let Error::NoToken(text) = &call.failure().cause else { panic!("{call:#?}") };
        assert!(text.contains(part), "{part:?} is not in {text:?}");
        let outcomes: Vec<String> = call.failure().batches.iter().map(|batch| batch.outcome.case()).collect();
        assert_eq!(outcomes, ["unsent(no-token)", "unsent(stopped)"], "{part}");
        assert_eq!(call.token_requests.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_token_is_sent_in_full() {
    let long = source(|_| Ok(Credential::Bearer("x".repeat(65_536))));
    let call = dismiss(long, Options::default(), [accepted()]).await;
    assert_eq!(call.exchanges[0].request.headers()["authorization"].len(), "Bearer ".len() + 65_536);
}

#[tokio::test(start_paused = true)]
async fn a_token_in_a_response_is_redacted() {
    let echo = format!("Bearer {CANARY} is not valid; {CANARY}");
    let in_headers = [("request-id", &*echo), ("date", &*echo)];
    let in_body = format!(r#"{{"error":{{"code":"{echo}","message":"{echo}","innerError":{{"date":"{echo}"}}}}}}"#);
    for status in [204, 200, 302, 400, 401, 403, 429, 503] {
        let options = Options { max_attempts: Some(1), ..Options::default() };
        // `CheckedCall` checks that the result does not contain the token.
        let call = dismiss(canary(), options, [respond(status, &in_headers, in_body.clone())]).await;
        assert!(call.token_requests.len() == 1);
        if let Err(failure) = &call.result {
            let error = failure.cause.graph_error().unwrap_or_else(|| panic!("{failure:#?}"));
            assert_eq!(error.message, "Bearer [token] is not valid; [token]");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_in_an_error_of_the_host_is_redacted() {
    let detail = format!("cannot send authorization: Bearer {CANARY}");
    let options = Options { max_attempts: Some(1), ..Options::default() };
    let error = ErrorCode::InternalError(Some(detail));
    let call = CheckedCall::failing_first([error], [], Action::DismissSignIns, &IDS, options).await;
    let Error::NoAnswer(text) = &call.failure().cause else { panic!("{call:#?}") };
    assert_eq!(text, "internal-error: cannot send authorization: Bearer [token]");
}
