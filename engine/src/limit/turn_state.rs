//! The turns of one call: its place in the queue of all instances, and what it knows of the store
//! that keeps the queue.
//!
//! ```text
//!   Idle ── reserve ──▶ Reserved ── ask again ──▶ Granted ── sent ──▶ Idle
//!     ▲                    │  ▲                      │
//!     │                    └──┘ held, or not yet     │ not used in time
//!     └──────────────────────────────────────────────┘
//! ```
//!
//! While the store fails, or takes so long that turns would be missed, the instance keeps the limit
//! by itself.

use crate::backoff::backoff;
use crate::contract::action::RateLimit;
use crate::limit::announcement::Announcement;
use crate::limit::turn_step::Turn;
use crate::random::Random;
use crate::time::{Duration, Instant};

/// The turns of one call.
#[derive(Debug, Default)]
pub struct TurnState {
    place: Place,
    /// Failures and late results of the store in a row.
    failures: u32,
    /// The store is not asked before this time. Meanwhile the instance keeps the limit by itself.
    retry_at: Instant,
    /// The hold that the other instances are to learn of.
    announcement: Option<Announcement>,
    /// When the store was asked last.
    asked_at: Instant,
}

/// The place of a call in the queue.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// The call has no place.
    #[default]
    Idle,
    /// The store has failed, perhaps by chance, and is asked again.
    Failed { ticket: Option<u64>, ask_at: Instant },
    /// The call waits in the queue.
    Reserved { ticket: u64, ask_at: Instant },
    /// The call has its turn, which is lost if it is not used in time.
    Granted { from: Instant, until: Instant },
}

impl TurnState {
    /// Whether the store is used at `now`.
    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        now >= self.retry_at
    }

    /// The earliest time at which the next turn begins, or may begin.
    pub(crate) fn earliest(&self) -> Instant {
        match self.place {
            Place::Idle => Instant::ORIGIN,
            Place::Failed { ask_at, .. } | Place::Reserved { ask_at, .. } => ask_at,
            Place::Granted { from, .. } => from,
        }
    }

    /// Whether the call waits in the queue.
    pub(crate) fn is_queued(&self) -> bool {
        matches!(self.place, Place::Reserved { .. } | Place::Failed { ticket: Some(_), .. })
    }

    /// Whether a request may be sent from [`TurnState::earliest`] on. A turn that was not used in
    /// time is lost.
    pub(crate) fn is_granted(&mut self, now: Instant) -> bool {
        if matches!(self.place, Place::Granted { until, .. } if until < now) {
            self.place = Place::Idle;
        }
        matches!(self.place, Place::Granted { .. })
    }

    /// Records that the store is asked at `now`, and returns the place in the queue to ask for.
    pub(crate) fn ask(&mut self, now: Instant) -> Option<u64> {
        self.asked_at = now;
        self.ticket()
    }

    fn ticket(&self) -> Option<u64> {
        match self.place {
            Place::Reserved { ticket, .. } => Some(ticket),
            Place::Failed { ticket, .. } => ticket,
            Place::Idle | Place::Granted { .. } => None,
        }
    }

    /// The time that the store has taken by `now`.
    pub(crate) fn elapsed(&self, now: Instant) -> Duration {
        now.since(self.asked_at)
    }

    /// Records the result of a question for a turn.
    pub(crate) fn on_turn(
        &mut self,
        result: Result<Turn, String>,
        spacing: Duration,
        now: Instant,
        random: &mut Random,
    ) {
        // A late result counts as a failure, but the first ones are used, because the place that
        // they name would pass unused.
        let result = result.ok().filter(|_| !self.is_late(now) || self.failures < MAX_CONFLICTS);
        match result {
            Some(Turn::Granted(wait)) => {
                self.responded(now);
                let from = now.saturating_add(wait.min(MAX_GRANTED_WAIT));
                let until = from.saturating_add(spacing.part(TOLERANCE).max(MIN_TOLERANCE));
                self.place = Place::Granted { from, until };
            }
            Some(Turn::Reserved { ticket, ask_again_after, .. }) => {
                self.responded(now);
                let ask_at = now.saturating_add(ask_again_after.clamp(MIN_WAIT, MAX_WAIT));
                self.place = Place::Reserved { ticket, ask_at };
            }
            None => self.failed(now, random),
        }
    }

    /// Records that a request was sent.
    pub(crate) fn sent(&mut self) {
        if matches!(self.place, Place::Granted { .. }) {
            self.place = Place::Idle;
        }
    }

    /// Has the other instances learn of a hold.
    pub(crate) fn hold(&mut self, until: Instant) {
        self.announcement = Some(Announcement::new(until));
    }

    /// When to announce a hold to the other instances, unless the hold is over before.
    pub(crate) fn announce_at(&self) -> Option<Instant> {
        self.announcement?.due(self.retry_at)
    }

    /// How long the other instances are to wait, if they are to learn that now.
    pub(crate) fn announce(&mut self, now: Instant) -> Option<Duration> {
        self.announce_at().filter(|at| *at <= now)?;
        let announcement = self.announcement?;
        self.announcement = announcement.second(now);
        self.asked_at = now;
        announcement.wait(now)
    }

    /// Records the result of an announcement.
    pub(crate) fn on_hold_result(&mut self, result: Result<(), String>, now: Instant, random: &mut Random) {
        if result.is_err() {
            return self.failed(now, random);
        }
        if self.is_late(now) {
            // Not twice to a slow store: a call that has ended would wait for it.
            self.announcement = None;
        } else {
            self.failures = 0;
            let elapsed = self.elapsed(now);
            self.announcement = self.announcement.map(|announcement| announcement.postponed(elapsed, now));
        }
    }

    /// Records that the store has given a turn or a place.
    fn responded(&mut self, now: Instant) {
        self.failures = if self.is_late(now) { self.failures.saturating_add(1) } else { 0 };
    }

    fn is_late(&self, now: Instant) -> bool {
        self.elapsed(now) > MAX_STORE_TIME
    }

    /// Records that the store failed. A few failures may be by chance, because many ask at the same
    /// time.
    fn failed(&mut self, now: Instant, random: &mut Random) {
        self.failures = self.failures.saturating_add(1);
        self.place = match self.failures.checked_sub(MAX_CONFLICTS) {
            None | Some(0) => {
                let longest = FIRST_CONFLICT_WAIT.saturating_mul(self.failures.into());
                Place::Failed { ticket: self.ticket(), ask_at: now.saturating_add(random.up_to(longest)) }
            }
            Some(number) => {
                self.retry_at = now.saturating_add(backoff(number, MAX_STORE_WAIT, random));
                Place::Idle
            }
        };
    }
}

