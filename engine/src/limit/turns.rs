//! Turns shared with other instances: when the next request may be sent so that all of them together keep the limit.
//!
//! ```text
//!   Idle ── reserve ──▶ Reserved ── ask again ──▶ Granted ── sent ──▶ Idle
//!     ▲                    │  ▲                      │
//!     │                    └──┘ held, or not yet     │ not used in time
//!     └──────────────────────────────────────────────┘
//! ```
//!
//! While the store fails, or takes so long that turns would be missed, the instance keeps the limit by itself.

use crate::backoff::backoff;
use crate::contract::action::{RateLimit, ServiceLimit};
use crate::random::Random;
use crate::time::{Nanos, SECOND, from_ms};

/// Instances whose queues are equal take turns with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Names the tenant.
    pub tenant: Option<String>,
    /// The audience of the token.
    pub audience: String,
    /// The limit.
    pub limit: ServiceLimit,
}

/// What to ask for a turn.
#[derive(Debug)]
pub struct TurnRequest {
    /// The queue.
    pub queue: Queue,
    /// The place in the queue, if there is one.
    pub ticket: Option<u64>,
    /// The time between turns.
    pub spacing: Nanos,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is this instance's turn after this time.
    Granted(Nanos),
    /// A place in the queue.
    Reserved {
        /// The place.
        ticket: u64,
        /// The time after which to ask again.
        ask_again_after: Nanos,
        /// How long everyone in the queue is held.
        held_for: Nanos,
    },
}

/// What a call asks of the other instances.
#[derive(Debug)]
pub enum TurnStep {
    /// Ask for a turn, then report the answer to [`Call::turn`](crate::call::Call::turn).
    Reserve(TurnRequest),
    /// Ask the other instances of this queue to wait so long, then report the result to
    /// [`Call::held`](crate::call::Call::held).
    Hold(Queue, Nanos),
}

/// What a call asks of other instances if it takes no turns with any: nothing.
#[derive(Debug)]
pub enum NoTurns {}

/// Whether a call takes turns with other instances, as the type of what it asks of them.
pub trait Turning: Sized {
    /// Whether it does. A plugin without turns has none of their code.
    const TAKES_TURNS: bool;

    /// The step as this type; none if the call takes no turns.
    fn new(step: TurnStep) -> Option<Self>;
}

impl Turning for TurnStep {
    const TAKES_TURNS: bool = true;

    fn new(step: TurnStep) -> Option<TurnStep> {
        Some(step)
    }
}

impl Turning for NoTurns {
    const TAKES_TURNS: bool = false;

    fn new(_: TurnStep) -> Option<NoTurns> {
        None
    }
}

/// The turns of one call.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    state: State,
    /// Errors and late turns in a row.
    failures: u32,
    /// The store is not asked before: meanwhile the instance keeps the limit by itself.
    retry_at: Nanos,
    /// Until when the others are to wait, and when to announce it to them.
    hold: Option<(Nanos, Nanos)>,
    /// It was announced once.
    is_announced: bool,
    /// When the store was asked.
    asked_at: Nanos,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Idle,
    /// The store has failed, perhaps by chance, and is asked again.
    Failed {
        ticket: Option<u64>,
        ask_at: Nanos,
    },
    Reserved {
        ticket: u64,
        ask_at: Nanos,
    },
    Granted {
        at: Nanos,
        until: Nanos,
    },
}

impl Turns {
    /// Whether the store is used at `now`.
    pub(crate) fn is_usable(&self, now: Nanos) -> bool {
        now >= self.retry_at
    }

    /// When the next turn begins, or may begin: a time that may have passed.
    pub(crate) fn earliest(&self) -> Nanos {
        match self.state {
            State::Idle => 0,
            State::Failed { ask_at, .. } | State::Reserved { ask_at, .. } => ask_at,
            State::Granted { at, .. } => at,
        }
    }

    /// There is a place in the queue.
    pub(crate) fn is_queued(&self) -> bool {
        matches!(self.state, State::Reserved { .. } | State::Failed { ticket: Some(_), .. })
    }

    /// A request may be sent from [`Turns::earliest`] on. A turn that was not used in time is lost.
    pub(crate) fn is_granted(&mut self, now: Nanos) -> bool {
        if matches!(self.state, State::Granted { until, .. } if until < now) {
            self.state = State::Idle;
        }
        matches!(self.state, State::Granted { .. })
    }

    /// Records a question, and returns the place in the queue for it.
    pub(crate) fn ask(&mut self, now: Nanos) -> Option<u64> {
        self.asked_at = now;
        self.ticket()
    }

    fn ticket(&self) -> Option<u64> {
        match self.state {
            State::Reserved { ticket, .. } => Some(ticket),
            State::Failed { ticket, .. } => ticket,
            State::Idle | State::Granted { .. } => None,
        }
    }

    /// The time that the store took to answer at `now`.
    pub(crate) fn elapsed(&self, now: Nanos) -> Nanos {
        now.saturating_sub(self.asked_at)
    }

