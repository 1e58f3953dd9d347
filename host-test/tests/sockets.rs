//! The same over real connections, through wasmtime's own HTTP client, in real time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_test::bindings::actions::Options;
use host_test::examples::{EXAMPLES, Example};
use host_test::exchange::{Fate, Reply, Request, Service};
use host_test::host::Way;
use host_test::plugin::{Action, Plugin, canary};
use host_test::script::{Script, accepted, answer, graph_error, response};
use host_test::server::Server;
use host_test::trial::Trial;

/// Accepts everything and keeps it.
#[derive(Default)]
struct Accepting(Mutex<Vec<Request>>);

impl Service for Accepting {
    fn serve(&self, _: Duration, request: Request) -> Reply {
        self.0.lock().expect("no panic").push(request);
        Reply::at_once(accepted())
    }
}

/// One attempt, against a server that does as the fate says.
async fn attempt(fate: Fate) -> Trial {
    let server = Server::start(Script::at_once([fate]), 0).await.expect("a port");
    dismiss(server.endpoint()).await
}

async fn dismiss(endpoint: String) -> Trial {
    let options = Options {
        endpoint: Some(endpoint),
        max_attempts: Some(1),
        attempt_timeout_ms: Some(500),
        ..Options::default()
    };
    let plugin = Plugin::with(Way::Sockets, canary()).await;
    Trial::of(plugin, Action::DismissSignIns, &EXAMPLES[0].ids, options).await
}

#[tokio::test]
async fn each_action_arrives_as_it_is_documented() {
    let service = Arc::new(Accepting::default());
    let server = Server::start(service.clone(), 0).await.expect("a port");
    for Example { action, url, ids, body } in EXAMPLES {
        let options = Options { endpoint: Some(server.endpoint()), ..Options::default() };
        let plugin = Plugin::with(Way::Sockets, canary()).await;
        let trial = Trial::of(plugin, action, &ids, options).await;
        assert_eq!(trial.receipts()[0].ids, ids);
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
async fn answers_mean_what_they_mean_in_process() {
    let part = |body| response(503, &[("content-length", "1000")], body);
    let table = [
        ("a proxy page", answer(200, &[], "<!doctype html>"), "unknown(unexpected)"),
        ("a redirect", answer(302, &[("location", "http://127.0.0.1:1/")], ""), "refused(unexpected)"),
        ("400", graph_error(400, &[], "BadRequest", ""), "refused(rejected)"),
        ("401", graph_error(401, &[], "InvalidAuthenticationToken", ""), "refused(unauthenticated)"),
        ("403", graph_error(403, &[], "Authorization_RequestDenied", ""), "refused(forbidden)"),
        ("429", graph_error(429, &[("retry-after", "7")], "TooManyRequests", ""), "refused(throttled)"),
        ("503", graph_error(503, &[], "UnknownError", ""), "unknown(unavailable)"),
        ("over 64 KiB", answer(400, &[], "x".repeat(1_000_000)), "refused(rejected)"),
        ("cut off in the body", Fate::Truncated(part("{")), "unknown(unavailable)"),
        ("cut off before the body", Fate::Truncated(part("")), "unknown(unavailable)"),
        ("a chunked body cut off", Fate::Truncated(response(404, &[], "{")), "refused(rejected)"),
        ("endless", Fate::Endless(response(500, &[], "x".repeat(1_000))), "unknown(unavailable)"),
        ("stalled in the body", Fate::Stalled(part("{")), "unknown(unavailable)"),
        ("stalled before the body", Fate::Stalled(part("")), "unknown(unavailable)"),
        ("silence", Fate::Silence, "unknown(no-answer)"),
        ("closed without an answer", Fate::Reset, "unknown(no-answer)"),
    ];
    for (name, fate, outcome) in table {
        assert_eq!(attempt(fate).await.batch().outcome.case(), outcome, "{name}");
    }
}

#[tokio::test]
async fn an_error_of_graph_is_carried_over() {
    let trial = attempt(graph_error(429, &[("retry-after", "7")], "TooManyRequests", "Slow down.")).await;
    let error = trial.failure().cause.graph_error().expect("an answer");
    assert_eq!((&*error.code, &*error.message, error.retry_after_ms), ("TooManyRequests", "Slow down.", Some(7_000)));
}

#[tokio::test]
async fn a_server_that_is_gone_is_unreachable() {
    let endpoint = Server::start(Script::new([]), 0).await.expect("a port").endpoint();
    // The listener closes when the runtime gets to it.
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(dismiss(endpoint).await.batch().outcome.case(), "unsent(unreachable)");
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let script = Script::at_once([answer(503, &[("retry-after", "0")], ""), accepted()]);
    let server = Server::start(script, 0).await.expect("a port");
    let options = Options { endpoint: Some(server.endpoint()), ..Options::default() };
    let plugin = Plugin::with(Way::Sockets, canary()).await;
    let trial = Trial::of(plugin, Action::DismissSignIns, &EXAMPLES[0].ids, options).await;
    assert_eq!(trial.receipts()[0].attempts, 2);
}
