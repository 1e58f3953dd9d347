//! The rate-limit state: what was sent against a limit, and what its responses taught.
//!
//! The service counts requests when they arrive, and the network delays some more than others: requests that are sent
//! exactly one window apart can arrive closer together and be answered 429. So a margin is added to the window. A 429
//! widens it, acceptances narrow it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use crate::contract::action::{RateLimit, ServiceLimit};
use crate::contract::arguments::Settings;
use crate::contract::error::Error;
use crate::random::Random;
use crate::time::{Nanos, SECOND, from_ms};

/// What the calls of an instance share, and what it remembers between them.
#[derive(Debug, Default)]
pub struct InstanceState {
    has_accepted: Rc<Cell<bool>>,
    /// The state of each limit, the latest one used last.
    limits: Vec<(Key, SharedLimit)>,
}

/// The state of a limit, shared by the calls that it applies to.
pub(crate) type SharedLimit = Rc<RefCell<RateLimitState>>;

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
    /// How long a send is remembered: twice the longest window, because the margin is at most one.
    memory: Nanos,
    /// Added to the window, in millionths of it.
    margin_ppm: u64,
    /// When the margin was last narrowed.
    narrowed_at: Nanos,
    /// 429s since the last acceptance, those of requests that were in flight together counted once.
    throttles: u32,
    /// When the latest of these arrived.
    throttled_at: Nanos,
    /// The hold that lasts longest.
    hold: Option<Hold>,
    /// A response has arrived: connections exist.
    has_responded: bool,
    /// A request was accepted.
    has_accepted: bool,
}

/// A time during which no request is sent.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    /// Which hold this is: each later one has a greater number.
    pub(crate) number: HoldNumber,
    /// When it ends: after an hour at most. The call whose response asked for it may wait longer.
    until: Nanos,
    /// The error that asked for it.
    by: Rc<Error>,
}

/// Identifies a hold of a limit. The default is before the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HoldNumber(u64);

impl InstanceState {
    /// Whether the instance has seen an acceptance.
    pub(crate) fn has_accepted(&self) -> Rc<Cell<bool>> {
        self.has_accepted.clone()
    }

    /// The state of a limit, for a new call. Of too many states, the one that was not used for longest is forgotten, unless a
    /// call uses it.
    pub(crate) fn limit(&mut self, tenant: Option<&str>, audience: &str, limit: ServiceLimit) -> SharedLimit {
        let is_same = |key: &Key| key.limit == limit && key.audience == audience && key.tenant.as_deref() == tenant;
        let entry = match self.limits.iter().position(|(key, _)| is_same(key)) {
            Some(position) => self.limits.remove(position),
            None => {
                if self.limits.len() >= MAX_STATES
                    && let Some(unused) = self.limits.iter().position(|(_, state)| Rc::strong_count(state) == 1)
                {
                    self.limits.remove(unused);
                }
                let key = Key { tenant: tenant.map(str::to_owned), audience: audience.to_owned(), limit };
                (key, Rc::new(RefCell::new(RateLimitState::new())))
            }
        };
        let state = entry.1.clone();
        self.limits.push(entry);
        state
    }
}

impl RateLimitState {
    pub(crate) fn new() -> RateLimitState {
        RateLimitState {
            sent: VecDeque::new(),
            memory: 0,
            margin_ppm: FIRST_MARGIN_PPM,
            narrowed_at: 0,
            throttles: 0,
            throttled_at: 0,
            hold: None,
            has_responded: false,
            has_accepted: false,
        }
    }

    /// When the next request may be sent: a time that may have passed.
    pub(crate) fn earliest(&self, limit: RateLimit) -> Nanos {
        // The send that must have left the window is the one `requests` sends ago.
        let leaving = self.sent.len().checked_sub(limit.requests as usize).and_then(|index| self.sent.get(index));
        // The first request may arrive late, because its connection has yet to be made.
        let lateness = if self.has_responded { 0 } else { MAX_LATENESS };
        let free = leaving.map_or(0, |sent| sent.saturating_add(self.spaced_window(limit)).saturating_add(lateness));
        free.max(self.held_until())
    }

    /// When the current hold ends: a time that may have passed.
    fn held_until(&self) -> Nanos {
        self.hold.as_ref().map_or(0, |hold| hold.until)
    }

    /// The number of the latest hold.
    pub(crate) fn hold_number(&self) -> HoldNumber {
        self.hold.as_ref().map(|hold| hold.number).unwrap_or_default()
    }

    /// The hold after the one with the number `known`, if it lasts beyond `now`: its end, and the error that asked for it, with
    /// the time that remains.
    pub(crate) fn held_by_others(&self, known: HoldNumber, now: Nanos) -> Option<(Nanos, Rc<Error>)> {
        let hold = self.hold.as_ref().filter(|hold| hold.number > known)?;
        let remaining = hold.until.checked_sub(now).filter(|remaining| *remaining > 0)?;
        Some((hold.until, Rc::new(Error::clone(&hold.by).with_remaining(remaining))))
    }

