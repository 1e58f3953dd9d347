//! The body of a request while it is written.

use entra_risk_engine::http::transport_error::TransportError;
use waki::bindings::wasi::http::types::{OutgoingBody, OutgoingRequest};
use waki::bindings::wasi::io::poll::Pollable;
use waki::bindings::wasi::io::streams::{OutputStream, StreamError};

use crate::transport_error::rejected_by_host;

/// A request whose body is being written.
// Fields drop in this order: a resource goes before the one that it came from.
pub(crate) struct Upload {
    /// Ready once the host takes more. Present if the host did not take all of the body
    /// immediately.
    writable: Option<Pollable>,
    stream: OutputStream,
    body: OutgoingBody,
    bytes: Vec<u8>,
    written: usize,
    /// Whether everything is written. Dropping the stream before the flush ends can lose the last
    /// write.
    is_flushing: bool,
}

/// How much of the body of a request is written.
pub(crate) enum Written {
    /// The host takes no more at the moment.
    Part(Upload),
    /// All of the body is written and flushed.
    All,
    /// The host takes no more ever.
    Broken,
}

impl Upload {
    /// Begins to write a body.
    pub(crate) fn of(request: &OutgoingRequest, bytes: Vec<u8>) -> Result<Upload, TransportError> {
        let body = request.body().map_err(rejected_by_host)?;
        let stream = body.write().map_err(rejected_by_host)?;
        Ok(Upload { writable: None, stream, body, bytes, written: 0, is_flushing: false })
    }

    /// Becomes ready when the host takes more of the body. None: the host has not refused to take
    /// any.
    pub(crate) fn writable(&self) -> Option<&Pollable> {
        self.writable.as_ref()
    }

    /// Writes as much as the host takes.
    pub(crate) fn advance(mut self) -> Written {
        loop {
            let room = match self.stream.check_write() {
                Ok(0) => {
                    self.writable.get_or_insert_with(|| self.stream.subscribe());
                    return Written::Part(self);
                }
                Ok(room) => usize::try_from(room).unwrap_or(usize::MAX),
                // A host that knows the length closes the stream after the last byte, perhaps
                // before the flush ends or begins.
                Err(StreamError::Closed) if self.written == self.bytes.len() => break,
                Err(StreamError::Closed | StreamError::LastOperationFailed(_)) => return Written::Broken,
            };
            let rest = self.bytes.get(self.written..).unwrap_or_default();
            if !rest.is_empty() {
                let chunk = rest.get(..room).unwrap_or(rest);
                if self.stream.write(chunk).is_err() {
                    return Written::Broken;
                }
                self.written = self.written.saturating_add(chunk.len());
            } else if self.is_flushing {
                break;
            } else {
                match self.stream.flush() {
                    Ok(()) => self.is_flushing = true,
                    Err(StreamError::Closed) => break,
                    Err(StreamError::LastOperationFailed(_)) => return Written::Broken,
                }
            }
        }
        let Upload { writable, stream, body, .. } = self;
        drop(writable);
        drop(stream);
        // A failure here surfaces in the response.
        let _ = OutgoingBody::finish(body, None);
        Written::All
    }
}