/// The time between turns, for the time between requests that the instance itself would keep. It is
/// longer, because clocks differ between hosts.
pub(crate) fn turn_spacing(own: Duration, limit: RateLimit) -> Duration {
    own.saturating_add(limit.window().part(MARGIN).part(limit.requests))
}

/// One part in this many of the window is added to it. With half of it, clocks 50 ms apart and 20
/// ms of jitter, 200 instances meet four or five 429s.
const MARGIN: u32 = 16;

/// A turn is lost after one part in this many of the time between turns, but not before timers can
/// fire.
const TOLERANCE: u32 = 32;

const MIN_TOLERANCE: Duration = Duration::from_millis(10);

/// The longest time for which a turn can be granted in advance.
const MAX_GRANTED_WAIT: Duration = Duration::from_secs(1);

/// The shortest time between two questions for the same place.
const MIN_WAIT: Duration = Duration::from_millis(10);

/// The longest time between two questions for the same place.
const MAX_WAIT: Duration = Duration::from_secs(600);

/// The time after which a result is late: two operations of half a second each. A place is asked
/// for at most that long before its turn, so that a slower store would lose it and take another
/// one.
const MAX_STORE_TIME: Duration = Duration::from_secs(1);

/// Failures in a row that may be by chance.
const MAX_CONFLICTS: u32 = 2;

/// The longest wait after the first failure that may be by chance.
const FIRST_CONFLICT_WAIT: Duration = Duration::from_millis(500);

