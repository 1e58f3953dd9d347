//! The standard streams of a command, which may be a terminal, record what is written and when, or
//! fail.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError};

/// Standard output or error.
pub(crate) struct Screen {
    pub(crate) output: Output,
    pub(crate) is_terminal: bool,
    pub(crate) failing: Option<Failing>,
}

/// What is written, and when.
#[derive(Clone)]
pub(crate) struct Output {
    pipe: MemoryOutputPipe,
    start: Instant,
    written: Arc<Mutex<Vec<(Duration, String)>>>,
}

/// A stream that cannot be written.
#[derive(Clone, Copy)]
pub(crate) enum Failing {
    /// It has no reader.
    Closed,
    /// It is a file on a full disk, in a runtime that adds a backtrace to its errors.
    Full,
}

/// Standard input.
pub(crate) struct Keyboard {
    pub(crate) input: MemoryInputPipe,
    pub(crate) is_terminal: bool,
}

impl IsTerminal for Screen {
    fn is_terminal(&self) -> bool {
        self.is_terminal
    }
}

impl StdoutStream for Screen {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        self.output.pipe.async_stream()
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        match self.failing {
            Some(failing) => Box::new(failing),
            None => Box::new(self.output.clone()),
        }
    }
}

impl Output {
    pub(crate) fn new() -> Self {
        let start = Instant::now();
        Output { pipe: MemoryOutputPipe::new(1 << 24), start, written: Arc::default() }
    }

    /// Each text that was written in one piece, and when, since the stream was opened.
    pub(crate) fn written(&self) -> Vec<(Duration, String)> {
        self.written.lock().unwrap().clone()
    }

    /// Everything that was written.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.pipe.contents().into()).unwrap()
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        self.written.lock().unwrap().push((self.start.elapsed(), text));
        self.pipe.write(bytes)
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        self.pipe.flush()
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        self.pipe.check_write()
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        self.pipe.ready().await;
    }
}

impl OutputStream for Failing {
    fn write(&mut self, _: Bytes) -> Result<(), StreamError> {
        self.check_write().map(drop)
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        self.check_write().map(drop)
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Err(match self {
            Failing::Closed => StreamError::Closed,
            Failing::Full => {
                StreamError::LastOperationFailed(wasmtime::Error::msg("disk full\nStack backtrace:\n 0: f"))
            }
        })
    }
}

#[async_trait]
impl Pollable for Failing {
    async fn ready(&mut self) {}
}

impl IsTerminal for Keyboard {
    fn is_terminal(&self) -> bool {
        self.is_terminal
    }
}

impl StdinStream for Keyboard {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        self.input.async_stream()
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        self.input.p2_stream()
    }
}
