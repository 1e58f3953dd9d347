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
//! times the excess of the one before, so that waiting takes about a thirtieth of the time; but at least 5 s, and at most
//! 57 s, because something is reported at least every 60 s. Where the two conflict, because responses take more than about
//! 3 s, the 60 s take precedence, because users expect a report at least every minute. Refused ids and repeated requests make
//! a slice longer in proportion to its size; the next one is smaller.

use std::time::Duration;

use entra_risk_report::Action;
use entra_risk_report::actions::Options;

/// The share of the list in the first slice, which measures: a small one costs little if responses are slow, and does not
/// take long if many ids are refused.
const FIRST_SHARE: f64 = 0.05;

/// The longest first slice in seconds at the rate limit.
const MAX_FIRST: f64 = 10.0;

/// The latency in seconds with which the first slice takes at most the upper bound. It matters if the rate limit allows more
/// requests at once than may be in flight.
const FIRST_LATENCY: f64 = 3.0;

/// Bounds of a slice in seconds. The upper one leaves 3 s to what the measurement does not show.
const BOUNDS: (f64, f64) = (5.0, 57.0);

/// The time of a slice in multiples of the excess of the one before.
const EXCESSES: f64 = 30.0;

/// The size of the next slice.
#[derive(Debug)]
pub(crate) struct Slices {
    ids_per_request: usize,
    /// Requests that the rate limit allows at once. A slice of a multiple of these loses nothing to the limit.
    burst: f64,
    /// Maximum concurrent requests.
    max_in_flight: f64,
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
        let max_in_flight = f64::from(options.effective_max_in_flight());
        let most = (BOUNDS.1 / FIRST_LATENCY).floor() * max_in_flight;
        let first = (requests * FIRST_SHARE).min(MAX_FIRST / spacing).max(burst).min(most);
        Slices { ids_per_request, burst, max_in_flight, spacing, requests: first }
    }

    /// The number of ids in the next slice, if so many are left: at least 1. The slices that are left are equally long.
    pub(crate) fn next(&self, left: usize) -> usize {
        let left = left.div_ceil(self.ids_per_request) as f64;
        let unit = if self.requests < self.burst { 1.0 } else { self.burst };
        let most = (self.requests / unit).round().max(1.0) * unit;
        let equal = (left / (left / most).ceil() / unit).ceil() * unit;
        (equal as usize).saturating_mul(self.ids_per_request).max(1)
    }

    /// Takes in how long a slice of so many ids took, and whether each of its requests was accepted at once.
    pub(crate) fn measured(&mut self, ids: usize, time: Duration, is_smooth: bool) {
        let requests = ids.div_ceil(self.ids_per_request) as f64;
        let at_limit = requests * self.spacing;
        let time = time.as_secs_f64().max(at_limit);
        let excess = time - at_limit;
        let next = (EXCESSES * excess).clamp(BOUNDS.0, BOUNDS.1);
        let in_proportion = requests * next / time;
        // If every request was accepted at once, the excess is the latency and does not grow with the size; but as many
        // requests as may be in flight take at least that latency.
        let each = self.spacing.max((excess + self.spacing) / self.max_in_flight);
        let planned = match is_smooth {
            // With fewer than may be in flight, slow responses would not overlap.
            true => in_proportion.max((next - excess) / each).max(self.max_in_flight),
            false => in_proportion.max(1.0),
        };
        // A whole burst loses nothing to the limit, and takes no longer than this slice did.
        let is_burst_short = time <= BOUNDS.1 && requests >= self.burst;
        self.requests = if is_burst_short { planned.max(self.burst) } else { planned };
    }

    /// The number of requests with so many ids.
    pub(crate) fn requests(&self, ids: usize) -> usize {
        ids.div_ceil(self.ids_per_request)
    }

    /// The number of ids in so many full requests.
    pub(crate) fn ids(&self, requests: usize) -> usize {
        requests.saturating_mul(self.ids_per_request)
    }

    /// The number of requests that the rate limit allows in a second, at least 1.
    pub(crate) fn requests_per_second(&self) -> usize {
        self.spacing.recip().ceil() as usize
    }

    /// The least time in which so many ids can be sent, in seconds.
    pub(crate) fn seconds_at_limit(&self, ids: usize) -> f64 {
        ids.div_ceil(self.ids_per_request) as f64 * self.spacing
    }
}

