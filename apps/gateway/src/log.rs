//! Standard error, where the log is written, and the times and random numbers in it.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};

use entra_risk_common::{stream, timestamp};
use entra_risk_engine::contract::id::random_guid;

use crate::audit::{left_out_line, settings_line, try_line};
use crate::bindings::wasi::cli::stderr::get_stderr;
use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::bindings::wasi::random::random::get_random_u64;
use crate::rejections::Rejections;

/// How long a line that was written shows that others can be written, in nanoseconds: 10 s.
const TRY_INTERVAL_NS: u64 = 10_000_000_000;

/// A point in time, by the monotonic clock of the host.
#[derive(Clone, Copy)]
pub(crate) struct Instant(u64);

impl Instant {
    /// The current time.
    pub(crate) fn now() -> Instant {
        Instant(monotonic_clock::now())
    }

    /// The milliseconds since then.
    pub(crate) fn elapsed_ms(self) -> u64 {
        monotonic_clock::now().saturating_sub(self.0) / 1_000_000
    }
}

/// The current time of day, in the form that the log has.
pub(crate) fn time() -> String {
    let now = wall_clock::now();
    timestamp(now.seconds, now.nanoseconds)
}

/// The seconds since the start of 1970.
pub(crate) fn unix_seconds() -> u64 {
    wall_clock::now().seconds
}

/// A random number.
pub(crate) fn random() -> u64 {
    get_random_u64()
}

/// A random GUID, for a request without a usable id.
pub(crate) fn random_id() -> String {
    random_guid(random(), random())
}

/// What the instance knows about the log.
struct State {
    /// When the latest line was written.
    written_at: Option<u64>,
    /// Whether the latest line could not be written as a whole, because standard error is closed or
    /// its disk is full.
    has_failed: bool,
    rejections: Rejections,
}

thread_local! {
    static STATE: RefCell<State> =
        const { RefCell::new(State { written_at: None, has_failed: false, rejections: Rejections::new() }) };
}

/// Writes lines, and returns whether that was possible. If requests have been left out, a line
/// before these counts them.
pub(crate) fn write(lines: impl IntoIterator<Item = String>) -> bool {
    STATE.with_borrow_mut(|state| state.write(&mut lines.into_iter()))
}

/// Writes the line of a request without a valid key, unless there were too many in this second.
pub(crate) fn write_rejection(line: String) {
    STATE.with_borrow_mut(|state| {
        if state.rejections.admit(monotonic_clock::now()) {
            state.write(&mut [line].into_iter());
        }
    });
}

/// Whether lines can be written. If none was written lately, this writes one to find out.
pub(crate) fn is_writable() -> bool {
    STATE.with_borrow_mut(|state| {
        let now = monotonic_clock::now();
        let is_due = |at: u64| now.saturating_sub(at) >= TRY_INTERVAL_NS;
        if !state.has_failed && !state.written_at.is_none_or(is_due) {
            return true;
        }
        // The line that counts requests shows it as well.
        let line = state.rejections.left_out(now).is_none().then(|| try_line(&time()));
        state.write(&mut line.into_iter())
    })
}

/// Writes the line about settings that are not valid, at the first request of the instance that
/// finds them.
pub(crate) fn write_problems_once(problems: &[String]) {
    static WRITTEN: AtomicBool = AtomicBool::new(false);
    if !WRITTEN.swap(true, Ordering::Relaxed) {
        write([settings_line(&time(), problems)]);
    }
}

impl State {
    fn write(&mut self, mut lines: &mut dyn Iterator<Item = String>) -> bool {
        let now = monotonic_clock::now();
        let left_out = self.rejections.left_out(now).map(|requests| left_out_line(&time(), requests));
        // What was written of an incomplete line gets a line of its own.
        let end = self.has_failed.then(|| "\n".to_owned());
        let stderr = get_stderr();
        let write = |line: &str| stream::write(&stderr, line.as_bytes(), None);
        let first = end.iter().chain(&left_out).try_for_each(|line| write(line));
        let is_written = first.and_then(|()| Iterator::try_for_each(&mut lines, |line| write(&line))).is_ok();
        self.has_failed = !is_written;
        if is_written {
            self.written_at = Some(now);
            if left_out.is_some() {
                self.rejections.reported();
            }
        }
        is_written
    }
}
