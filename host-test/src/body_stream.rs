//! Streams of request bodies as other hosts have them.

use std::mem;

use bytes::Bytes;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError};
use wasmtime_wasi_http::p2::bindings::http::types::OutgoingBody;
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use crate::host::Host;

/// How many bytes a [`SlowStream`] accepts at a time.
pub const ROOM: usize = 16;

/// A host's stream that accepts a few bytes at a time, forwards them when flushed, and discards
/// them when dropped.
pub struct SlowStream {
    inner: DynOutputStream,
    buffer: Vec<u8>,
    room: usize,
    flushing: bool,
}

impl SlowStream {
    /// A stream that forwards to this one.
    pub fn new(inner: DynOutputStream) -> Self {
        SlowStream { inner, buffer: Vec::new(), room: 0, flushing: false }
    }
}

#[async_trait]
impl Pollable for SlowStream {
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
impl OutputStream for SlowStream {
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

/// Wraps the stream of every request body.
///
/// # Errors
/// If the linker has no `wasi:http/types`.
pub fn replace_body_streams(
    linker: &mut Linker<Host>,
    wrap: fn(DynOutputStream) -> DynOutputStream,
) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let write = move |mut store: StoreContextMut<'_, Host>, (body,): (Resource<OutgoingBody>,)| {
        let WasiHttpCtxView { table, .. } = store.data_mut().http();
        let Some(inner) = table.get_mut(&body)?.take_output_stream() else { return Ok((Err(()),)) };
        Ok((Ok::<_, ()>(table.push_child(wrap(inner), &body)?),))
    };
    linker.instance("wasi:http/types@0.2.12")?.func_wrap("[method]outgoing-body.write", write)
}