#[cfg(test)]
impl Slices {
    /// Slices of the same size, if each takes less than 5 s.
    pub(crate) fn steady(requests: u32, ids_per_request: usize) -> Self {
        let requests = f64::from(requests);
        Slices { ids_per_request, burst: 1.0, max_in_flight: 1.0, spacing: BOUNDS.0 / requests, requests }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests may fail")]
mod tests {
    use entra_risk_report::ACTIONS;
    use entra_risk_report::actions::RateLimit;

    use super::*;

    /// The times of the slices of so many requests with this latency in seconds, up to four of them in flight, and of one
    /// call with all of them.
    fn play(action: usize, requests: usize, latency: f64) -> (Vec<f64>, f64) {
        play_limited(action, None, requests, latency)
    }

    /// The same with this rate limit.
    fn play_limited(action: usize, rate_limit: Option<RateLimit>, requests: usize, latency: f64) -> (Vec<f64>, f64) {
        let options = Options { ids_per_request: Some(1), rate_limit, ..Options::default() };
        let mut slices = Slices::new(&ACTIONS[action], &options, requests);
        let limit = options.effective_rate_limit(&ACTIONS[action]);
        let (burst, window) = (limit.requests as usize, f64::from(limit.window_ms) / 1_000.0 * 1.02);
        let one = call(&mut Vec::new(), requests, (burst, window), latency, 0.0);
        let (mut sent, mut now, mut left, mut times) = (Vec::new(), 0.0, requests, Vec::new());
        while left > 0 {
            let size = slices.next(left).min(left);
            let end = call(&mut sent, size, (burst, window), latency, now);
            slices.measured(size, Duration::from_secs_f64(end - now), true);
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
            for (requests, latency) in [(167, 0.2), (167, 1.0), (167, 2.0), (167, 3.0), (1_667, 3.0), (80, 3.0)] {
                let (times, one) = play(action, requests, latency);
                let total: f64 = times.iter().sum();
                assert!(total <= one * 1.05, "{requests} requests, {latency} s: {total} s instead of {one} s");
                assert!(times.iter().all(|time| *time < 60.0), "{requests} requests, {latency} s: {times:?}");
            }
        }
    }

    #[test]
    fn a_limit_with_large_bursts_is_reported_and_costs_at_most_a_twentieth() {
        for (limit, window_ms) in [(1_000, 60_000), (100, 1_000), (100, 10_000), (600, 60_000)] {
            for latency in [0.2, 1.0, 2.0, 3.0] {
                for requests in [167, 1_667] {
                    let rate_limit = Some(RateLimit { requests: limit, window_ms });
                    let (times, one) = play_limited(0, rate_limit, requests, latency);
                    let total: f64 = times.iter().sum();
                    assert!(total <= one * 1.05, "{limit}, {requests} requests, {latency} s: {total} s, {one} s");
                    assert!(times.iter().all(|time| *time <= 60.0), "{limit}, {latency} s: {times:?}");
                }
            }
        }
    }

    #[test]
    fn short_lists_take_at_most_4_s_longer() {
        for requests in 1..80 {
            let (times, one) = play(3, requests, 3.0);
            assert!(times.iter().sum::<f64>() <= one + 4.0, "{requests} requests: {times:?} instead of {one} s");
        }
    }

    #[test]
    fn slow_responses_take_about_60_s_and_overlap() {
        for latency in [5.0, 10.0, 20.0, 50.0] {
            let (times, one) = play(3, 167, latency);
            let total: f64 = times.iter().sum();
            // The first slice has more requests than may be in flight.
            assert!(times[0] < 60.0 + latency, "{latency} s: {times:?}");
            assert!(times.iter().skip(1).all(|time| *time < 63.0), "{latency} s: {times:?}");
            assert!(total <= one * 1.35, "{latency} s: {total} s instead of {one} s, {times:?}");
        }
    }

    #[test]
    fn fast_responses_are_reported_every_5_s() {
        for latency in [0.2, 1.0] {
            let (times, _) = play(3, 167, latency);
            assert!(times.iter().skip(1).all(|time| *time < 7.0), "{times:?}");
        }
        assert!(play(0, 167, 0.2).0.iter().all(|time| *time < 21.0));
    }

    #[test]
    fn a_slice_with_refused_ids_is_followed_by_a_smaller_one() {
        let mut slices = Slices::new(&ACTIONS[3], &Options::default(), 10_000);
        assert_eq!(slices.next(10_000), 8 * 60);
        slices.measured(8 * 60, Duration::from_secs(456), false);
        assert_eq!(slices.next(9_520), 60);
        slices.measured(60, Duration::from_secs(1), true);
        assert_eq!(slices.next(9_460), 5 * 60);
    }

    #[test]
    fn a_slice_has_at_least_one_id() {
        let rate_limit = Some(RateLimit { requests: 1, window_ms: u32::MAX });
        let options = Options { rate_limit, ..Options::default() };
        let mut slices = Slices::new(&ACTIONS[3], &options, 100);
        assert_eq!(slices.next(100), 60);
        slices.measured(60, Duration::MAX, false);
        assert_eq!((slices.next(40), slices.next(0)), (60, 1));
    }
}
