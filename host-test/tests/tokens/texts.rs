//! Texts from outside in the result: without the token, and cut.

use host_test::bindings::actions::{ErrorKind, Options};
use host_test::bindings::credentials::{Credential, TokenError};
use host_test::checked_call::CheckedCall;
use host_test::host::TokenSource;
use host_test::plugin::{Action, CANARY, canary};
use host_test::script::respond;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

use super::{IDS, dismiss, one_by_one};

/// One attempt, and no time for one that does not count.
fn one_attempt() -> Options {
    Options { max_attempts: Some(1), isolate_refused: Some(false), deadline_ms: Some(2_000), ..Options::default() }
}

/// A token of which every run of 24 characters occurs once.
fn long_token() -> String {
    (0..2_000).map(|n: u32| char::from(b'!' + (n * n / 7 + n) as u8 % 90)).collect()
}

fn returns(token: &str) -> TokenSource {
    let token = token.to_owned();
    Box::new(move |_| Ok(Credential::of(token.clone())))
}

/// Asserts that no run of 24 characters of a token is in a text.
#[track_caller]
fn assert_redacted(text: &str, token: &str) {
    let run = token.as_bytes().windows(24).find(|run| text.contains(std::str::from_utf8(run).expect("ASCII")));
    assert!(run.is_none(), "part of the token is in {text:?}");
}

#[tokio::test(start_paused = true)]
async fn a_token_in_a_response_is_redacted() {
    let echo = format!("Bearer {CANARY} is not valid; {CANARY}");
    let in_headers = [("request-id", &*echo), ("date", &*echo)];
    let in_body = format!(r#"{{"error":{{"code":"{echo}","message":"{echo}","innerError":{{"date":"{echo}"}}}}}}"#);
    for status in [204, 200, 302, 400, 401, 403, 429, 503] {
        let behaviors = vec![respond(status, &in_headers, in_body.clone()); if status == 401 { 2 } else { 1 }];
        // `CheckedCall` checks that the result does not contain the token.
        let call = dismiss(canary(), one_attempt(), behaviors).await;
        let batch = &call.batches()[0];
        let text = match &batch.receipt {
            Some(receipt) => receipt.request_id.as_deref(),
            None => {
                let response = batch.error.as_ref().and_then(|error| error.response.as_ref());
                response.map(|response| &*response.message)
            }
        };
        assert_eq!(text, Some("Bearer [token] is not valid; [token]"), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_run_of_24_characters_of_the_token_is_redacted() {
    let token = long_token();
    for start in (0..token.len() - 24).step_by(61) {
        for length in [24, 25, 100, 400] {
            let Some(part) = token.get(start..start + length) else { continue };
            // In JSON, a quotation mark and a backslash are escaped.
            let text = serde_json::Value::from(format!("x{part}y{part}"));
            let body = format!(r#"{{"error":{{"code":{text},"message":{text}}}}}"#);
            let call = dismiss(returns(&token), one_attempt(), [respond(400, &[("request-id", part)], body)]).await;
            let error = call.failure().cause.response.as_ref().expect("a response");
            for text in [&error.code, &error.message, error.request_id.as_ref().expect("a request id")] {
                assert_redacted(text, &token);
            }
            assert!(error.message.starts_with("x[token]"), "{:?}", error.message);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_in_an_error_of_the_host_is_redacted() {
    let detail = format!("cannot send authorization: Bearer {CANARY}");
    let options = Options { max_attempts: Some(1), ..Options::default() };
    let error = ErrorCode::InternalError(Some(detail));
    let call = CheckedCall::failing_first([error], [], Action::DismissSignIns, &IDS, options).await;
    let text = call.message(ErrorKind::NoResponse);
    assert!(text.contains("internal-error: cannot send authorization: Bearer [token]"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_token_in_a_text_of_the_provider_is_redacted() {
    let token = long_token();
    let (first, part) = (token.clone(), token[500..540].to_owned());
    let mut tokens = [Ok(Credential::of(first)), Err(TokenError::Denied(format!("not renewed: {part}")))].into_iter();
    let source: TokenSource = Box::new(move |_| tokens.next().expect("two token requests"));
    let call = dismiss(source, one_by_one(), [respond(204, &[], "")]).await;
    let text = call.message(ErrorKind::NoToken);
    assert!(text.ends_with("not renewed: [token]"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn texts_from_outside_are_cut() {
    let long = "\u{e9}".repeat(1_000);
    let header = "x".repeat(1_000);
    let body = format!(r#"{{"error":{{"code":"{long}","message":"{long}","innerError":{{"date":"{long}"}}}}}}"#);
    let call = dismiss(canary(), one_attempt(), [respond(400, &[("request-id", &*header)], body)]).await;
    let error = call.failure().cause.response.as_ref().expect("a response");
    assert_eq!((error.code.len(), error.message.len()), (128, 512));
    assert_eq!(error.request_id.as_ref().map(String::len), Some(128));
    assert_eq!(error.date.as_ref().map(String::len), Some(128));

    let both = [("request-id", &*header), ("date", &*header)];
    let call = dismiss(canary(), one_attempt(), [respond(204, &both, "")]).await;
    let receipt = call.accepted()[0].receipt.as_ref().expect("a receipt");
    assert_eq!(receipt.request_id.as_ref().map(String::len), Some(128));
    assert_eq!(receipt.date.as_ref().map(String::len), Some(128));

    let error = ErrorCode::InternalError(Some(long.clone()));
    let call = CheckedCall::failing_first([error], [], Action::DismissSignIns, &IDS, one_attempt()).await;
    let bytes = |text: &str| text.chars().filter(|char| *char == '\u{e9}').map(char::len_utf8).sum::<usize>();
    let cause = bytes(call.message(ErrorKind::NoResponse)) + "internal-error: ".len();
    assert!((120..=128).contains(&cause), "{cause} bytes");

    let denied: TokenSource = Box::new(move |_| Err(TokenError::Denied(long.clone())));
    let call = dismiss(denied, one_attempt(), []).await;
    assert_eq!(bytes(call.message(ErrorKind::NoToken)), 128);
}
