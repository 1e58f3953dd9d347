//! Writing to the streams of the host: standard output, files, and the bodies of responses.

use crate::bindings::wasi::io::poll::{Pollable, poll};
use crate::bindings::wasi::io::streams::{OutputStream, StreamError};

/// Writes all bytes and waits until the host has flushed them. A write takes as much as the host
/// permits, so that a host which permits enough does not put the lines of others in between.
///
/// If `timeout` is ready before the stream is, the stream counts as closed.
///
/// # Errors
/// If the stream is closed or the host reports an error. Some of the bytes may have been written.
pub fn write(stream: &OutputStream, mut bytes: &[u8], timeout: Option<&Pollable>) -> Result<(), StreamError> {
    loop {
        let permitted = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        // A host permits nothing while it flushes.
        if permitted > 0 && bytes.is_empty() {
            return Ok(());
        }
        let (part, rest) = bytes.split_at_checked(permitted).unwrap_or((bytes, &[]));
        if part.is_empty() {
            wait(&stream.subscribe(), timeout)?;
            continue;
        }
        stream.write(part)?;
        bytes = rest;
        if bytes.is_empty() {
            stream.flush()?;
        }
    }
}

fn wait(writable: &Pollable, timeout: Option<&Pollable>) -> Result<(), StreamError> {
    let Some(timeout) = timeout else {
        writable.block();
        return Ok(());
    };
    poll(&[writable, timeout]);
    if timeout.ready() { Err(StreamError::Closed) } else { Ok(()) }
}
