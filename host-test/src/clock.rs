//! Virtual time: clocks on tokio's time, and a runtime whose time jumps to the next timer whenever
//! there is nothing else to do, so that hours of waiting pass in milliseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// Nanoseconds of tokio's time since an instant.
#[derive(Debug, Clone)]
pub struct Clock {
    start: Instant,
    readings: Arc<AtomicU64>,
}

impl Clock {
    /// A clock that is zero at `start`.
    pub fn since(start: Instant) -> Self {
        Clock { start, readings: Arc::default() }
    }

    /// How often it was read, and will be.
    pub(crate) fn readings(&self) -> Arc<AtomicU64> {
        self.readings.clone()
    }
}

impl HostMonotonicClock for Clock {
    /// Tokio's timers fire on whole milliseconds, but its clock is finer.
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        self.readings.fetch_add(1, Ordering::Relaxed);
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The time of day on tokio's time.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    start: Instant,
    time: Duration,
}

impl WallClock {
    /// A clock that shows `time`, since 1970, at `start`.
    pub fn at(start: Instant, time: Duration) -> Self {
        WallClock { start, time }
    }
}

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.time + self.start.elapsed()
    }
}

/// Runs a future to its end in virtual time.
///
/// # Panics
/// If the system provides no runtime.
pub fn virtual_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap_or_else(|error| panic!("no runtime: {error}")).block_on(future)
}
