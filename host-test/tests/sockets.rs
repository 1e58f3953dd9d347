//! Real connections through wasmtime's own HTTP client, in real time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use graph_model::{Behavior, Reply, Request, Server, Service};
use host_test::bindings::actions::Options;
use host_test::checked_call::CheckedCall;
use host_test::examples::{EXAMPLES, Example};
use host_test::host::Outbound;
use host_test::plugin::{Action, Plugin, canary};
use host_test::script::{REQUEST_ID, Script, accepted, graph_error, respond, response};

/// Accepts and records every request.
#[derive(Default)]
struct AcceptAll(Mutex<Vec<Request>>);

impl Service for AcceptAll {
    fn serve(&self, _: Duration, request: Request) -> Reply {
        self.0.lock().expect("no panic").push(request);
        Reply::at_once(accepted())
    }
}

/// One attempt, with a server that behaves like this.
async fn attempt(behavior: Behavior) -> CheckedCall {
    let server = Server::start(Script::at_once([behavior]), 0).await.expect("a port");
    dismiss(server.endpoint()).await
}

async fn dismiss(endpoint: String) -> CheckedCall {
    let options = Options {
        endpoint: Some(endpoint),
        max_attempts: Some(1),
        isolate_refused: Some(false),
        attempt_timeout_ms: Some(500),
        deadline_ms: Some(5_000),
        ..Options::default()
    };
    let plugin = Plugin::with(Outbound::Network, canary()).await;
    CheckedCall::of(plugin, Action::DismissSignIns, EXAMPLES[0].ids, options).await
}

#[tokio::test]
async fn each_action_sends_the_documented_request() {
    let service = Arc::new(AcceptAll::default());
    let server = Server::start(service.clone(), 0).await.expect("a port");
    for Example { action, url, ids, body } in EXAMPLES {
        let options = Options { endpoint: Some(server.endpoint()), ..Options::default() };
        let plugin = Plugin::with(Outbound::Network, canary()).await;
        let call = CheckedCall::of(plugin, action, ids, options).await;
        assert_eq!(call.accepted()[0].ids, ids);
        let request = service.0.lock().expect("no panic").pop().expect("a request");
        let url = url.replace("https://graph.microsoft.com", &server.endpoint());
        assert_eq!((request.method().as_str(), request.uri().to_string()), ("POST", url));
        assert_eq!(request.body(), body);
        assert_eq!(request.headers()["content-length"], body.len().to_string());
        assert!(!request.headers().contains_key("transfer-encoding"));
        assert_eq!(request.headers().len(), 6, "{:?}", request.headers().keys());
    }
}

#[tokio::test]
async fn responses_have_the_same_outcomes_as_in_process() {
    let part = |body| response(503, &[("content-length", "1000")], body);
    let table = [
        ("a proxy page", respond(200, &[], "<!doctype html>"), "unknown(unexpected-status)"),
        ("a redirect", respond(302, &[("location", "http://127.0.0.1:1/")], ""), "not-applied(unexpected-status)"),
        ("400", graph_error(400, &[], "BadRequest", ""), "refused(client-error)"),
        ("a page of a web filter", respond(404, &[], "<html>"), "not-applied(unexpected-status)"),
        ("403", graph_error(403, &[], "Authorization_RequestDenied", ""), "not-applied(forbidden)"),
        ("429", graph_error(429, &[("retry-after", "7")], "TooManyRequests", ""), "not-applied(throttled)"),
        ("503", graph_error(503, &[], "UnknownError", ""), "unknown(server-error)"),
        ("over 64 KiB", respond(400, &[("request-id", REQUEST_ID)], "x".repeat(1_000_000)), "refused(client-error)"),
        ("cut off in the body", Behavior::Truncated(part("{")), "unknown(server-error)"),
        ("cut off before the body", Behavior::Truncated(part("")), "unknown(server-error)"),
        (
            "a chunked body cut off",
            Behavior::Truncated(response(404, &[("request-id", REQUEST_ID)], "{")),
            "refused(client-error)",
        ),
        ("endless", Behavior::Endless(response(500, &[], "x".repeat(1_000))), "unknown(server-error)"),
        ("stalled in the body", Behavior::Stalled(part("{")), "unknown(server-error)"),
        ("stalled before the body", Behavior::Stalled(part("")), "unknown(server-error)"),
        ("silence", Behavior::Silence, "unknown(no-response)"),
        ("closed without a response", Behavior::Reset, "unknown(no-response)"),
    ];
    for (name, behavior, outcome) in table {
        assert_eq!(attempt(behavior).await.batch().case(), outcome, "{name}");
    }
}

#[tokio::test]
async fn an_error_contains_the_details_of_the_response() {
    let call = attempt(graph_error(429, &[("retry-after", "7")], "TooManyRequests", "Slow down.")).await;
    let error = call.failure().cause.response.as_ref().expect("a response");
    assert_eq!((&*error.code, &*error.message, error.retry_after_ms), ("TooManyRequests", "Slow down.", Some(7_000)));
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let endpoint = Server::start(Script::new([]), 0).await.expect("a port").endpoint();
    // The runtime closes the listener in the background.
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(dismiss(endpoint).await.batch().case(), "not-applied(unreachable)");
}

#[tokio::test]
async fn an_unavailable_server_is_retried() {
    let script = Script::at_once([respond(503, &[("retry-after", "0")], ""), accepted()]);
    let server = Server::start(script, 0).await.expect("a port");
    let options = Options { endpoint: Some(server.endpoint()), ..Options::default() };
    let plugin = Plugin::with(Outbound::Network, canary()).await;
    let call = CheckedCall::of(plugin, Action::DismissSignIns, EXAMPLES[0].ids, options).await;
    assert_eq!(call.accepted()[0].attempts, 2);
}