    /// The average time between requests at the limit.
    pub(crate) fn spacing(&self, limit: RateLimit) -> Nanos {
        self.spaced_window(limit).checked_div(limit.requests.into()).unwrap_or_default()
    }

    /// Records a request sent at `now` by a call whose action has the `documented` limit.
    pub(crate) fn sent(&mut self, limit: RateLimit, documented: RateLimit, now: Nanos) {
        let longest = from_ms(limit.window_ms.max(documented.window_ms));
        self.memory = self.memory.max(longest.saturating_mul(2));
        while self.sent.front().is_some_and(|sent| sent.saturating_add(self.memory) < now) {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }

    /// Records a response to a request sent at `sent`. The first one tells how late that request can have arrived.
    pub(crate) fn responded(&mut self, sent: Nanos, now: Nanos) {
        if !self.has_responded {
            self.has_responded = true;
            let lateness = now.saturating_sub(sent).min(MAX_LATENESS);
            for sent in &mut self.sent {
                *sent = sent.saturating_add(lateness).min(now.max(*sent));
            }
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

    /// Records a 429 to a request sent at `sent`. Returns how long to hold every request.
    pub(crate) fn throttled(
        &mut self,
        settings: &Settings,
        sent: Nanos,
        now: Nanos,
        retry_after: Option<Nanos>,
        random: &mut Random,
    ) -> Nanos {
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
        match retry_after {
            Some(asked) => asked.max(MIN_RETRY_AFTER).saturating_add(random.up_to(window / 5)),
            None => window.saturating_add(random.up_to(longest.saturating_sub(window))),
        }
    }

    /// Holds every request for `wait`, or an hour if that is less, because of `error`. Returns
    /// whether that is longer than before.
    pub(crate) fn hold(&mut self, wait: Nanos, now: Nanos, error: &Rc<Error>) -> bool {
        let until = now.saturating_add(wait.min(MAX_HOLD));
        let is_longer = until > self.held_until();
        if is_longer {
            let number = HoldNumber(self.hold_number().0.saturating_add(1));
            self.hold = Some(Hold { number, until, by: error.clone() });
        }
        is_longer
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

/// The most by which the first request of an instance is taken to arrive late: a name, and the handshakes of TCP and TLS.
const MAX_LATENESS: Nanos = SECOND / 4;

/// `Retry-After` counts whole seconds: 0 is anything below one.
pub(crate) const MIN_RETRY_AFTER: Nanos = SECOND;

/// States to remember: far more than the tenants that an instance serves at a time.
const MAX_STATES: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::action::ACTIONS;
    use crate::contract::arguments::Options;
    use crate::contract::error::{Judgement, Origin, Response};
    use crate::time::MILLISECOND;

    const USERS: RateLimit = RateLimit { requests: 1, window_ms: 1_000 };

    fn settings(rate_limit: RateLimit) -> Settings {
        let options = Options { rate_limit: Some(rate_limit), ..Options::default() };
        Settings::parse(&ACTIONS[3], options).unwrap()
    }

    fn error() -> Rc<Error> {
        error_of(Response { status: 429, ..Response::default() })
    }

    fn error_of(response: Response) -> Rc<Error> {
        let judgement = Judgement::of(429, "", Origin::MicrosoftGraph, false);
        Rc::new(Error::from_response(response, &judgement))
    }

    /// A 429 to a request.
    fn throttle(
        state: &mut RateLimitState,
        limit: RateLimit,
        sent: Nanos,
        now: Nanos,
        retry_after: Option<Nanos>,
        random: &mut Random,
    ) {
        let wait = state.throttled(&settings(limit), sent, now, retry_after, random);
        state.hold(wait, now, &error());
    }

    #[test]
    fn a_429_widens_the_spacing_once_and_acceptances_narrow_it() {
        let mut state = RateLimitState::new();
        let random = &mut Random::new(1);
        assert_eq!(state.spacing(USERS), 1_020 * MILLISECOND);
        throttle(&mut state, USERS, 0, SECOND, None, random);
        throttle(&mut state, USERS, 0, SECOND + 1, None, random);
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
            throttle(&mut state, USERS, now, now, None, random);
            let wait = state.held_until() - now;
            assert!((SECOND..=32 * SECOND).contains(&wait), "{wait}");
            longest = longest.max(wait);
            now = state.held_until();
        }
        assert!(longest > 28 * SECOND, "{longest}");
        state.accepted(USERS, now);
        for _ in 0..200 {
            throttle(&mut state, USERS, now, now, None, random);
            assert!((SECOND..=3 * SECOND).contains(&(state.held_until() - now)));
            now = state.held_until();
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
                throttle(&mut state, sign_ins, 0, 0, retry_after, random);
                state.held_until()
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
            throttle(&mut state, USERS, 0, 0, Some(asked * SECOND), &mut Random::new(3));
            assert!((least * SECOND..=least * SECOND + SECOND / 5).contains(&state.held_until()));
        }
    }

    #[test]
    fn a_wait_of_its_own_leaves_time_to_try_again() {
        let sign_ins = RateLimit { requests: 5, window_ms: 10_000 };
        let mut state = RateLimitState::new();
        let random = &mut Random::new(3);
        for _ in 0..100 {
            let now = state.held_until();
            throttle(&mut state, sign_ins, now, now, None, random);
            assert!(state.held_until() - now <= 180 * SECOND / 4, "a quarter of the patience");
        }
    }

    #[test]
    fn a_hold_ends_after_an_hour_for_other_calls() {
        let mut state = RateLimitState::new();
        throttle(&mut state, USERS, 0, 0, Some(Nanos::MAX), &mut Random::new(3));
        assert_eq!(state.held_until(), 3_600 * SECOND);
        assert!(state.held_by_others(HoldNumber::default(), 3_599 * SECOND).is_some());
        assert!(state.held_by_others(HoldNumber::default(), 3_600 * SECOND).is_none());
        assert!(state.held_by_others(state.hold_number(), SECOND).is_none(), "known");
    }

    #[test]
    fn another_call_reports_the_wait_that_remains() {
        let mut state = RateLimitState::new();
        let response = Response { status: 429, retry_after_ms: Some(600_000), ..Response::default() };
        state.hold(600 * SECOND, 0, &error_of(response));
        let (_, error) = state.held_by_others(HoldNumber::default(), 400 * SECOND).unwrap();
        assert_eq!(error.response.as_ref().unwrap().retry_after_ms, Some(200_000));
    }

    #[test]
    fn the_first_request_may_arrive_late() {
        let mut state = RateLimitState::new();
        state.sent(USERS, USERS, 0);
        assert_eq!(state.earliest(USERS), 1_270 * MILLISECOND);
        state.responded(0, 80 * MILLISECOND);
        assert_eq!(state.earliest(USERS), 1_100 * MILLISECOND);
        state.sent(USERS, USERS, 1_100 * MILLISECOND);
        state.responded(1_100 * MILLISECOND, 1_900 * MILLISECOND);
        assert_eq!(state.earliest(USERS), 2_120 * MILLISECOND);
    }

    #[test]
    fn sends_are_forgotten_after_two_windows() {
        let mut state = RateLimitState::new();
        let most = RateLimit { requests: 100_000, window_ms: 10 };
        for now in 0..100_000 {
            state.sent(most, USERS, now * MILLISECOND);
        }
        assert!(state.sent.len() <= 2_001, "{}", state.sent.len());
        let long = RateLimit { requests: 1, window_ms: 60_000 };
        state.has_responded = true;
        assert_eq!(state.earliest(long), 99_999 * MILLISECOND + 61_200 * MILLISECOND);
    }

    #[test]
    fn each_tenant_audience_and_limit_has_its_state() {
        let mut instance = InstanceState::default();
        instance.limit(Some("a"), "https://x", ServiceLimit::RiskyUsers).borrow_mut().hold(9, 0, &error());
        for (tenant, audience, limit, held_until) in [
            (None, "https://x", ServiceLimit::RiskyUsers, 0),
            (Some("b"), "https://x", ServiceLimit::RiskyUsers, 0),
            (Some("a"), "https://y", ServiceLimit::RiskyUsers, 0),
            (Some("a"), "https://x", ServiceLimit::SignIns, 0),
            (Some("a"), "https://x", ServiceLimit::RiskyUsers, 9),
        ] {
            let state = instance.limit(tenant, audience, limit);
            assert_eq!(state.borrow().held_until(), held_until, "{tenant:?} {audience} {limit:?}");
        }
    }

    #[test]
    fn a_limit_that_a_call_uses_is_not_forgotten() {
        let mut instance = InstanceState::default();
        let used = instance.limit(Some("used"), "https://x", ServiceLimit::RiskyUsers);
        instance.limit(Some("unused"), "https://x", ServiceLimit::RiskyUsers).borrow_mut().hold(9, 0, &error());
        for number in 0..2_000 {
            instance.limit(Some(&number.to_string()), "https://x", ServiceLimit::RiskyUsers);
        }
        assert!(Rc::ptr_eq(&used, &instance.limit(Some("used"), "https://x", ServiceLimit::RiskyUsers)));
        assert_eq!(instance.limit(Some("unused"), "https://x", ServiceLimit::RiskyUsers).borrow().held_until(), 0);
    }
}
