//! The rate limit of an instance: what was sent against a limit, and what its responses taught.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::backoff::with_jitter;
use crate::contract::action::RateLimit;
use crate::contract::arguments::ResolvedOptions;
use crate::contract::error::Error;
use crate::limit::hold::{Hold, HoldNumber};
use crate::limit::margin::Margin;
use crate::random::Random;
use crate::time::{Duration, Instant};

/// What is known of one limit.
#[derive(Debug)]
pub(crate) struct RateLimitState {
    /// The latest sends, oldest first.
    sent: VecDeque<Instant>,
    /// How long a send is remembered: twice the longest window, because the margin is at most one.
    memory: Duration,
    margin: Margin,
    /// 429s since the last acceptance. Those of requests that were in flight together count once.
    throttles: u32,
    /// When the latest 429 arrived that counted.
    throttled_at: Instant,
    /// The hold that lasts longest.
    hold: Option<Hold>,
    /// Whether a response has arrived, so that a connection exists.
    has_responded: bool,
    /// Whether a request was accepted.
    has_accepted: bool,
}

impl RateLimitState {
    /// The state of a limit against which nothing was sent.
    pub(crate) fn new() -> RateLimitState {
        RateLimitState {
            sent: VecDeque::new(),
            memory: Duration::ZERO,
            margin: Margin::default(),
            throttles: 0,
            throttled_at: Instant::ORIGIN,
            hold: None,
            has_responded: false,
            has_accepted: false,
        }
    }

    /// The earliest time at which the next request may be sent.
    pub(crate) fn earliest(&self, limit: RateLimit) -> Instant {
        // The send that must have left the window is the one `requests` sends ago.
        let leaving = self.sent.len().checked_sub(limit.requests as usize).and_then(|index| self.sent.get(index));
        // The first request may arrive late, because its connection has yet to be made.
        let lateness = if self.has_responded { Duration::ZERO } else { MAX_LATENESS };
        let window = self.margin.widened(limit).saturating_add(lateness);
        let free = leaving.map_or(Instant::ORIGIN, |sent| sent.saturating_add(window));
        free.max(self.held_until())
    }

    /// The average time between requests at the limit.
    pub(crate) fn spacing(&self, limit: RateLimit) -> Duration {
        self.margin.widened(limit).part(limit.requests)
    }

