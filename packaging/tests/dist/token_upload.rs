//! The request of an application when the host takes its body slowly, or not at all.

use std::time::Duration;

use graph_model::Reply;
use host_test::body_stream::{ROOM, SlowStream, replace_body_streams};
use host_test::host::{Host, Rest, Upload};
use host_test::script::{Script, respond};
use tokio::time::Instant;
use wasmtime::component::Linker;

use crate::token_adapter::{Adapter, token_reply};

/// Replaces the streams of request bodies.
fn slow_streams(linker: &mut Linker<Host>) {
    replace_body_streams(linker, |inner| Box::new(SlowStream::new(inner))).unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_form_is_complete_if_the_host_loses_unflushed_bytes() {
    let mut adapter = Adapter::start_changed(Script::new([token_reply("a", 3600)]), |host| host, slow_streams).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    let [request] = adapter.requests().try_into().unwrap();
    assert_eq!(request.headers()["content-length"], request.body().len().to_string());
    assert!(request.body().ends_with(b"&client_secret=canary-7d1c%2B%2F%3D%26"), "{:?}", request.body());
}

#[tokio::test(start_paused = true)]
async fn a_response_counts_before_the_host_has_taken_the_form() {
    for rest in [Rest::Stalled, Rest::Closed] {
        let upload = Upload { chunk_bytes: ROOM, seen_after: 0, rest, ..Upload::default() };
        let denial = Reply::at_once(respond(401, &[], r#"{"error":"invalid_client","error_codes":[7000215]}"#));
        let start = Instant::now();
        let mut adapter = Adapter::start_changed(Script::new([denial]), |host| host.upload(upload), |_| {}).await;
        let error = adapter.token().await.unwrap_err();
        assert!(error.starts_with("denied: client-secret: AZURE_CLIENT_SECRET is wrong"), "{error}");
        assert_eq!(start.elapsed(), Duration::ZERO, "{rest:?}");
        assert!(adapter.requests()[0].body().is_empty(), "{rest:?}");
    }
}
