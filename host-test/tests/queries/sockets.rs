//! Lists over real connections through wasmtime's own HTTP client, in real time.

use graph_model::{Behavior, Server};
use host_test::host::{Host, Outbound};
use host_test::plugin::canary;
use host_test::reader::queries::{ErrorKind, Options, RateLimit};
use host_test::reader::{Listing, Reader};
use host_test::script::{Script, graph_error, respond, response};

use super::{PATH, page};

/// Reads a list from a server that behaves like this, with at most 32 MiB of linear memory.
async fn read(behaviors: impl IntoIterator<Item = Behavior>) -> Listing {
    let server = Server::start(Script::at_once(behaviors), 0).await.expect("a port");
    let options = Options {
        endpoint: Some(server.endpoint()),
        max_attempts: Some(1),
        rate_limit: Some(RateLimit { requests: 10, window_ms: 1 }),
        ..Options::default()
    };
    Reader::new(Host::new(Outbound::Network, canary(), 0).max_memory(32 << 20)).await.read(options).await
}

#[tokio::test]
async fn pages_of_8_mib_arrive_in_many_parts() {
    // The rest of the page is white space.
    let large = |number: u32, link: &str| {
        let text = format!(r#"{{"value":[{{"id":"{number}"}}]{link}}}"#);
        respond(200, &[], format!("{text}{}", " ".repeat((8 << 20) - text.len())))
    };
    let next = format!(r#","@odata.nextLink":"https://graph.microsoft.com{PATH}?$skiptoken=a""#);
    let listing = read([large(1, &next), large(2, "")]).await;
    assert_eq!((listing.end.as_ref(), listing.entries().len()), (None, 2));
    assert!(listing.exchanges.iter().all(|exchange| !exchange.request.headers().contains_key("transfer-encoding")));
}

#[tokio::test]
async fn failures_have_the_same_meaning_as_in_process() {
    let part = || response(200, &[("content-length", "1000")], r#"{"value":[]}"#);
    for (behavior, kind) in [
        (respond(302, &[("location", "http://127.0.0.1:1/")], ""), ErrorKind::UnexpectedStatus),
        (respond(200, &[], "<!doctype html>"), ErrorKind::UnexpectedStatus),
        (graph_error(403, &[], "Forbidden", ""), ErrorKind::Forbidden),
        (graph_error(500, &[], "", ""), ErrorKind::ServerError),
        (Behavior::Truncated(part()), ErrorKind::NoResponse),
        (Behavior::Truncated(response(200, &[], r#"{"value":[]}"#)), ErrorKind::NoResponse),
        (Behavior::Endless(response(200, &[], "x".repeat(10_001))), ErrorKind::UnexpectedStatus),
        (Behavior::Reset, ErrorKind::NoResponse),
        (page(&["1"], Some("http://127.0.0.1:1/v1.0/identityProtection/riskyUsers?a")), ErrorKind::UnexpectedStatus),
    ] {
        let listing = read([behavior.clone()]).await;
        assert_eq!(listing.error().kind, kind, "{behavior:?}");
    }
}
