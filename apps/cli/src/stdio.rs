//! Standard input and output, and the progress line.

use std::time::Duration;

use crate::bindings::wasi::cli::{stderr, stdin, stdout, terminal_stderr, terminal_stdin};
use crate::bindings::wasi::io::streams::{OutputStream, StreamError};

/// Maximum size of the input in bytes: over a million ids. Larger input is probably a mistake.
pub(crate) const MAX_INPUT_BYTES: usize = 64 << 20;

/// Maximum bytes in a call of `blocking-write-and-flush`. Source: wasi:io/streams.
const MAX_WRITE_BYTES: usize = 4096;

/// Reads standard input to its end.
pub(crate) fn read_input() -> Result<Vec<u8>, String> {
    let stream = stdin::get_stdin();
    let mut input = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(part) => input.extend(part),
            Err(StreamError::Closed) => return Ok(input),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(format!("standard input: {}", error.to_debug_string()));
            }
        }
        if input.len() > MAX_INPUT_BYTES {
            return Err(format!("standard input: expected at most {MAX_INPUT_BYTES} bytes"));
        }
    }
}

/// Whether standard input is a terminal.
pub(crate) fn input_is_terminal() -> bool {
    terminal_stdin::get_terminal_stdin().is_some()
}

/// Prints to standard output. A closed stream is not an error.
pub(crate) fn print(text: &str) {
    write(&stdout::get_stdout(), text);
}

/// Prints to standard error.
pub(crate) fn eprint(text: &str) {
    write(&stderr::get_stderr(), text);
}

fn write(stream: &OutputStream, text: &str) {
    for part in text.as_bytes().chunks(MAX_WRITE_BYTES) {
        if stream.blocking_write_and_flush(part).is_err() {
            return;
        }
    }
}

/// The progress line: shown only if standard error is a terminal.
pub(crate) struct Progress {
    name: &'static str,
    total: usize,
    pub(crate) visible: bool,
}

impl Progress {
    pub(crate) fn new(name: &'static str, total: usize) -> Self {
        Progress { name, total, visible: terminal_stderr::get_terminal_stderr().is_some() }
    }

    /// Shows how many ids are done, and how many of these were not accepted.
    pub(crate) fn show(&self, done: usize, failed: usize, elapsed: Duration) {
        if self.visible {
            eprint(&line(self.name, done, self.total, failed, elapsed));
        }
    }

    /// Removes the line.
    pub(crate) fn clear(&self) {
        if self.visible {
            eprint("\r\x1b[K");
        }
    }
}

fn line(name: &str, done: usize, total: usize, failed: usize, elapsed: Duration) -> String {
    let rest = total.saturating_sub(done) as u64;
    let estimate = elapsed.as_secs().saturating_mul(rest).checked_div(done as u64);
    let estimate = estimate.map(|seconds| format!(", about {seconds} s remaining")).unwrap_or_default();
    format!("\r\x1b[K{name}: {done} of {total} ids, {failed} not accepted{estimate}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_estimates_the_remaining_time() {
        let start = line("dismiss-sign-ins", 0, 900, 0, Duration::ZERO);
        assert_eq!(start, "\r\x1b[Kdismiss-sign-ins: 0 of 900 ids, 0 not accepted");
        let halfway = line("dismiss-sign-ins", 300, 900, 60, Duration::from_secs(10));
        assert_eq!(halfway, "\r\x1b[Kdismiss-sign-ins: 300 of 900 ids, 60 not accepted, about 20 s remaining");
    }
}