/// The longest time for which a store that fails is not asked, without jitter.
const MAX_STORE_WAIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: RateLimit = RateLimit { requests: 1, window_ms: 1_000 };
    const SECOND: Duration = Duration::from_secs(1);
    const LATE: Duration = Duration::from_millis(1_001);
    const RESERVED: Turn =
        Turn::Reserved { ticket: 7, ask_again_after: Duration::from_secs(3), held_for: Duration::ZERO };

    fn at(ms: u32) -> Instant {
        Instant::ORIGIN.saturating_add(Duration::from_millis(ms))
    }

    fn after(result: Result<Turn, String>) -> TurnState {
        let mut turns = TurnState::default();
        turns.on_turn(result, SECOND, at(0), &mut Random::new(1));
        turns
    }

    #[test]
    fn a_granted_turn_is_lost_when_it_is_not_used_in_time() {
        let mut turns = after(Ok(Turn::Granted(Duration::from_millis(500))));
        assert_eq!(turns.earliest(), at(500));
        assert!(turns.is_granted(at(530)));
        assert!(!turns.is_granted(at(540)));
        assert_eq!(turns.earliest(), at(0));
    }

    #[test]
    fn a_place_is_kept_until_it_is_granted_and_used_once() {
        let mut turns = after(Ok(RESERVED));
        assert_eq!((turns.ask(at(0)), turns.earliest()), (Some(7), at(3_000)));
        turns.on_turn(Ok(Turn::Granted(Duration::ZERO)), SECOND, at(3_000), &mut Random::new(1));
        assert!(turns.is_granted(at(3_000)));
        turns.sent();
        assert!(!turns.is_granted(at(3_000)) && turns.ask(at(0)).is_none());
    }

    #[test]
    fn a_store_that_fails_is_asked_less_and_less_often() {
        let mut turns = after(Err(String::new()));
        assert!(turns.is_usable(at(0)) && turns.earliest() <= at(500));
        turns.failed(at(0), &mut Random::new(1));
        assert!(turns.is_usable(at(0)) && turns.earliest() <= at(1_000));
        turns.failed(at(0), &mut Random::new(1));
        assert!(!turns.is_usable(at(2_000)) && turns.is_usable(at(4_000)));
        for _ in 0..9 {
            turns.failed(at(0), &mut Random::new(1));
        }
        assert!(!turns.is_usable(at(59_000)) && turns.is_usable(at(75_000)));
    }

    #[test]
    fn a_store_that_is_late_three_times_in_a_row_is_asked_less_often() {
        for turn in [RESERVED, Turn::Granted(Duration::ZERO)] {
            for (took, is_usable) in [(SECOND, true), (LATE, false)] {
                let mut turns = TurnState::default();
                for number in 1..=3 {
                    let asked = at(10_000 * number);
                    assert!(turns.is_usable(asked));
                    turns.ask(asked);
                    let now = asked.saturating_add(took);
                    turns.on_turn(Ok(turn), SECOND, now, &mut Random::new(1));
                    let is_used = turns.is_queued() || turns.is_granted(now);
                    assert_eq!(is_used, is_usable || number < 3, "{turn:?}, {number}: the first results are used");
                }
                assert_eq!(turns.is_usable(at(32_000)), is_usable, "{turn:?}");
            }
        }
    }

    #[test]
    fn a_hold_is_announced_twice_and_only_while_it_lasts() {
        let mut turns = TurnState::default();
        turns.hold(at(5_000));
        assert_eq!(turns.announce(at(1_000)), Some(Duration::from_secs(4)));
        assert_eq!(turns.announce(at(1_000)), None);
        assert_eq!(turns.announce_at(), Some(at(1_250)));
        assert_eq!(turns.announce(at(1_250)), Some(Duration::from_millis(3_750)));
        assert_eq!((turns.announce_at(), turns.announce(at(3_000))), (None, None));
        turns.hold(at(5_000));
        assert_eq!(turns.announce(at(6_000)), None);
        assert_eq!(turns.announce_at(), None);
    }

    #[test]
    fn a_hold_is_announced_once_to_a_store_that_is_late() {
        for (took, again_at) in [(SECOND, Some(at(5_000))), (LATE, None)] {
            let mut turns = TurnState::default();
            turns.hold(at(60_000));
            assert!(turns.announce(at(1_000)).is_some());
            turns.on_hold_result(Ok(()), at(1_000).saturating_add(took), &mut Random::new(1));
            assert_eq!(turns.announce_at(), again_at);
        }
    }

    #[test]
    fn turns_are_further_apart_than_the_sends_of_one_instance() {
        let sign_ins = RateLimit { requests: 5, window_ms: 10_000 };
        assert_eq!(turn_spacing(Duration::from_millis(1_020), USERS), Duration::from_nanos(1_082_500_000));
        assert_eq!(turn_spacing(Duration::from_millis(2_040), sign_ins), Duration::from_millis(2_165));
    }
}
