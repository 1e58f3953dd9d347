//! The rate-limit state: what was sent against a limit, and what its responses taught.
//!
//! The service counts requests when they arrive, and the network delays some more than others: requests that are sent
//! exactly one window apart can arrive closer together and be answered 429. So a margin is added to the window. A 429
//! widens it, acceptances narrow it.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::action::{RateLimit, ServiceLimit};
use crate::arguments::Settings;
use crate::error::Error;
use crate::random::Random;
use crate::time::{Nanos, SECOND, from_ms};

/// What an instance remembers between calls.
#[derive(Debug, Default)]
pub struct InstanceState {
    /// The instance has seen an acceptance.
    pub(crate) has_accepted: bool,
    /// The rate-limit states, the latest one used last.
    states: Vec<(Key, RateLimitState)>,
}

/// What requests must share to count against the same limit.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    tenant: Option<String>,
    audience: String,
    limit: ServiceLimit,
}

/// What was sent against one limit.
#[derive(Debug)]
pub(crate) struct RateLimitState {
    /// The latest sends, oldest first.
    sent: VecDeque<Nanos>,
    /// Added to the window, in millionths of it.
    margin_ppm: u64,
    /// When the margin was last narrowed.
    narrowed_at: Nanos,
    /// 429s since the last acceptance, those of requests that were in flight together counted once.
    throttles: u32,
    /// When the latest of these arrived.
    throttled_at: Nanos,
    /// Nothing is sent before.
    held_until: Nanos,
    /// Since when.
    held_since: Nanos,
    /// The error that asked for it.
    held_by: Option<Rc<Error>>,
    /// A request was accepted.
    has_accepted: bool,
}

impl InstanceState {
    /// The state of an instance that has sent nothing.
    pub const fn new() -> InstanceState {
        InstanceState { has_accepted: false, states: Vec::new() }
    }

    /// Takes out the state of a limit, for a new call.
    pub(crate) fn take(&mut self, tenant: Option<&str>, audience: &str, limit: ServiceLimit) -> RateLimitState {
        let is_same = |key: &Key| key.limit == limit && key.audience == audience && key.tenant.as_deref() == tenant;
        match self.states.iter().position(|(key, _)| is_same(key)) {
            Some(position) => {
                let mut state = self.states.remove(position).1;
                state.held_until = state.held_until.min(state.held_since.saturating_add(MAX_HOLD));
                state
            }
            None => RateLimitState::new(),
        }
    }

    /// Puts the state of a limit back. The state that was not used for longest is dropped if there are too many.
    pub(crate) fn put(&mut self, tenant: Option<&str>, audience: &str, limit: ServiceLimit, state: RateLimitState) {
        if self.states.len() >= MAX_STATES {
            self.states.remove(0);
        }
        let key = Key { tenant: tenant.map(str::to_owned), audience: audience.to_owned(), limit };
        self.states.push((key, state));
    }
}

impl RateLimitState {
    pub(crate) fn new() -> RateLimitState {
        RateLimitState {
            sent: VecDeque::new(),
            margin_ppm: FIRST_MARGIN_PPM,
            narrowed_at: 0,
            throttles: 0,
            throttled_at: 0,
            held_until: 0,
            held_since: 0,
            held_by: None,
            has_accepted: false,
        }
    }

    /// Until when every request is held: a time that may have passed.
    pub(crate) fn held_until(&self) -> Nanos {
        self.held_until
    }

    /// When the next request may be sent: a time that may have passed.
    pub(crate) fn earliest(&self, limit: RateLimit) -> Nanos {
        // The send that must have left the window is the one `requests` sends ago.
        let leaving = self.sent.len().checked_sub(limit.requests as usize).and_then(|index| self.sent.get(index));
        let free = leaving.map_or(0, |sent| sent.saturating_add(self.spaced_window(limit)));
        free.max(self.held_until)
    }

    /// The average time between requests at the limit.
    pub(crate) fn spacing(&self, limit: RateLimit) -> Nanos {
        self.spaced_window(limit).checked_div(limit.requests.into()).unwrap_or_default()
    }

    /// Records a request sent at `now`.
    pub(crate) fn sent(&mut self, limit: RateLimit, now: Nanos) {
        self.sent.push_back(now);
        // Some more, for a later call with another rate limit.
        while self.sent.len() > MAX_SENDS.max(limit.requests as usize) {
            self.sent.pop_front();
        }
    }

    /// Records an acceptance.
    pub(crate) fn accepted(&mut self, limit: RateLimit, now: Nanos) {
        self.has_accepted = true;
        self.throttles = 0;
        if now >= self.narrowed_at.saturating_add(from_ms(limit.window_ms)) {
            let step = NARROWING_PPM.saturating_add(self.margin_ppm / NARROWING_SHARE);
            self.margin_ppm = self.margin_ppm.saturating_sub(step).max(MIN_MARGIN_PPM);
            self.narrowed_at = now;
        }
    }

