//! The request of an application when the host takes its body slowly, or not at all.

use std::mem;
use std::time::Duration;

use bytes::Bytes;
use graph_model::Reply;
use host_test::host::{Host, Rest, Upload};
use host_test::script::{Script, respond};
use tokio::time::Instant;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError};
use wasmtime_wasi_http::p2::bindings::http::types::OutgoingBody;
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use crate::token_adapter::{Adapter, token_reply};

/// A host's stream that takes a few bytes at a time, passes them on when it is flushed, and loses them when it is dropped.
struct Slow {
    inner: DynOutputStream,
    buffer: Vec<u8>,
    room: usize,
    flushing: bool,
}

/// Bytes that the stream takes at a time.
const ROOM: usize = 16;

#[async_trait]
impl Pollable for Slow {
    async fn ready(&mut self) {
        let _ = self.inner.write_ready().await;
        if self.flushing {
            let _ = self.inner.write(mem::take(&mut self.buffer).into());
            let _ = self.inner.flush();
            let _ = self.inner.write_ready().await;
            self.flushing = false;
        }
        self.room = ROOM;
    }
}

#[async_trait]
impl OutputStream for Slow {
    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(self.room)
    }

    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.room = 0;
        self.buffer.extend(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        (self.room, self.flushing) = (0, true);
        Ok(())
    }
}

/// Replaces the streams of request bodies.
fn slow_streams(linker: &mut Linker<Host>) {
    linker.allow_shadowing(true);
    let write = |mut store: StoreContextMut<'_, Host>, (body,): (Resource<OutgoingBody>,)| {
        let WasiHttpCtxView { table, .. } = store.data_mut().http();
        let Some(inner) = table.get_mut(&body)?.take_output_stream() else { return Ok((Err(()),)) };
        let slow: DynOutputStream = Box::new(Slow { inner, buffer: Vec::new(), room: 0, flushing: false });
        Ok((Ok::<_, ()>(table.push_child(slow, &body)?),))
    };
    linker.instance("wasi:http/types@0.2.12").unwrap().func_wrap("[method]outgoing-body.write", write).unwrap();
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
