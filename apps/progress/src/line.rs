//! The lines that the command has prepared, and which of them is shown.

use std::cell::Cell;

use crate::bindings::wasi::cli::stderr::get_stderr;
use crate::bindings::wasi::clocks::monotonic_clock::now;

/// The maximum number of lines and of bytes in a line, as `wit/world.wit` states them.
const MAX_LINES: usize = 60;
const MAX_BYTES: usize = 36;

/// The least time between two lines in nanoseconds.
const INTERVAL_NS: u64 = 1_000_000_000;

/// A line.
type Line = ([u8; MAX_BYTES], usize);

thread_local! {
    static LINES: [Cell<Line>; MAX_LINES] = const { [const { Cell::new(([0; MAX_BYTES], 0)) }; MAX_LINES] };
    /// Lines that are there.
    static COUNT: Cell<usize> = const { Cell::new(0) };
    /// Token requests for each line.
    static STEP: Cell<u32> = const { Cell::new(0) };
    /// Token requests so far.
    static REQUESTS: Cell<u32> = const { Cell::new(0) };
    /// The position of the line that was written, and when.
    static WRITTEN: Cell<(usize, u64)> = const { Cell::new((0, 0)) };
}

/// Writes the first line, and the others at token requests.
pub(crate) fn show(lines: impl Iterator<Item = Vec<u8>>, step: u32) {
    let count = LINES.with(|slots| {
        let copied = slots.iter().zip(lines).map(|(slot, line)| {
            let mut bytes = [0; MAX_BYTES];
            bytes.iter_mut().zip(&line).for_each(|(to, from)| *to = *from);
            slot.set((bytes, line.len().min(MAX_BYTES)));
        });
        copied.count()
    });
    COUNT.set(count);
    STEP.set(step);
    REQUESTS.set(0);
    write(0, now());
}

/// Counts a token request.
pub(crate) fn requested() {
    let Some(last @ 1..) = COUNT.get().checked_sub(1) else { return };
    let requests = REQUESTS.replace(REQUESTS.get().saturating_add(1));
    let current = (requests.checked_div(STEP.get()).unwrap_or_default() as usize).min(last);
    let ((shown, written_at), now) = (WRITTEN.get(), now());
    if line(current) != line(shown) && now.saturating_sub(written_at) >= INTERVAL_NS {
        write(current, now);
    }
}

fn write(position: usize, now: u64) {
    WRITTEN.set((position, now));
    if let Some(line) = line(position).as_ref().and_then(|(bytes, len)| bytes.get(..*len)) {
        // There is nowhere to report that it failed.
        let _ = get_stderr().blocking_write_and_flush(line);
    }
}

fn line(position: usize) -> Option<Line> {
    LINES.with(|lines| lines.get(position).map(Cell::get))
}