    /// Records a 429 to a request sent at `sent`, and holds every request for a while.
    pub(crate) fn throttled(
        &mut self,
        settings: &Settings,
        sent: Nanos,
        now: Nanos,
        retry_after: Option<Nanos>,
        error: &Rc<Error>,
        random: &mut Random,
    ) {
        // A request that was in flight when the last 429 arrived is not counted again.
        if self.throttles == 0 || sent >= self.throttled_at {
            self.throttles = self.throttles.saturating_add(1);
            self.throttled_at = now;
            self.margin_ppm = self.margin_ppm.saturating_add(WIDENING_PPM).min(MAX_MARGIN_PPM);
        }
        let window = from_ms(settings.rate_limit.window_ms);
        let windows = if self.has_accepted { 1 } else { MAX_WAIT_WINDOWS };
        // Without the last bound, the wait for a long window could outlast the patience, and the call would end early.
        let cap = window.saturating_mul(windows).max(MAX_WAIT).min(settings.patience / 4);
        // From one window to 1.2 windows, then to 2.4, 4.8, … of them.
        let doublings = 2_u64.saturating_pow(self.throttles.saturating_sub(1));
        let first = window.saturating_add(window / 5);
        let longest = first.saturating_mul(doublings).min(cap.max(first));
        let wait = match retry_after {
            Some(asked) => asked.max(MIN_RETRY_AFTER).saturating_add(random.up_to(window / 5)),
            None => window.saturating_add(random.up_to(longest.saturating_sub(window))),
        };
        self.hold(wait, now, error);
    }

    /// Holds every request for so long, because of `error`.
    pub(crate) fn hold(&mut self, wait: Nanos, now: Nanos, error: &Rc<Error>) {
        let until = now.saturating_add(wait);
        if until > self.held_until {
            self.held_until = until;
            self.held_since = now;
            self.held_by = Some(error.clone());
        }
    }

    /// Until when nothing is sent, if that is after `now`, and the error because of which, with the time that remains.
    pub(crate) fn held(&mut self, now: Nanos) -> Option<(Nanos, Rc<Error>)> {
        let remaining = self.held_until.checked_sub(now).filter(|remaining| *remaining > 0)?;
        let error = self.held_by.as_mut()?;
        // The report of the call that it was for is gone.
        if let Some(error) = Rc::get_mut(error) {
            error.shorten_retry_after(remaining);
        }
        Some((self.held_until, error.clone()))
    }

    fn spaced_window(&self, limit: RateLimit) -> Nanos {
        // A millionth of a millisecond is a nanosecond.
        let margin = u64::from(limit.window_ms).saturating_mul(self.margin_ppm);
        from_ms(limit.window_ms).saturating_add(margin)
    }
}

/// The margin at first, in millionths of a window. This and the numbers below come from a simulation over jitter and
/// contention: see `docs/rough-world.md`.
pub const FIRST_MARGIN_PPM: u64 = 20_000;
const MIN_MARGIN_PPM: u64 = 3_000;
const MAX_MARGIN_PPM: u64 = 300_000;
/// Added by a 429.
const WIDENING_PPM: u64 = 40_000;
/// Taken off in a window with an acceptance: this, and one part in `NARROWING_SHARE` of the margin.
const NARROWING_PPM: u64 = 200;
const NARROWING_SHARE: u64 = 250;

/// The longest wait after a 429 without `Retry-After`, in windows, while no request was ever accepted: many instances
/// may be waiting for their first turn.
const MAX_WAIT_WINDOWS: u64 = 32;

/// The longest wait after that, unless the windows are longer: other clients of the tenant take the turns of a client
/// that waits long.
const MAX_WAIT: Nanos = 3 * SECOND;

/// The longest time for which a response can hold later calls: whatever it asks for, they try again.
const MAX_HOLD: Nanos = 3_600 * SECOND;

/// `Retry-After` counts whole seconds: 0 is anything below one.
pub(crate) const MIN_RETRY_AFTER: Nanos = SECOND;

/// Sends to remember for a later call with another rate limit.
const MAX_SENDS: usize = 1_024;

