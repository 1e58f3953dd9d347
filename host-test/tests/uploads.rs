//! Request bodies that the host takes slowly, not to the end, or not at all.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use graph_model::{Behavior, Reply, Request, Service};
use host_test::bindings::PluginPre;
use host_test::bindings::actions::{Batch, Failure, Options};
use host_test::bindings::credentials::Credential;
use host_test::body_stream::{SlowStream, replace_body_streams};
use host_test::component::{FILE, PluginComponent, grant};
use host_test::host::{Host, Outbound, Rest, TokenSource, Upload};
use host_test::plugin::{Action, CANARY, Plugin, canary};
use host_test::script::{Script, accepted, respond};
use tokio::time::Instant;
use wasmtime::component::Component;
use wasmtime::{Engine, Store};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError};

use crate::request::ids;

/// Bodies of 390 kB, one attempt.
fn large() -> Options {
    Options {
        ids_per_request: Some(10_000),
        attempt_timeout_ms: Some(20_000),
        max_attempts: Some(1),
        ..Options::default()
    }
}

fn outcomes(result: Result<Vec<Batch>, Failure>) -> Vec<String> {
    let batches = result.unwrap_or_else(|failure| failure.batches);
    batches.iter().map(|batch| batch.case()).collect()
}

/// A response that arrives after 64 KiB of a body of 390 kB, whose rest has this fate.
async fn early(behavior: Behavior, rest: Rest) -> (Vec<String>, Duration) {
    let upload = Upload { chunk_bytes: 16 << 10, chunk_time: Duration::from_millis(100), seen_after: 64 << 10, rest };
    let host = Host::new(Outbound::InProcess(Script::at_once([behavior])), canary(), 0).upload(upload);
    let mut plugin = Plugin::new(PluginComponent::shared(), host).await.expect("the plugin");
    let start = Instant::now();
    let result = plugin.call(Action::DismissSignIns, &ids(10_000), Some(&large())).await.expect("no trap");
    (outcomes(result), start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn success_before_the_end_of_the_body_is_not_success() {
    for rest in [Rest::Closed, Rest::Stalled] {
        let (outcomes, _) = early(accepted(), rest).await;
        assert_eq!(outcomes, ["unknown(unexpected-status)"], "{rest:?}");
    }
    let (outcomes, elapsed) = early(accepted(), Rest::Read).await;
    assert_eq!(outcomes, ["accepted"]);
    assert!(elapsed > Duration::from_secs(2), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn an_error_before_the_end_of_the_body_counts_at_once() {
    for rest in [Rest::Closed, Rest::Stalled, Rest::Read] {
        let (outcomes, elapsed) = early(respond(403, &[], ""), rest).await;
        assert_eq!(outcomes, ["not-applied(forbidden)"], "{rest:?}");
        assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
    }
}

/// Accepts every request and records when its body was complete.
#[derive(Default)]
struct Recorder(Mutex<Vec<Instant>>);

impl Service for Recorder {
    fn serve(&self, _: Duration, _: Request) -> Reply {
        self.0.lock().expect("no panic").push(Instant::now());
        Reply::at_once(accepted()).after(Duration::from_millis(200))
    }
}

#[tokio::test(start_paused = true)]
async fn pending_bodies_are_written_before_a_token_is_requested() {
    for (action, ids_per_request, count, bytes) in
        [(Action::DismissSignIns, 10_000, 30_000, 16 << 10), (Action::DismissRiskyUsers, 60, 180, 256)]
    {
        let complete = Arc::new(Recorder::default());
        let requested = Arc::new(Mutex::new(Vec::new()));
        let record = requested.clone();
        let source: TokenSource = Box::new(move |_| {
            record.lock().expect("no panic").push(Instant::now());
            Ok(Credential::of(CANARY))
        });
        // A body takes 24 chunks, or 10; a token takes 5 s.
        let upload = Upload { chunk_bytes: bytes, chunk_time: Duration::from_millis(50), ..Upload::default() };
        let host = Host::new(Outbound::InProcess(complete.clone()), source, 0);
        let host = host.upload(upload).token_latency(|| Duration::from_secs(5));
        let mut plugin = Plugin::new(PluginComponent::shared(), host).await.expect("the plugin");
        let options = Options { ids_per_request: Some(ids_per_request), ..large() };
        let result = plugin.call(action, &ids(count), Some(&options)).await.expect("no trap");
        assert_eq!(outcomes(result), ["accepted"; 3], "{action:?}");
        let (requested, complete) = (requested.lock().expect("no panic"), complete.0.lock().expect("no panic"));
        for (complete, next) in complete.iter().zip(&requested[1..]) {
            // The host has taken everything, but may hold back two chunks.
            assert!(*next + Duration::from_millis(101) >= *complete, "{action:?}: {requested:?} {complete:?}");
        }
    }
}

/// A host's stream that accepts everything and is closed when it is flushed, because the reader has
/// all it needs.
struct ClosedByReader(DynOutputStream);

#[async_trait]
impl Pollable for ClosedByReader {
    async fn ready(&mut self) {
        self.0.ready().await;
    }
}

#[async_trait]
impl OutputStream for ClosedByReader {
    fn check_write(&mut self) -> Result<usize, StreamError> {
        self.0.check_write()
    }

    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Err(StreamError::Closed)
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_complete_if_the_host_discards_unflushed_bytes() {
    dismiss_through(|inner| Box::new(SlowStream::new(inner))).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_is_complete_if_the_host_closes_it_before_the_flush() {
    dismiss_through(|inner| Box::new(ClosedByReader(inner))).await;
}

/// A call whose host wraps the stream of the body like this: the service receives the whole body,
/// and accepts it.
async fn dismiss_through(wrap: fn(DynOutputStream) -> DynOutputStream) {
    let engine = Engine::default();
    let mut linker = grant(&engine).unwrap();
    replace_body_streams(&mut linker, wrap).unwrap();
    let component = Component::from_file(&engine, FILE).unwrap();
    let plugin = PluginPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
    let mut store = Store::new(&engine, Host::new(Outbound::InProcess(Script::at_once([accepted()])), canary(), 0));
    let plugin = plugin.instantiate_async(&mut store).await.unwrap();

    let ids = ids(2);
    let result = plugin.entra_risk_actions().call_dismiss_risky_users(&mut store, &ids, None).await.unwrap();
    assert!(result.is_ok(), "{result:?}");
    let [exchange] = &*store.data().exchanges() else { panic!("one request") };
    assert_eq!(exchange.request.body(), &format!(r#"{{"userIds":["{}","{}"]}}"#, ids[0], ids[1]));
}
