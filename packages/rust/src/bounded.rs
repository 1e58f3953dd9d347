//! A connection whose server cannot keep the client busy: `1xx` responses, of which any number may
//! come before a response, are read without anybody asking for them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};

/// A connection that fails when its server sends too much between two things that the client sends.
pub(crate) struct Bounded<S> {
    stream: S,
    /// How many bytes were received since something was sent.
    received: usize,
    max_received: usize,
}

impl<S: Connection> Bounded<S> {
    pub(crate) fn new(stream: S) -> Bounded<S> {
        let max_received = if stream.connected().is_negotiated_h2() { MAX_OF_MANY } else { MAX_OF_ONE };
        Bounded { stream, received: 0, max_received }
    }
}

impl<S: Connection> Connection for Bounded<S> {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}

impl<S: Read + Unpin> Read for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut chunk = [0; CHUNK_BYTES];
        let length = chunk.len().min(buffer.remaining());
        let mut chunk = ReadBuf::new(chunk.get_mut(..length).unwrap_or_default());
        ready!(Pin::new(&mut self.stream).poll_read(context, chunk.unfilled()))?;
        buffer.put_slice(chunk.filled());
        self.received = self.received.saturating_add(chunk.filled().len());
        Poll::Ready(if self.received > self.max_received {
            Err(io::Error::other("the server sends too much before its response"))
        } else {
            Ok(())
        })
    }
}

impl<S: Write + Unpin> Write for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.received = 0;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.received = 0;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}

/// How many bytes are read in one step.
const CHUNK_BYTES: usize = 16_384;

/// What a connection with one request at a time (HTTP/1.1) may send: headers of up to 400 KiB, and
/// 64 KiB of a body are read.
const MAX_OF_ONE: usize = 1 << 20;

/// What a connection with many requests (HTTP/2) may send: the responses to all requests in flight
/// may come before anything else is sent.
const MAX_OF_MANY: usize = 4 << 20;
