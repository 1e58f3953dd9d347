//! The margin that is added to the window of a limit.
//!
//! The service counts requests when they arrive, and the network delays some more than others:
//! requests that are sent exactly one window apart can arrive closer together, and the second one
//! is answered with 429. A 429 widens the margin, acceptances narrow it.

use crate::contract::action::RateLimit;
use crate::time::{Duration, Instant};

/// The margin of a limit, which its responses change.
#[derive(Debug)]
pub struct Margin {
    /// In millionths of a window.
    ppm: u64,
    /// When the margin was last narrowed.
    narrowed_at: Instant,
}

impl Default for Margin {
    /// The margin before the first response.
    fn default() -> Margin {
        Margin { ppm: FIRST_MARGIN_PPM, narrowed_at: Instant::ORIGIN }
    }
}

impl Margin {
    /// The window of a limit with the margin.
    pub fn widened(&self, limit: RateLimit) -> Duration {
        // A millionth of a millisecond is a nanosecond.
        let margin = u64::from(limit.window_ms).saturating_mul(self.ppm);
        limit.window().saturating_add(Duration::from_nanos(margin))
    }

    /// Widens the margin after a 429.
    pub(crate) fn widen(&mut self) {
        self.ppm = self.ppm.saturating_add(WIDENING_PPM).min(MAX_MARGIN_PPM);
    }

    /// Narrows the margin after an acceptance, at most once in a window.
    pub(crate) fn narrow(&mut self, limit: RateLimit, now: Instant) {
        if now >= self.narrowed_at.saturating_add(limit.window()) {
            let step = NARROWING_PPM.saturating_add(self.ppm / NARROWING_PART);
            self.ppm = self.ppm.saturating_sub(step).max(MIN_MARGIN_PPM);
            self.narrowed_at = now;
        }
    }
}

// The numbers below come from a simulation of jitter and contention.

/// The margin before the first response, in millionths of a window.
const FIRST_MARGIN_PPM: u64 = 20_000;

/// The least margin, in millionths of a window.
const MIN_MARGIN_PPM: u64 = 3_000;

/// The largest margin, in millionths of a window.
const MAX_MARGIN_PPM: u64 = 300_000;

/// What a 429 adds to the margin.
const WIDENING_PPM: u64 = 40_000;

/// What a window with an acceptance takes off the margin, besides the part in `NARROWING_PART`.
const NARROWING_PPM: u64 = 200;

/// A window with an acceptance takes a 250th off the margin, besides `NARROWING_PPM`.
const NARROWING_PART: u64 = 250;