    /// Takes in the answer to a question.
    pub(crate) fn answered(&mut self, result: Result<Turn, String>, spacing: Nanos, now: Nanos, random: &mut Random) {
        // A late answer counts as an error, but the first ones are used: the place that they name would pass unused.
        let result = result.ok().filter(|_| !self.is_late(now) || self.failures < MAX_CONFLICTS);
        match result {
            Some(Turn::Granted(wait)) => {
                let at = now.saturating_add(wait.min(MAX_GRANTED_WAIT));
                self.responded(now);
                self.state = State::Granted { at, until: at.saturating_add((spacing / TOLERANCE).max(MIN_TOLERANCE)) };
            }
            Some(Turn::Reserved { ticket, ask_again_after, .. }) => {
                self.responded(now);
                let ask_at = now.saturating_add(ask_again_after.clamp(MIN_WAIT, MAX_WAIT));
                self.state = State::Reserved { ticket, ask_at };
            }
            None => self.failed(now, random),
        }
    }

    /// Records that the store took in the hold at `now`.
    pub(crate) fn announced(&mut self, now: Nanos) {
        if !self.is_late(now) {
            self.failures = 0;
        }
        let again = now.saturating_add(ANNOUNCE_AGAIN_AFTER.max(self.elapsed(now).saturating_mul(3)));
        // Not twice to a slow store: a call that has ended would wait for it.
        self.hold = self.hold.filter(|_| !self.is_late(now)).map(|(until, _)| (until, again));
    }

    /// Records that the store answered a question at `now`.
    fn responded(&mut self, now: Nanos) {
        self.failures = if self.is_late(now) { self.failures.saturating_add(1) } else { 0 };
    }

    fn is_late(&self, now: Nanos) -> bool {
        self.elapsed(now) > MAX_STORE_TIME
    }

    /// Records that the store failed: a few times may be by chance, because many ask at the same time.
    pub(crate) fn failed(&mut self, now: Nanos, random: &mut Random) {
        self.failures = self.failures.saturating_add(1);
        self.state = match self.failures.checked_sub(MAX_CONFLICTS) {
            None | Some(0) => {
                let most = FIRST_CONFLICT_WAIT.saturating_mul(self.failures.into());
                State::Failed { ticket: self.ticket(), ask_at: now.saturating_add(random.up_to(most)) }
            }
            Some(number) => {
                self.retry_at = now.saturating_add(backoff(number, MAX_STORE_WAIT, random));
                State::Idle
            }
        };
    }

    /// Records that a request was sent.
    pub(crate) fn sent(&mut self) {
        if matches!(self.state, State::Granted { .. }) {
            self.state = State::Idle;
        }
    }

    /// Asks the other instances to wait until `until`.
    pub(crate) fn hold(&mut self, until: Nanos) {
        self.hold = Some((until, 0));
        self.is_announced = false;
    }

    /// When to announce a hold to the others, unless it is over before.
    pub(crate) fn announce_at(&self) -> Option<Nanos> {
        self.hold.map(|(until, at)| (until, at.max(self.retry_at))).filter(|(until, at)| at < until).map(|(_, at)| at)
    }

    /// How long the others are to wait, if that is to be announced now. It is announced twice, because another instance may
    /// have changed the queue at the same moment; to a slow store once.
    pub(crate) fn take_announcement(&mut self, now: Nanos) -> Option<Nanos> {
        self.announce_at().filter(|at| *at <= now)?;
        let (until, _) = self.hold?;
        let again = now.saturating_add(ANNOUNCE_AGAIN_AFTER);
        self.hold = (!self.is_announced && again < until).then_some((until, again));
        self.is_announced = true;
        self.asked_at = now;
        until.checked_sub(now).filter(|wait| *wait > 0)
    }
}

/// The time between turns, for the time between requests that the instance itself would keep: more, because clocks differ
/// between hosts.
pub(crate) fn spacing(own: Nanos, limit: RateLimit) -> Nanos {
    let more = (from_ms(limit.window_ms) / MARGIN).checked_div(limit.requests.into()).unwrap_or_default();
    own.saturating_add(more)
}

/// One part in so many of the window is added to it. With half of this, clocks 50 ms apart and 20 ms of jitter, 200 instances
/// meet four or five 429s.
const MARGIN: u64 = 16;

/// A turn is lost after one part in so many of the time between turns, but not before timers can fire.
const TOLERANCE: u64 = 32;
const MIN_TOLERANCE: Nanos = SECOND / 100;

/// The longest time for which a turn can be granted in advance.
const MAX_GRANTED_WAIT: Nanos = SECOND;

/// The shortest and the longest time between two questions for the same place.
const MIN_WAIT: Nanos = SECOND / 100;
const MAX_WAIT: Nanos = 600 * SECOND;

/// The time after which a turn is late: two operations, of half a second each. A place is asked for at most that long before its
/// turn, so with a slower store it would be lost, and another one taken.
const MAX_STORE_TIME: Nanos = SECOND;

/// Failures in a row that may be by chance.
const MAX_CONFLICTS: u32 = 2;

