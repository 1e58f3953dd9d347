//! An instance of the gateway, which can serve several requests, and its log.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use graph_model::Service;
use host_test::host::{Host, Outbound, RecordedExchange, Upload};
use host_test::plugin::{CANARY, canary};
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::io::AsyncWrite;
use tokio::sync::oneshot;
use tokio::time::timeout;
use wasmtime::Store;
use wasmtime::component::InstancePre;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};
use wasmtime_wasi::{WasiCtx, async_trait};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use crate::gateway_call::{Body, KEY};
use crate::shell::{MEMORY, Meter};

/// An instance and its host.
pub(crate) struct Instance {
    store: Store<Host>,
    proxy: Proxy,
    log: Log,
}

/// The log of an instance: standard error, on a disk with limited space.
#[derive(Clone)]
pub(crate) struct Log {
    pipe: MemoryOutputPipe,
    /// How many bytes can still be written.
    space: Arc<AtomicUsize>,
}

/// Much more fuel than a request needs.
const FUEL: u64 = u64::MAX / 2;

/// A response that has not come yet.
type Responding = oneshot::Receiver<Result<http::Response<HyperOutgoingBody>, ErrorCode>>;

/// When a caller closes the connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum HangUp {
    Never,
    /// The caller closes the connection before the response.
    Waiting,
    /// The caller closes the connection after the head of the response.
    Reading,
    /// The caller keeps the connection but stops reading after the head of the response. The host
    /// keeps two parts of the body.
    Stalled,
}

impl Instance {
    /// An instance of this composition with this environment and this Microsoft Graph. Its host
    /// takes bodies in parts of 4 KiB.
    pub(crate) async fn new(
        gateway: &InstancePre<Host>,
        environment: impl Iterator<Item = (&'static str, String)>,
        graph: Arc<dyn Service>,
        max_log_bytes: usize,
    ) -> Instance {
        let log = Log { pipe: MemoryOutputPipe::new(usize::MAX), space: Arc::new(AtomicUsize::new(max_log_bytes)) };
        let mut wasi = WasiCtx::builder();
        wasi.stderr(log.clone());
        for (name, value) in environment {
            wasi.env(name, value);
        }
        let host = Host::with(&mut wasi, Outbound::InProcess(graph), canary(), 1);
        let host = host.upload(Upload { chunk_bytes: 4 << 10, ..Upload::default() });
        let mut store = Store::new(gateway.engine(), host);
        // This fails for engines that do not count fuel.
        let _ = store.set_fuel(FUEL);
        MEMORY.set(0);
        store.limiter(|_| Box::leak(Box::new(Meter)));
        let proxy = ProxyPre::new(gateway.clone()).unwrap().instantiate_async(&mut store).await.unwrap();
        Instance { store, proxy, log }
    }

    /// The fuel that was used so far, by an engine that counts it.
    pub(crate) fn fuel(&self) -> u64 {
        FUEL - self.store.get_fuel().expect("an engine that counts fuel")
    }

    /// Sends a request from a caller that may close the connection. Returns the response, and the
    /// lines that the gateway logged for it.
    pub(crate) async fn exchange(
        &mut self,
        request: http::Request<Body>,
        hang_up: HangUp,
    ) -> (Option<http::Response<Bytes>>, Vec<Value>) {
        let before = self.log.pipe.contents().len();
        let response = self.respond(request, hang_up).await;
        (response, lines(&self.log.pipe.contents().slice(before..)))
    }

    /// Sends a request from a caller that may close the connection. Everything must be logged when
    /// the caller sees a response in one piece.
    pub(crate) async fn respond(
        &mut self,
        request: http::Request<Body>,
        hang_up: HangUp,
    ) -> Option<http::Response<Bytes>> {
        let log = self.log();
        let (mut unread, mut logged) = (None, None);
        let received = self.handle(request, async |response| {
            if hang_up == HangUp::Waiting {
                return None;
            }
            let (head, body) = response.await.expect("a response").expect("no error").into_parts();
            logged = head.headers.contains_key(CONTENT_LENGTH).then(|| log.pipe.contents());
            match hang_up {
                HangUp::Never => {
                    let body = body.collect().await.expect("a whole body").to_bytes();
                    Some(http::Response::from_parts(head, body))
                }
                HangUp::Stalled => {
                    unread = Some(body);
                    None
                }
                HangUp::Waiting | HangUp::Reading => None,
            }
        });
        let response = received.await;
        assert!(logged.is_none_or(|logged| logged == log.pipe.contents()), "a line was written after the response");
        response
    }

    /// Sends a request from a caller that reads each part of the body when it comes, and closes the
    /// connection after this time. Returns the head, and each part with the time since the request.
    pub(crate) async fn stream(
        &mut self,
        request: http::Request<Body>,
        hang_up: Duration,
    ) -> (http::response::Parts, Vec<(Duration, Bytes)>) {
        let start = tokio::time::Instant::now();
        let received = self.handle(request, async |response| {
            let (head, mut body) = response.await.expect("a response").expect("no error").into_parts();
            let mut parts = Vec::new();
            while let Ok(Some(frame)) = timeout(hang_up.saturating_sub(start.elapsed()), body.frame()).await {
                parts.push((start.elapsed(), frame.expect("a whole body").into_data().expect("no trailers")));
            }
            (head, parts)
        });
        received.await
    }

    /// Handles a request, while its caller receives the response.
    async fn handle<T>(&mut self, request: http::Request<Body>, receive: impl AsyncFnOnce(Responding) -> T) -> T {
        let (sender, receiver) = oneshot::channel();
        let request = self.store.data_mut().http().new_incoming_request(Scheme::Http, request).unwrap();
        let out = self.store.data_mut().http().new_response_outparam(sender).unwrap();
        let handler = self.proxy.wasi_http_incoming_handler();
        let (handled, received) = tokio::join!(handler.call_handle(&mut self.store, request, out), receive(receiver));
        handled.expect("the gateway trapped");
        received
    }

    /// The linear memories together in bytes, of the only instance on this thread.
    pub(crate) fn memory(&self) -> usize {
        MEMORY.get()
    }

    /// What the gateway has logged so far, also while a request runs.
    pub(crate) fn log(&self) -> Log {
        self.log.clone()
    }

    /// Every request to Microsoft Graph so far.
    pub(crate) fn exchanges(&self) -> Vec<RecordedExchange> {
        self.store.data().exchanges()
    }
}

impl Log {
    /// The lines that were written so far.
    pub(crate) fn lines(&self) -> Vec<Value> {
        lines(&self.pipe.contents())
    }

    /// The text that was written so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.pipe.contents().into()).expect("a log in UTF-8")
    }

    /// Makes space on the disk of the log.
    pub(crate) fn make_space(&self) {
        self.space.store(1 << 24, Ordering::Relaxed);
    }
}

impl IsTerminal for Log {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Log {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        self.pipe.async_stream()
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Log {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.space.fetch_sub(bytes.len(), Ordering::Relaxed);
        self.pipe.write(bytes)
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        match self.space.load(Ordering::Relaxed) {
            0 => Err(StreamError::LastOperationFailed(wasmtime::Error::msg("disk full"))),
            space => Ok(space),
        }
    }
}

#[async_trait]
impl Pollable for Log {
    async fn ready(&mut self) {}
}

/// The lines with this event.
pub(crate) fn with_event<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

/// The lines of a log, which must contain no secret.
fn lines(log: &[u8]) -> Vec<Value> {
    let log = str::from_utf8(log).expect("a log in UTF-8");
    assert!(!log.contains(CANARY) && !log.contains(KEY), "the log contains a secret: {log}");
    log.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}