    /// Records a request that is sent at `now` by a call whose action has the `documented` limit.
    pub(crate) fn sent(&mut self, limit: RateLimit, documented: RateLimit, now: Instant) {
        let longest = limit.window().max(documented.window());
        self.memory = self.memory.max(longest.saturating_mul(2));
        while self.sent.front().is_some_and(|sent| sent.saturating_add(self.memory) < now) {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }

    /// Records a response to a request that was sent at `sent`. The first response tells how late
    /// that request can have arrived.
    pub(crate) fn responded(&mut self, sent: Instant, now: Instant) {
        if !self.has_responded {
            self.has_responded = true;
            let lateness = now.since(sent).min(MAX_LATENESS);
            for sent in &mut self.sent {
                *sent = sent.saturating_add(lateness).min(now.max(*sent));
            }
        }
    }

    /// Records an acceptance.
    pub(crate) fn accepted(&mut self, limit: RateLimit, now: Instant) {
        self.has_accepted = true;
        self.throttles = 0;
        self.margin.narrow(limit, now);
    }

    /// Records a 429 to a request that was sent at `sent`. Returns how long to hold every request.
    pub(crate) fn throttled(
        &mut self,
        options: &ResolvedOptions,
        sent: Instant,
        now: Instant,
        retry_after: Option<Duration>,
        random: &mut Random,
    ) -> Duration {
        // A request that was in flight when the last 429 arrived is not counted again.
        if self.throttles == 0 || sent >= self.throttled_at {
            self.throttles = self.throttles.saturating_add(1);
            self.throttled_at = now;
            self.margin.widen();
        }
        let window = options.rate_limit.window();
        let jitter = window.part(5);
        if let Some(asked) = retry_after {
            return asked.max(MIN_RETRY_AFTER).saturating_add(random.up_to(jitter));
        }
        let windows = if self.has_accepted { 1 } else { MAX_WAIT_WINDOWS };
        // Without the last bound, the wait for a long window could outlast the patience, and the
        // call would end early.
        let cap = window.saturating_mul(windows).max(MAX_WAIT).min(options.patience.part(4));
        // From one window to 1.2 windows, then to 2.4, 4.8, … of them.
        let first = window.saturating_add(jitter);
        let doublings = 2_u64.saturating_pow(self.throttles.saturating_sub(1));
        let longest = first.saturating_mul(doublings).min(cap.max(first));
        window.saturating_add(random.up_to(longest.saturating_sub(window)))
    }

    /// Holds every request for `wait`, or for an hour if that is less, because of `error`. Returns
    /// whether that is longer than before.
    pub(crate) fn hold(&mut self, wait: Duration, now: Instant, error: &Rc<Error>) -> bool {
        let until = now.saturating_add(wait.min(MAX_HOLD));
        let is_longer = until > self.held_until();
        if is_longer {
            self.hold = Some(Hold { number: self.hold_number().next(), until, by: error.clone() });
        }
        is_longer
    }

    /// When the current hold ends.
    pub(crate) fn held_until(&self) -> Instant {
        self.hold.as_ref().map_or(Instant::ORIGIN, |hold| hold.until)
    }

    /// The number of the latest hold.
    pub(crate) fn hold_number(&self) -> HoldNumber {
        self.hold.as_ref().map(|hold| hold.number).unwrap_or_default()
    }

    /// The hold that came after the one with the number `known`, if it lasts beyond `now`. Its
    /// error says how much time remains.
    pub(crate) fn held_by_others(&self, known: HoldNumber, now: Instant) -> Option<Hold> {
        let hold = self.hold.as_ref().filter(|hold| hold.number > known && hold.until > now)?;
        let error = Error::clone(&hold.by).with_remaining(hold.until.since(now));
        Some(Hold { by: Rc::new(error), ..*hold })
    }
}

/// The wait that a `Retry-After` asks for, with jitter.
pub(crate) fn retry_after_with_jitter(asked: Duration, random: &mut Random) -> Duration {
    with_jitter(asked.max(MIN_RETRY_AFTER), random)
}

/// The longest wait after a 429 without `Retry-After`, in windows, while no request was ever
/// accepted: many instances may be waiting for their first turn.
const MAX_WAIT_WINDOWS: u64 = 32;

/// The longest wait after a 429 without `Retry-After` once a request was accepted, unless the
/// window is longer: other clients of the tenant take the turns of a client that waits long.
const MAX_WAIT: Duration = Duration::from_secs(3);

/// The status of an overloaded service. With `Retry-After` it holds every request, like a 429.
pub(crate) const SERVICE_UNAVAILABLE: u16 = 503;

/// The longest time for which a response can hold later calls. Whatever it asks for, they try again
/// after that.
const MAX_HOLD: Duration = Duration::from_secs(3_600);

/// The most by which the first request of an instance is taken to arrive late, because of a name,
/// and the handshakes of TCP and TLS.
const MAX_LATENESS: Duration = Duration::from_millis(250);

/// The shortest wait that `Retry-After` can ask for: it counts whole seconds, so that 0 is anything
/// below one.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::action::ACTIONS;
    use crate::contract::arguments::Options;
    use crate::contract::error::Response;

    const USERS: RateLimit = RateLimit { requests: 1, window_ms: 1_000 };
    const SIGN_INS: RateLimit = RateLimit { requests: 5, window_ms: 10_000 };

    fn at(ms: u32) -> Instant {
        Instant::ORIGIN.saturating_add(Duration::from_millis(ms))
    }

    fn ms(ms: u32) -> Duration {
        Duration::from_millis(ms)
    }

    /// A 429 to a request. Returns how long it holds the next ones.
    fn throttle(
        state: &mut RateLimitState,
        rate_limit: RateLimit,
        sent: Instant,
        now: Instant,
        retry_after: Option<Duration>,
        random: &mut Random,
    ) -> Duration {
        let options = Options { rate_limit: Some(rate_limit), ..Options::default() };
        let options = ResolvedOptions::parse(&ACTIONS[3], options).unwrap();
        let wait = state.throttled(&options, sent, now, retry_after, random);
        state.hold(wait, now, &Rc::new(Error::cancelled()));
        state.held_until().since(now)
    }

    #[test]
    fn a_429_widens_the_spacing_once_and_acceptances_narrow_it() {
        let mut state = RateLimitState::new();
        let random = &mut Random::new(1);
        assert_eq!(state.spacing(USERS), ms(1_020));
        throttle(&mut state, USERS, at(0), at(1_000), None, random);
        throttle(&mut state, USERS, at(0), at(1_001), None, random);
        assert_eq!(state.spacing(USERS), ms(1_060));
        for window in 2..400 {
            state.accepted(USERS, at(window * 1_000));
        }
        assert_eq!(state.spacing(USERS), ms(1_003));
    }

