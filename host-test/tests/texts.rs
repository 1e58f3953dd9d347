//! Texts from outside in the result: without the token, and cut.

use graph_model::Behavior;
use host_test::bindings::actions::{Error, Options, Outcome};
use host_test::bindings::credentials::{Credential, TokenError};
use host_test::checked_call::CheckedCall;
use host_test::host::TokenSource;
use host_test::plugin::{Action, CANARY, canary};
use host_test::script::{Script, respond};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

const IDS: [&str; 2] = ["29f270bb-4d23-4f68-8a57-dc73dc0d4caf", "20f91ec9-d140-4d90-9cd9-f618587a1471"];

async fn dismiss(
    token_source: TokenSource,
    options: Options,
    behaviors: impl IntoIterator<Item = Behavior>,
) -> CheckedCall {
    CheckedCall::before(Script::at_once(behaviors), token_source, Action::DismissSignIns, &IDS, options).await
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
    let Error::NoResponse(text) = &call.failure().cause else { panic!("{call:#?}") };
    assert_eq!(text, "internal-error: cannot send authorization: Bearer [token]");
}
