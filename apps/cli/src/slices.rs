//! How many ids to send in one call of the plugin, so that a run reports what is done without taking much longer.
//!
//! Each call ends with a wait for its last response, in which nothing is sent. One call for all ids waits once:
//!
//! ```text
//!   one call   ▌▌▌▌▌▌▌▌▌▌▌▌▌▌▌▌▌▌▌▌▌▌▌▌····
//!   in slices  ▌▌▌▌▌▌▌▌▌····▌▌▌▌▌▌▌▌▌····▌▌▌▌▌▌····      ▌ a request at the rate limit   · waiting
//!                       report       report    report
//! ```
//!
//! Measured is the excess: the time of a slice beyond the time that its requests take at the rate limit. A slice takes 30
//! times the excess of the one before, so that waiting takes about a thirtieth of the time; but at least 10 s, and at most
//! 57 s, because something is reported at least every 60 s. Where the two conflict, with responses slower than about 3 s,
//! the 60 s win: the promise of `--log` is that it is up to date. A slice that took too long, because ids were refused or
//! requests were repeated, is followed by a smaller one in proportion. A list that takes less than 40 s is one slice.

use std::time::Duration;

use entra_risk_report::Action;
use entra_risk_report::actions::Options;

/// A list that takes less time than this is one slice, in seconds.
const MIN_SLICED: f64 = 40.0;

/// The first slice takes a third of the time of the list, within these bounds in seconds: long enough to measure, short
/// enough for lists of sixty to eighty requests to need only one more.
const FIRST: (f64, f64) = (10.0, 25.0);

/// Bounds of a slice in seconds. The upper one leaves 3 s to what the measurement does not show.
const BOUNDS: (f64, f64) = (10.0, 57.0);

/// The time of a slice in multiples of the excess of the one before.
const EXCESSES: f64 = 30.0;

/// The size of the next slice.
#[derive(Debug)]
pub(crate) struct Slices {
    ids_per_request: usize,
    /// Requests that the rate limit allows at once. A slice of a multiple of these loses nothing to the limit.
    burst: f64,
    /// Seconds between requests at the rate limit.
    spacing: f64,
    /// Requests in the next slice.
    requests: f64,
}

impl Slices {
    /// The slices of a list of so many ids.
    pub(crate) fn new(action: &Action, options: &Options, ids: usize) -> Self {
        let ids_per_request = options.effective_ids_per_request();
        let limit = options.effective_rate_limit(action);
        let burst = f64::from(limit.requests);
        let spacing = f64::from(limit.window_ms) / 1_000.0 / burst;
        let requests = ids.div_ceil(ids_per_request) as f64;
        let time = requests * spacing;
        let first = if time < MIN_SLICED { requests } else { (time / 3.0).clamp(FIRST.0, FIRST.1) / spacing };
        Slices { ids_per_request, burst, spacing, requests: first }
    }

    /// The number of ids in the next slice, if so many are left: at least 1. The slices that are left are equally long.
    pub(crate) fn next(&self, left: usize) -> usize {
        let left = left.div_ceil(self.ids_per_request) as f64;
        let bursts = (self.requests / self.burst).round();
        let unit = if bursts >= 1.0 { self.burst } else { 1.0 };
        let most = if bursts >= 1.0 { bursts * self.burst } else { self.requests.floor().max(1.0) };
        let equal = (left / (left / most).ceil() / unit).ceil() * unit;
        (equal as usize).saturating_mul(self.ids_per_request).max(1)
    }

    /// Takes in how long a slice of so many ids took.
    pub(crate) fn measured(&mut self, ids: usize, time: Duration) {
        let requests = ids.div_ceil(self.ids_per_request) as f64;
        let at_limit = requests * self.spacing;
        let time = time.as_secs_f64().max(at_limit);
        let excess = time - at_limit;
        let next = (EXCESSES * excess).clamp(BOUNDS.0, BOUNDS.1);
        self.requests = requests * next / time;
    }

    /// The least time in which so many ids can be sent, in seconds.
    pub(crate) fn seconds_at_limit(&self, ids: usize) -> f64 {
        ids.div_ceil(self.ids_per_request) as f64 * self.spacing
    }
}

