//! A monotonic clock on tokio's time, so that under a paused runtime hours of pacing and backoff pass in milliseconds.

use tokio::time::Instant;
use wasmtime_wasi::HostMonotonicClock;

/// Nanoseconds since an instant, as tokio counts them.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that stood at zero at `start`.
    pub fn since(start: Instant) -> Self {
        Clock { start }
    }
}

impl HostMonotonicClock for Clock {
    /// Tokio's timers fire on whole milliseconds; its clock itself is finer.
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