/// The longest wait after the first of them.
const FIRST_CONFLICT_WAIT: Nanos = SECOND / 2;

/// The time after which a hold is announced again: longer than an operation of the store takes.
const ANNOUNCE_AGAIN_AFTER: Nanos = SECOND / 4;

/// The longest time for which a store that fails is not asked.
const MAX_STORE_WAIT: Nanos = 60 * SECOND;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::MILLISECOND;

    const USERS: RateLimit = RateLimit { requests: 1, window_ms: 1_000 };

    fn answered(result: Result<Turn, String>) -> Turns {
        let mut turns = Turns::default();
        turns.answered(result, SECOND, 0, &mut Random::new(1));
        turns
    }

    #[test]
    fn a_granted_turn_is_lost_when_it_is_not_used_in_time() {
        let mut turns = answered(Ok(Turn::Granted(SECOND / 2)));
        assert_eq!(turns.earliest(), SECOND / 2);
        assert!(turns.is_granted(SECOND / 2 + 30 * MILLISECOND));
        assert!(!turns.is_granted(SECOND / 2 + 40 * MILLISECOND));
        assert_eq!(turns.earliest(), 0);
    }

    #[test]
    fn a_place_is_kept_until_it_is_granted_and_used_once() {
        let mut turns = answered(Ok(Turn::Reserved { ticket: 7, ask_again_after: 3 * SECOND, held_for: 0 }));
        assert_eq!((turns.ask(0), turns.earliest()), (Some(7), 3 * SECOND));
        turns.answered(Ok(Turn::Granted(0)), SECOND, 3 * SECOND, &mut Random::new(1));
        assert!(turns.is_granted(3 * SECOND));
        turns.sent();
        assert!(!turns.is_granted(3 * SECOND) && turns.ask(0).is_none());
    }

    #[test]
    fn a_store_that_fails_is_asked_less_and_less_often() {
        let mut turns = answered(Err(String::new()));
        assert!(turns.is_usable(0) && turns.earliest() <= SECOND / 2);
        turns.failed(0, &mut Random::new(1));
        assert!(turns.is_usable(0) && turns.earliest() <= SECOND);
        turns.failed(0, &mut Random::new(1));
        assert!(!turns.is_usable(2 * SECOND) && turns.is_usable(4 * SECOND));
        for _ in 0..9 {
            turns.failed(0, &mut Random::new(1));
        }
        assert!(!turns.is_usable(59 * SECOND) && turns.is_usable(75 * SECOND));
    }

    #[test]
    fn a_store_that_is_late_three_times_in_a_row_is_asked_less_often() {
        let reserved = Turn::Reserved { ticket: 7, ask_again_after: 3 * SECOND, held_for: 0 };
        for (turn, took, is_usable) in [
            (reserved, SECOND, true),
            (reserved, SECOND + 1, false),
            (Turn::Granted(0), SECOND, true),
            (Turn::Granted(0), SECOND + 1, false),
        ] {
            let mut turns = Turns::default();
            for number in 1..=3 {
                let asked = 10 * number * SECOND;
                assert!(turns.is_usable(asked));
                turns.ask(asked);
                turns.answered(Ok(turn), SECOND, asked + took, &mut Random::new(1));
                // The first answers are used.
                let is_used = turns.is_queued() || turns.is_granted(asked + took);
                assert_eq!(is_used, is_usable || number < 3, "{turn:?}, {number}");
            }
            assert_eq!(turns.is_usable(32 * SECOND), is_usable, "{turn:?}");
        }
    }

    #[test]
    fn a_hold_is_announced_twice_and_only_while_it_lasts() {
        let mut turns = Turns::default();
        turns.hold(5 * SECOND);
        assert_eq!(turns.take_announcement(SECOND), Some(4 * SECOND));
        assert_eq!(turns.take_announcement(SECOND), None);
        assert_eq!(turns.announce_at(), Some(SECOND * 5 / 4));
        assert_eq!(turns.take_announcement(SECOND * 5 / 4), Some(SECOND * 15 / 4));
        assert_eq!((turns.announce_at(), turns.take_announcement(3 * SECOND)), (None, None));
        turns.hold(5 * SECOND);
        assert_eq!(turns.take_announcement(6 * SECOND), None);
        assert_eq!(turns.announce_at(), None);
    }

    #[test]
    fn a_hold_is_announced_once_to_a_store_that_is_late() {
        for (took, again_at) in [(SECOND, Some(5 * SECOND)), (SECOND + 1, None)] {
            let mut turns = Turns::default();
            turns.hold(60 * SECOND);
            assert!(turns.take_announcement(SECOND).is_some());
            turns.announced(SECOND + took);
            assert_eq!(turns.announce_at(), again_at);
        }
    }

    #[test]
    fn turns_are_further_apart_than_the_sends_of_one_instance() {
        assert_eq!(spacing(1_020 * MILLISECOND, USERS), 1_082_500_000);
        assert_eq!(spacing(2_040 * MILLISECOND, RateLimit { requests: 5, window_ms: 10_000 }), 2_165 * MILLISECOND);
    }
}