/// States to remember: far more than the tenants that an instance serves at a time.
const MAX_STATES: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::ACTIONS;
    use crate::arguments::Options;
    use crate::error::GraphError;
    use crate::time::MILLISECOND;

    const USERS: RateLimit = RateLimit { requests: 1, window_ms: 1_000 };

    fn settings(rate_limit: RateLimit) -> Settings {
        let options = Options { rate_limit: Some(rate_limit), ..Options::default() };
        Settings::parse(&ACTIONS[3], options).unwrap()
    }

    fn error() -> Rc<Error> {
        Rc::new(Error::Throttled(Default::default()))
    }

    #[test]
    fn a_429_widens_the_spacing_once_and_acceptances_narrow_it() {
        let mut state = RateLimitState::new();
        let random = &mut Random::new(1);
        assert_eq!(state.spacing(USERS), 1_020 * MILLISECOND);
        state.throttled(&settings(USERS), 0, SECOND, None, &error(), random);
        state.throttled(&settings(USERS), 0, SECOND + 1, None, &error(), random);
        assert_eq!(state.spacing(USERS), 1_060 * MILLISECOND);
        for window in 2..400 {
            state.accepted(USERS, window * SECOND);
        }
        assert_eq!(state.spacing(USERS), 1_003 * MILLISECOND);
    }

    #[test]
    fn waits_after_a_429_double_to_a_limit() {
        let mut state = RateLimitState::new();
        let random = &mut Random::new(7);
        let mut now = 0;
        let mut longest = 0;
        for _ in 0..200 {
            state.throttled(&settings(USERS), now, now, None, &error(), random);
            let wait = state.held_until - now;
            assert!((SECOND..=32 * SECOND).contains(&wait), "{wait}");
            longest = longest.max(wait);
            now = state.held_until;
        }
        assert!(longest > 28 * SECOND, "{longest}");
        state.accepted(USERS, now);
        for _ in 0..200 {
            state.throttled(&settings(USERS), now, now, None, &error(), random);
            assert!((SECOND..=3 * SECOND).contains(&(state.held_until - now)));
            now = state.held_until;
        }
    }

    #[test]
    fn every_wait_has_jitter() {
        let sign_ins = RateLimit { requests: 5, window_ms: 10_000 };
        let random = &mut Random::new(3);
        for retry_after in [None, Some(10 * SECOND)] {
            let mut wait = || {
                let mut state = RateLimitState::new();
                state.accepted(sign_ins, 0);
                state.throttled(&settings(sign_ins), 0, 0, retry_after, &error(), random);
                state.held_until
            };
            let waits: Vec<Nanos> = (0..9).map(|_| wait()).collect();
            assert!(waits.iter().all(|wait| (10 * SECOND..=12 * SECOND).contains(wait)), "{waits:?}");
            assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
        }
    }

    #[test]
    fn retry_after_is_waited_out() {
        for (asked, least) in [(0, 1), (1, 1), (17, 17), (300, 300)] {
            let mut state = RateLimitState::new();
            state.throttled(&settings(USERS), 0, 0, Some(asked * SECOND), &error(), &mut Random::new(3));
            assert!((least * SECOND..=least * SECOND + SECOND / 5).contains(&state.held_until));
        }
    }

    #[test]
    fn a_wait_of_its_own_leaves_time_to_try_again() {
        let sign_ins = RateLimit { requests: 5, window_ms: 10_000 };
        let mut state = RateLimitState::new();
        let random = &mut Random::new(3);
        for _ in 0..100 {
            let now = state.held_until;
            state.throttled(&settings(sign_ins), now, now, None, &error(), random);
            assert!(state.held_until - now <= 180 * SECOND / 4, "a quarter of the patience");
        }
    }

    #[test]
    fn a_hold_ends_after_an_hour_for_later_calls() {
        let mut instance = InstanceState::new();
        let mut state = instance.take(None, "https://x", ServiceLimit::RiskyUsers);
        state.throttled(&settings(USERS), 0, 0, Some(Nanos::MAX), &error(), &mut Random::new(3));
        assert_eq!(state.held_until, Nanos::MAX);
        instance.put(None, "https://x", ServiceLimit::RiskyUsers, state);
        let mut state = instance.take(None, "https://x", ServiceLimit::RiskyUsers);
        assert!(state.held(3_599 * SECOND).is_some() && state.held(3_600 * SECOND).is_none());
    }

    #[test]
    fn a_later_call_reports_the_wait_that_remains() {
        let mut state = RateLimitState::new();
        let graph = GraphError { status: 429, retry_after_ms: Some(600_000), ..GraphError::default() };
        state.hold(600 * SECOND, 0, &Rc::new(Error::Throttled(graph)));
        let (_, error) = state.held(400 * SECOND).unwrap();
        assert_eq!(error.response().unwrap().retry_after_ms, Some(200_000));
    }

    #[test]
    fn each_tenant_audience_and_limit_has_its_state() {
        let mut instance = InstanceState::new();
        let mut state = instance.take(Some("a"), "https://x", ServiceLimit::RiskyUsers);
        state.hold(9, 0, &error());
        instance.put(Some("a"), "https://x", ServiceLimit::RiskyUsers, state);
        for (tenant, audience, limit, held_until) in [
            (None, "https://x", ServiceLimit::RiskyUsers, 0),
            (Some("b"), "https://x", ServiceLimit::RiskyUsers, 0),
            (Some("a"), "https://y", ServiceLimit::RiskyUsers, 0),
            (Some("a"), "https://x", ServiceLimit::SignIns, 0),
            (Some("a"), "https://x", ServiceLimit::RiskyUsers, 9),
        ] {
            assert_eq!(
                instance.take(tenant, audience, limit).held_until,
                held_until,
                "{tenant:?} {audience} {limit:?}"
            );
        }
    }
}
