//! An instance of the gateway, which can serve several requests, and its log.

use std::sync::Arc;

use bytes::Bytes;
use graph_model::Service;
use host_test::host::{Exchange, Host, Outbound, Upload};
use host_test::plugin::{CANARY, canary};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};

use crate::compositions::gateway;
use crate::gateway_call::{Body, KEY};

/// An instance and its host.
pub(crate) struct Instance {
    store: Store<Host>,
    proxy: Proxy,
    stderr: MemoryOutputPipe,
}

/// The log of an instance.
pub(crate) struct Log(MemoryOutputPipe);

/// When a caller closes the connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum HangUp {
    Never,
    /// Before the response.
    Waiting,
    /// After the head of the response.
    Reading,
    /// Never, but it stops reading after the head of the response. The host keeps two parts of the body.
    Stalled,
}

impl Instance {
    /// An instance with this environment and this Microsoft Graph. Its host takes bodies in parts of 4 KiB.
    pub(crate) async fn new(
        environment: impl Iterator<Item = (&'static str, String)>,
        graph: Arc<dyn Service>,
        max_log_bytes: usize,
    ) -> Instance {
        let stderr = MemoryOutputPipe::new(max_log_bytes);
        let mut wasi = WasiCtx::builder();
        wasi.stderr(stderr.clone());
        for (name, value) in environment {
            wasi.env(name, value);
        }
        let host = Host::with(&mut wasi, Outbound::InProcess(graph), canary(), 1);
        let host = host.upload(Upload { chunk_bytes: 4 << 10, ..Upload::default() });
        let mut store = Store::new(gateway().engine(), host);
        let proxy = ProxyPre::new(gateway().clone()).unwrap().instantiate_async(&mut store).await.unwrap();
        Instance { store, proxy, stderr }
    }

    /// Sends a request from a caller that may close the connection. Returns the response, and the lines
    /// that the gateway logged for it.
    pub(crate) async fn exchange(
        &mut self,
        request: http::Request<Body>,
        hang_up: HangUp,
    ) -> (Option<http::Response<Bytes>>, Vec<Value>) {
        let before = self.stderr.contents().len();
        let response = self.respond(request, hang_up).await;
        (response, lines(&self.stderr.contents().slice(before..)))
    }

    /// Sends a request from a caller that may close the connection. Everything must be logged when the
    /// caller sees the response.
    pub(crate) async fn respond(
        &mut self,
        request: http::Request<Body>,
        hang_up: HangUp,
    ) -> Option<http::Response<Bytes>> {
        let (sender, receiver) = oneshot::channel();
        let request = self.store.data_mut().http().new_incoming_request(Scheme::Http, request).unwrap();
        let out = self.store.data_mut().http().new_response_outparam(sender).unwrap();
        let handled = async {
            let handler = self.proxy.wasi_http_incoming_handler();
            handler.call_handle(&mut self.store, request, out).await.expect("the gateway trapped");
        };
        let (mut unread, mut logged) = (None, None);
        let received = async {
            if hang_up == HangUp::Waiting {
                return None;
            }
            let (head, body) = receiver.await.expect("a response").expect("no error").into_parts();
            logged = Some(self.stderr.contents());
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
        };
        let ((), response) = tokio::join!(handled, received);
        let log = self.stderr.contents();
        assert!(logged.is_none_or(|logged| logged == log), "a line was written after the response was sent");
        response
    }

    /// What the gateway has logged so far, also while a request runs.
    pub(crate) fn log(&self) -> Log {
        Log(self.stderr.clone())
    }

    /// Every request to Microsoft Graph so far.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.store.data().exchanges()
    }
}

impl Log {
    /// The lines so far.
    pub(crate) fn lines(&self) -> Vec<Value> {
        lines(&self.0.contents())
    }
}

/// The lines of a log, which must contain no secret.
fn lines(log: &[u8]) -> Vec<Value> {
    let log = str::from_utf8(log).expect("a log in UTF-8");
    assert!(!log.contains(CANARY) && !log.contains(KEY), "the log contains a secret: {log}");
    log.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}