    #[test]
    fn waits_after_a_429_double_to_a_limit() {
        let mut state = RateLimitState::new();
        let random = &mut Random::new(7);
        let mut longest = Duration::ZERO;
        for _ in 0..200 {
            let now = state.held_until();
            let wait = throttle(&mut state, USERS, now, now, None, random);
            assert!((ms(1_000)..=ms(32_000)).contains(&wait), "{wait:?}");
            longest = longest.max(wait);
        }
        assert!(longest > ms(28_000), "{longest:?}");
        state.accepted(USERS, state.held_until());
        for _ in 0..200 {
            let now = state.held_until();
            let wait = throttle(&mut state, USERS, now, now, None, random);
            assert!((ms(1_000)..=ms(3_000)).contains(&wait), "{wait:?}");
        }
    }

    #[test]
    fn every_wait_has_jitter() {
        let random = &mut Random::new(3);
        for retry_after in [None, Some(ms(10_000))] {
            let mut wait = || {
                let mut state = RateLimitState::new();
                state.accepted(SIGN_INS, at(0));
                throttle(&mut state, SIGN_INS, at(0), at(0), retry_after, random)
            };
            let waits: Vec<Duration> = (0..9).map(|_| wait()).collect();
            assert!(waits.iter().all(|wait| (ms(10_000)..=ms(12_000)).contains(wait)), "{waits:?}");
            assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
        }
    }

    #[test]
    fn retry_after_is_waited_out() {
        for (asked, least) in [(0, 1_000), (1, 1_000), (17, 17_000), (300, 300_000)] {
            let mut state = RateLimitState::new();
            let asked = Some(Duration::from_secs(asked));
            let wait = throttle(&mut state, USERS, at(0), at(0), asked, &mut Random::new(3));
            assert!((ms(least)..=ms(least + 200)).contains(&wait), "{wait:?}");
        }
    }

    #[test]
    fn a_wait_without_retry_after_leaves_time_to_try_again() {
        let mut state = RateLimitState::new();
        let random = &mut Random::new(3);
        for _ in 0..100 {
            let now = state.held_until();
            let wait = throttle(&mut state, SIGN_INS, now, now, None, random);
            assert!(wait <= ms(45_000), "a quarter of the patience");
        }
    }

    #[test]
    fn a_hold_ends_after_an_hour_for_other_calls() {
        let mut state = RateLimitState::new();
        throttle(&mut state, USERS, at(0), at(0), Some(Duration::MAX), &mut Random::new(3));
        assert_eq!(state.held_until(), at(3_600_000));
        assert!(state.held_by_others(HoldNumber::default(), at(3_599_000)).is_some());
        assert!(state.held_by_others(HoldNumber::default(), at(3_600_000)).is_none());
        assert!(state.held_by_others(state.hold_number(), at(1_000)).is_none(), "known");
    }

    #[test]
    fn another_call_reports_the_wait_that_remains() {
        let mut state = RateLimitState::new();
        let response = Response { status: 429, retry_after_ms: Some(600_000), ..Response::default() };
        let error = Error { response: Some(response), ..Error::cancelled() };
        state.hold(ms(600_000), at(0), &Rc::new(error));
        let hold = state.held_by_others(HoldNumber::default(), at(400_000)).unwrap();
        assert_eq!(hold.by.response.as_ref().unwrap().retry_after_ms, Some(200_000));
    }

    #[test]
    fn the_first_request_may_arrive_late() {
        let mut state = RateLimitState::new();
        state.sent(USERS, USERS, at(0));
        assert_eq!(state.earliest(USERS), at(1_270));
        state.responded(at(0), at(80));
        assert_eq!(state.earliest(USERS), at(1_100));
        state.sent(USERS, USERS, at(1_100));
        state.responded(at(1_100), at(1_900));
        assert_eq!(state.earliest(USERS), at(2_120));
    }

    #[test]
    fn sends_are_forgotten_after_two_windows() {
        let mut state = RateLimitState::new();
        let most = RateLimit { requests: 100_000, window_ms: 10 };
        for now in 0..100_000 {
            state.sent(most, USERS, at(now));
        }
        assert!(state.sent.len() <= 2_001, "{}", state.sent.len());
        let long = RateLimit { requests: 1, window_ms: 60_000 };
        state.has_responded = true;
        assert_eq!(state.earliest(long), at(99_999 + 61_200));
    }
}