#[cfg(test)]
impl Slices {
    /// Slices of the same size, if each takes less than 10 s.
    pub(crate) fn steady(requests: u32, ids_per_request: usize) -> Self {
        let requests = f64::from(requests);
        Slices { ids_per_request, burst: 1.0, spacing: BOUNDS.0 / requests, requests }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests may fail")]
mod tests {
    use entra_risk_report::ACTIONS;

    use super::*;

    /// The times of the slices of so many requests with this latency in seconds, up to four of them in flight, and of one
    /// call with all of them.
    fn play(action: usize, requests: usize, latency: f64) -> (Vec<f64>, f64) {
        let options = Options { ids_per_request: Some(1), ..Options::default() };
        let mut slices = Slices::new(&ACTIONS[action], &options, requests);
        let limit = options.effective_rate_limit(&ACTIONS[action]);
        let (burst, window) = (limit.requests as usize, f64::from(limit.window_ms) / 1_000.0 * 1.02);
        let one = call(&mut Vec::new(), requests, (burst, window), latency, 0.0);
        let (mut sent, mut now, mut left, mut times) = (Vec::new(), 0.0, requests, Vec::new());
        while left > 0 {
            let size = slices.next(left).min(left);
            let end = call(&mut sent, size, (burst, window), latency, now);
            slices.measured(size, Duration::from_secs_f64(end - now));
            times.push(end - now);
            now = end;
            left -= size;
        }
        (times, one)
    }

    /// The end of a call that begins at `now`, after requests were sent at these times.
    fn call(sent: &mut Vec<f64>, requests: usize, (burst, window): (usize, f64), latency: f64, now: f64) -> f64 {
        let begin = sent.len();
        for _ in 0..requests {
            let free = sent.len().checked_sub(burst).map_or(now, |first| sent[first] + window);
            let slot = (sent.len() - begin).checked_sub(4).map_or(now, |first| sent[begin + first] + latency);
            sent.push(free.max(slot).max(now));
        }
        sent.last().unwrap() + latency
    }

    #[test]
    fn slices_take_at_most_a_twentieth_longer_and_less_than_60_s() {
        for action in [0, 3] {
            for (requests, latency) in [(167, 0.2), (167, 1.0), (167, 2.0), (167, 3.0), (1_667, 3.0), (60, 3.0)] {
                let (times, one) = play(action, requests, latency);
                let total: f64 = times.iter().sum();
                assert!(total <= one * 1.05, "{requests} requests, {latency} s: {total} s instead of {one} s");
                assert!(times.iter().all(|time| *time < 60.0), "{requests} requests, {latency} s: {times:?}");
            }
        }
    }

    #[test]
    fn fast_responses_are_reported_more_often() {
        let (times, _) = play(3, 167, 0.2);
        assert!(times.len() >= 9, "{times:?}");
    }

    #[test]
    fn a_short_list_is_one_slice() {
        assert_eq!(play(3, 39, 3.0).0.len(), 1);
        assert_eq!(play(3, 41, 3.0).0.len(), 2);
    }

    #[test]
    fn a_slice_that_took_too_long_is_followed_by_a_smaller_one() {
        let mut slices = Slices::new(&ACTIONS[3], &Options::default(), 10_000);
        assert_eq!(slices.next(10_000), 24 * 60);
        slices.measured(24 * 60, Duration::from_secs(570));
        assert_eq!(slices.next(8_560), 2 * 60);
        slices.measured(2 * 60, Duration::from_secs(2));
        assert_eq!(slices.next(8_440), 10 * 60);
    }

    #[test]
    fn a_slice_has_at_least_one_id() {
        let options = Options {
            rate_limit: Some(entra_risk_report::actions::RateLimit { requests: 1, window_ms: u32::MAX }),
            ..Options::default()
        };
        let mut slices = Slices::new(&ACTIONS[3], &options, 100);
        assert_eq!(slices.next(100), 60);
        slices.measured(60, Duration::MAX);
        assert_eq!((slices.next(40), slices.next(0)), (60, 1));
    }
}
