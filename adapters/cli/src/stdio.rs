//! Standard input and output, and the progress line.

use std::time::Duration;

use crate::bindings::wasi::cli::{stderr, stdin, stdout, terminal_stderr, terminal_stdin};
use crate::bindings::wasi::io::streams::{OutputStream, StreamError};

/// Input beyond this is taken for a mistake: over a million ids.
pub(crate) const MOST_BYTES: usize = 64 << 20;

/// A call of `blocking-write-and-flush` takes at most this: see wasi:io.
const WRITE_BYTES: usize = 4096;

/// All of standard input.
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
        if input.len() > MOST_BYTES {
            return Err(format!("standard input: over {MOST_BYTES} bytes"));
        }
    }
}

/// Whether somebody would have to type the input.
pub(crate) fn input_is_terminal() -> bool {
    terminal_stdin::get_terminal_stdin().is_some()
}

/// Prints to standard output. Nobody may be reading any more, which is no error.
pub(crate) fn print(text: &str) {
    write(&stdout::get_stdout(), text);
}

/// Prints to standard error.
pub(crate) fn complain(text: &str) {
    write(&stderr::get_stderr(), text);
}

fn write(stream: &OutputStream, text: &str) {
    for part in text.as_bytes().chunks(WRITE_BYTES) {
        if stream.blocking_write_and_flush(part).is_err() {
            return;
        }
    }
}

/// A line on the terminal that says how far things are; nothing where standard error is no terminal.
pub(crate) struct Progress {
    name: &'static str,
    of: usize,
    pub(crate) watched: bool,
}

impl Progress {
    pub(crate) fn new(name: &'static str, of: usize) -> Self {
        Progress { name, of, watched: terminal_stderr::get_terminal_stderr().is_some() }
    }

    /// Shows that this many ids have been dealt with, of which so many were not accepted.
    pub(crate) fn show(&self, done: usize, failed: usize, elapsed: Duration) {
        if self.watched {
            complain(&line(self.name, done, self.of, failed, elapsed));
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if self.watched {
            complain("\r\x1b[K");
        }
    }
}

fn line(name: &str, done: usize, of: usize, failed: usize, elapsed: Duration) -> String {
    let left = of.saturating_sub(done) as u64;
    let estimate = elapsed.as_secs().saturating_mul(left).checked_div(done as u64);
    let estimate = estimate.map(|seconds| format!(", about {seconds} s left")).unwrap_or_default();
    format!("\r\x1b[K{name}: {done} of {of} ids, {failed} not accepted{estimate}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_estimates_what_is_left() {
        let begun = line("dismiss-sign-ins", 0, 900, 0, Duration::ZERO);
        assert_eq!(begun, "\r\x1b[Kdismiss-sign-ins: 0 of 900 ids, 0 not accepted");
        let halfway = line("dismiss-sign-ins", 300, 900, 60, Duration::from_secs(10));
        assert_eq!(halfway, "\r\x1b[Kdismiss-sign-ins: 300 of 900 ids, 60 not accepted, about 20 s left");
    }
}
