//! Standard input and output, and the clocks.

use std::io;
use std::time::Duration;

use entra_risk_common::io::error::Error;
use entra_risk_common::io::streams::{InputStream, StreamError};
use entra_risk_common::{printable, stream};

use crate::bindings::wasi::cli::{stderr, stdin, stdout, terminal_stderr, terminal_stdin};
use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};

/// Maximum length of an answer to a question in bytes.
const MAX_ANSWER_BYTES: usize = 256;

/// Standard input as a source of bytes. The errors are messages for people.
pub(crate) struct Input(InputStream);

impl Input {
    pub(crate) fn open() -> Self {
        Input(stdin::get_stdin())
    }
}

impl io::Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.blocking_read(buffer.len() as u64) {
                Ok(part) if part.is_empty() => {}
                Ok(part) => return io::Read::read(&mut part.as_slice(), buffer),
                Err(StreamError::Closed) => return Ok(0),
                Err(error) => return Err(io::Error::other(failed("standard input", &error))),
            }
        }
    }
}

/// Whether standard input is a terminal.
pub(crate) fn input_is_terminal() -> bool {
    terminal_stdin::get_terminal_stdin().is_some()
}

/// Whether standard error is a terminal.
pub(crate) fn error_is_terminal() -> bool {
    terminal_stderr::get_terminal_stderr().is_some()
}

/// The host's monotonic clock: the time since an arbitrary origin.
pub(crate) fn now() -> Duration {
    Duration::from_nanos(monotonic_clock::now())
}

/// Waits until this time of the host's monotonic clock.
pub(crate) fn sleep_until(time: Duration) {
    monotonic_clock::subscribe_instant(time.as_nanos().try_into().unwrap_or(u64::MAX)).block();
}

/// The time of day, since the start of 1970.
pub(crate) fn since_1970() -> Duration {
    let now = wall_clock::now();
    Duration::new(now.seconds, now.nanoseconds.min(999_999_999))
}

/// Reads a line of standard input, up to `MAX_ANSWER_BYTES`.
pub(crate) fn read_answer() -> Result<String, String> {
    let stream = stdin::get_stdin();
    let mut answer = Vec::new();
    while answer.len() < MAX_ANSWER_BYTES && !answer.contains(&b'\n') {
        match stream.blocking_read(1) {
            Ok(part) => answer.extend(part),
            Err(StreamError::Closed) => break,
            Err(error) => return Err(failed("standard input", &error)),
        }
    }
    Ok(String::from_utf8_lossy(&answer).trim().to_owned())
}

/// Text from outside as lines: each is printable, and remains one.
pub(crate) fn lines(lines: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    lines.into_iter().flat_map(|line| [printable(line.as_ref()), "\n".to_owned()]).collect()
}

/// Prints to standard output. The error is a message for people.
pub(crate) fn print(text: &str) -> Result<(), String> {
    stream::write(&stdout::get_stdout(), text.as_bytes(), None).map_err(|error| failed("standard output", &error))
}

/// Prints to standard error. There is nowhere to report that it failed.
pub(crate) fn eprint(text: &str) {
    let _ = stream::write(&stderr::get_stderr(), text.as_bytes(), None);
}

fn failed(stream: &str, error: &StreamError) -> String {
    match error {
        StreamError::Closed => format!("{stream}: closed before the end"),
        StreamError::LastOperationFailed(error) => format!("{stream}: {}", reason(error)),
    }
}

/// Why an operation on a stream failed. Runtimes add more lines, such as a backtrace.
pub(crate) fn reason(error: &Error) -> String {
    error.to_debug_string().lines().next().unwrap_or_default().to_owned()
}
