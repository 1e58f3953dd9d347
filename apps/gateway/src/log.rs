//! Standard error, where the log goes, and the time and random numbers for it.

use std::sync::atomic::{AtomicBool, Ordering};

use entra_risk_engine::id::random_guid;
use entra_risk_report::timestamp;

use crate::audit::{restored_line, settings_line};
use crate::bindings::wasi::cli::stderr::get_stderr;
use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::bindings::wasi::io::streams::{OutputStream, StreamError};
use crate::bindings::wasi::random::random::get_random_u64;

/// A time from which milliseconds are counted.
pub(crate) struct Start(u64);

impl Start {
    /// Now.
    pub(crate) fn now() -> Start {
        Start(monotonic_clock::now())
    }

    /// The milliseconds since then.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        monotonic_clock::now().saturating_sub(self.0) / 1_000_000
    }
}

/// The current time.
pub(crate) fn time() -> String {
    let now = wall_clock::now();
    timestamp(now.seconds, now.nanoseconds)
}

/// A random GUID.
pub(crate) fn random_id() -> String {
    random_guid(get_random_u64(), get_random_u64())
}

/// The latest lines could not be written: standard error is closed, or its disk is full.
static FAILED: AtomicBool = AtomicBool::new(false);

/// Writes lines, and returns whether that was possible. If it was not, what the lines report has
/// been done nevertheless, so the caller still gets its response; the next request is rejected.
pub(crate) fn write(lines: &[String]) -> bool {
    let stream = get_stderr();
    let result = lines.iter().try_for_each(|line| write_line(&stream, line.as_bytes()));
    FAILED.store(result.is_err(), Ordering::Relaxed);
    result.is_ok()
}

/// Whether lines can be written. After a failure, a line tries it.
pub(crate) fn is_writable() -> bool {
    !FAILED.load(Ordering::Relaxed) || write(&[restored_line(&time())])
}

/// Writes a line to the log at the first request of the instance that finds settings that are not
/// valid.
pub(crate) fn write_problems_once(problems: &[String]) {
    static WRITTEN: AtomicBool = AtomicBool::new(false);
    if !WRITTEN.swap(true, Ordering::Relaxed) {
        write(&[settings_line(&time(), problems)]);
    }
}

/// Writes a line in one piece if the host takes it, so that hosts with several instances do not mix
/// lines.
fn write_line(stream: &OutputStream, mut line: &[u8]) -> Result<(), StreamError> {
    let writable = stream.subscribe();
    while !line.is_empty() {
        let permitted = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        if permitted == 0 {
            writable.block();
            continue;
        }
        let (part, rest) = line.split_at_checked(permitted).unwrap_or((line, &[]));
        stream.write(part)?;
        line = rest;
    }
    stream.blocking_flush()
}
