//! A queue in a key-value store. A counter gives out tickets, and the base maps a ticket to the time of its turn:
//!
//! ```text
//!   time of a turn = base.time + (ticket − base.ticket) × base.spacing
//! ```
//!
//! A ticket whose time has passed unused is lost, and its owner takes a new one. A new ticket whose time has passed means
//! that nobody waits: then its owner writes a base in which it comes first. Others may do the same at that moment, and the last
//! one wins. Therefore that turn begins a little later, at a time at which a turn of the old base would begin. Every instance
//! reads the base again when the base begins, and again shortly before its turn.
//!
//! Operations for each turn: one increment and two reads. After a pause, a write or a read more; for a ticket that is lost, an
//! increment and at most two reads more. An increment may fail because another comes first, and is tried four times.
//!
//! Some stores create a counter without checking whether another instance has just created it: when a queue is used for the very first time, two
//! instances may then get the same turn.

use entra_risk_engine::time::{MILLISECOND, Nanos, SECOND};
use entra_risk_engine::turns::Turn;

/// The store and the clock that all instances share.
pub(crate) trait Store {
    /// The value of an entry.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, String>;
    /// Writes an entry.
    fn set(&self, key: &str, value: &[u8]) -> Result<(), String>;
    /// Adds 1 to an entry, atomically once it exists, and returns its new value.
    fn increment(&self, key: &str) -> Result<u64, String>;
    /// The time of day.
    fn now(&self) -> Nanos;
}

/// The start of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Base {
    ticket: u64,
    time: Nanos,
    spacing: Nanos,
    /// Until when everyone is held.
    held_until: Nanos,
}

/// Reserves a turn, or asks for that of `ticket`, as the contract states.
pub(crate) fn reserve(store: &impl Store, name: &str, ticket: Option<u64>, spacing: Nanos) -> Result<Turn, String> {
    let asked = store.now();
    let spacing = spacing.min(MAX_SPACING);
    let is_new = ticket.is_none();
    let mut ticket = ticket.map_or_else(|| increment(store, name), Ok)?;
    let mut base = read(store, name)?;
    if is_new && ticket == FIRST_TICKET {
        // Where the first increment creates the counter, several instances may do so at the same time.
        return Ok(Turn::Reserved { ticket: NO_TICKET, ask_again_after: SETTLING, held_for: 0 });
    }
    // A place that was kept is asked for before its turn; a new one must not have passed while the store was asked.
    // And nobody waits for hours: then the counter was deleted, or a clock was wrong.
    let latest = asked.saturating_add(MAX_QUEUE);
    let time_from =
        |base: Option<Base>, ticket, from| base?.time_of(ticket).filter(|time| (from..=latest).contains(time));
    let mut time = time_from(base, ticket, if is_new { store.now() } else { asked });
    if time.is_none() && !is_new {
        ticket = increment(store, name)?;
        time = time_from(base, ticket, store.now());
        // Increments may take long, and a new base must follow soon after the old one was read.
        if time.is_none() {
            base = read(store, name)?;
            time = time_from(base, ticket, store.now());
        }
    }
    let Some((base, time)) = base.zip(time) else {
        return start(store, name, base, Base { ticket, time: asked, spacing, held_until: 0 });
    };
    let time = if spacing > base.spacing.saturating_add(base.spacing / 100) {
        let slower = Base { spacing, ..base.advanced_to(store.now()) };
        write(store, name, slower)?;
        slower.time_of(ticket).unwrap_or(time)
    } else {
        time
    };
    let now = store.now();
    // A slow store is asked earlier.
    let early = now.saturating_sub(asked).saturating_mul(2).clamp(EARLY, SECOND / 2);
    let wait = time.saturating_sub(now);
    if base.time > now && base.held_until <= now && wait > early {
        // Others may still write a base, so that this ticket comes earlier or is lost.
        let ask_again_after = base.time.saturating_sub(now);
        return Ok(Turn::Reserved { ticket, ask_again_after, held_for: 0 });
    }
    match wait.checked_sub(early) {
        Some(rest) if rest > early / 2 => {
            Ok(Turn::Reserved { ticket, ask_again_after: rest, held_for: base.held_until.saturating_sub(now) })
        }
        _ => Ok(Turn::Granted(wait)),
    }
}

/// Holds the queue, as the contract states.
pub(crate) fn hold(store: &impl Store, name: &str, wait: Nanos) -> Result<(), String> {
    let now = store.now();
    let base = read(store, name)?;
    // For those whose clock is ahead.
    let until = now.saturating_add(wait.min(MAX_HOLD)).saturating_add(MAX_SKEW);
    // The next new ticket comes first in a queue that has none.
    let before_first_ticket = Base { ticket: u64::MAX, time: now, spacing: 0, held_until: now };
    let next = base.map_or(before_first_ticket, |base| base.advanced_to(now));
    // Told again, it is the same hold.
    if next.time.min(next.held_until).saturating_add(MAX_SKEW) >= until {
        return Ok(());
    }
    write(store, name, Base { time: next.time.max(until), held_until: next.held_until.max(until), ..next })
}

/// The name of a queue: the limit, the audience and the tenant.
pub(crate) fn name(limit: &str, audience: &str, tenant: Option<&str>) -> String {
    let mut name = limit.to_owned();
    for part in [Some(audience), tenant].into_iter().flatten() {
        name.push('.');
        for byte in part.bytes() {
            match byte {
                b'-' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => name.push(byte.into()),
                // Stores differ in the characters that a key may contain.
                _ => name.push_str(&format!("_{byte:02x}")),
            }
        }
    }
    name
}

impl Base {
    /// The time of a ticket, unless it is from before this base.
    fn time_of(self, ticket: u64) -> Option<Nanos> {
        let place = ticket.checked_sub(self.ticket)?;
        Some(self.time.saturating_add(place.saturating_mul(self.spacing)))
    }

    /// The same queue from the first ticket whose time has not passed.
    fn advanced_to(self, now: Nanos) -> Base {
        let passed = now.saturating_sub(self.time).div_ceil(self.spacing.max(1));
        let ticket = self.ticket.saturating_add(passed);
        Base { ticket, time: self.time_of(ticket).unwrap_or(now), ..self }
    }
}

/// Writes a base in which the ticket of `own` comes first. The store is asked since the time of `own`.
fn start(store: &impl Store, name: &str, base: Option<Base>, own: Base) -> Result<Turn, String> {
    let now = store.now();
    let elapsed = now.saturating_sub(own.time);
    let first = now.saturating_add(SETTLING.max(elapsed.saturating_mul(3)));
    let start = match base {
        // The queue is held.
        Some(base) if base.time > first => Base { ticket: own.ticket, spacing: own.spacing.max(base.spacing), ..base },
        // At a time of the old base, because a later ticket may be granted by it at this moment.
        Some(base) if base.spacing > 0 => Base { time: base.advanced_to(first).time, ..own },
        _ => Base { time: first, ..own },
    };
    write(store, name, start)?;
    let ask_again_after = start.time.saturating_sub(store.now()).saturating_sub(EARLY.max(elapsed));
    Ok(Turn::Reserved { ticket: own.ticket, ask_again_after, held_for: start.held_until.saturating_sub(now) })
}

fn increment(store: &impl Store, name: &str) -> Result<u64, String> {
    let key = [name, ".ticket"].concat();
    let mut result = Err(String::new());
    let begun = store.now();
    for _ in 0..MAX_INCREMENTS {
        result = store.increment(&key);
        // A store that is slow to fail is not asked again at once.
        if result.is_ok() || store.now().saturating_sub(begun) > SECOND / 2 {
            break;
        }
    }
    result
}

fn read(store: &impl Store, name: &str) -> Result<Option<Base>, String> {
    let value = store.get(&[name, ".base"].concat())?;
    let latest = store.now().saturating_add(MAX_QUEUE);
    Ok(value.and_then(|value| parse(&value)).filter(|base| base.time <= latest && base.spacing <= MAX_SPACING))
}

fn write(store: &impl Store, name: &str, base: Base) -> Result<(), String> {
    let Base { ticket, time, spacing, held_until } = base;
    store.set(&[name, ".base"].concat(), format!("{ticket} {time} {spacing} {held_until}").as_bytes())
}

/// Another value than four numbers is no base.
fn parse(value: &[u8]) -> Option<Base> {
    let mut numbers = str::from_utf8(value).ok()?.split(' ').map(|number| number.parse().ok());
    let mut next = || numbers.next().flatten();
    let base = Base { ticket: next()?, time: next()?, spacing: next()?, held_until: next()? };
    numbers.next().is_none().then_some(base)
}

/// The ticket of the increment that creates the counter.
const FIRST_TICKET: u64 = 1;

/// A ticket that is always lost.
const NO_TICKET: u64 = 0;

/// The time before the first turn of a queue: longer than an instance takes from reading the old base to writing a new one.
const SETTLING: Nanos = 250 * MILLISECOND;

/// The time before a turn at which the base is read again.
const EARLY: Nanos = 100 * MILLISECOND;

/// Tries of an increment: several instances may start at the same time.
const MAX_INCREMENTS: u32 = 4;

/// The longest time between turns. An instance whose limit is lower keeps it by itself.
const MAX_SPACING: Nanos = 600 * SECOND;

/// The longest wait for a turn.
const MAX_QUEUE: Nanos = 7_200 * SECOND;

/// The most by which the clocks of hosts may differ.
const MAX_SKEW: Nanos = 50 * MILLISECOND;

/// The longest hold: whatever a response asks for, others try again after that.
const MAX_HOLD: Nanos = 3_600 * SECOND;

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may fail")]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;

    use super::*;

    const SPACING: Nanos = SECOND;

    /// A store without latency, and its clock.
    #[derive(Default)]
    struct Memory {
        entries: RefCell<BTreeMap<String, Vec<u8>>>,
        counter: Cell<u64>,
        /// Increments that fail next.
        conflicts: Cell<u32>,
        operations: Cell<u32>,
        now: Cell<Nanos>,
    }

    impl Store for Memory {
        fn get(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
            self.operations.set(self.operations.get() + 1);
            Ok(self.entries.borrow().get(key).cloned())
        }

        fn set(&self, key: &str, value: &[u8]) -> Result<(), String> {
            self.operations.set(self.operations.get() + 1);
            self.entries.borrow_mut().insert(key.to_owned(), value.to_owned());
            Ok(())
        }

        fn increment(&self, _: &str) -> Result<u64, String> {
            self.operations.set(self.operations.get() + 1);
            if let Some(rest) = self.conflicts.get().checked_sub(1) {
                self.conflicts.set(rest);
                return Err("wrong last sequence".to_owned());
            }
            self.counter.set(self.counter.get() + 1);
            Ok(self.counter.get())
        }

        fn now(&self) -> Nanos {
            self.now.get()
        }
    }

    impl Memory {
        /// A store in which the queue was used before.
        fn at_noon() -> Memory {
            let store = Memory::default();
            store.now.set(43_200 * SECOND);
            store.counter.set(9);
            store
        }

        fn reserve(&self, ticket: Option<u64>) -> Turn {
            reserve(self, "users", ticket, SPACING).unwrap()
        }

        /// The time of a new turn.
        fn turn(&self) -> Nanos {
            self.times([self.reserve(None)])[0]
        }

        /// The times of turns: each asks when it is told to, until it is granted.
        fn times<const N: usize>(&self, turns: [Turn; N]) -> [Nanos; N] {
            let asked = self.now();
            let mut waiting: Vec<(Nanos, usize, Turn)> =
                turns.into_iter().enumerate().map(|(of, turn)| (asked, of, turn)).collect();
            let mut times = [0; N];
            while let Some(next) = (0..waiting.len()).min_by_key(|index| due(&waiting[*index])) {
                let (asked, of, turn) = waiting.swap_remove(next);
                match turn {
                    Turn::Granted(wait) => times[of] = asked + wait,
                    Turn::Reserved { ticket, ask_again_after, .. } => {
                        self.now.set(asked + ask_again_after);
                        waiting.push((self.now(), of, self.reserve(Some(ticket))));
                    }
                }
            }
            times
        }
    }

    /// When a waiting turn asks again.
    fn due((asked, _, turn): &(Nanos, usize, Turn)) -> Nanos {
        match turn {
            Turn::Granted(_) => *asked,
            Turn::Reserved { ask_again_after, .. } => asked + ask_again_after,
        }
    }

    #[test]
    fn turns_are_a_spacing_apart_and_the_first_comes_at_once() {
        let store = Memory::at_noon();
        let start = store.now();
        let times = store.times([store.reserve(None), store.reserve(None), store.reserve(None)]);
        assert_eq!(times, [0, 1, 2].map(|place| start + SETTLING + place * SPACING));
    }

    #[test]
    fn a_turn_takes_three_operations_and_the_first_after_a_pause_four() {
        let store = Memory::at_noon();
        store.now.set(store.turn());
        store.operations.set(0);
        store.turn();
        assert_eq!(store.operations.replace(0), 3);
        store.now.set(store.now() + 60 * SECOND);
        store.turn();
        assert_eq!(store.operations.get(), 4);
    }

    #[test]
    fn a_turn_that_was_missed_is_lost_and_another_is_taken() {
        let store = Memory::at_noon();
        store.turn();
        let Turn::Reserved { ticket: missed, .. } = store.reserve(None) else { panic!("granted at once") };
        let others: Vec<Turn> = (0..4).map(|_| store.reserve(None)).collect();
        let Turn::Reserved { ticket: last, .. } = others[3] else { panic!("granted at once") };
        store.now.set(store.now() + 3 * SECOND);
        let Turn::Reserved { ticket, .. } = store.reserve(Some(missed)) else { panic!("the missed turn") };
        assert_eq!(ticket, missed + 5);
        let times = store.times([store.reserve(Some(last)), store.reserve(Some(ticket))]);
        assert_eq!(times[1], times[0] + SPACING);
    }

    #[test]
    fn a_hold_moves_every_turn_and_keeps_the_order() {
        let store = Memory::at_noon();
        let start = store.turn() + MILLISECOND;
        store.now.set(start);
        let turns = [store.reserve(None), store.reserve(None)];
        hold(&store, "users", 30 * SECOND).unwrap();
        hold(&store, "users", 10 * SECOND).unwrap();
        let times = store.times(turns);
        let until = start + 30 * SECOND + MAX_SKEW;
        assert_eq!(times, [until, until + SPACING]);
    }

    #[test]
    fn a_hold_of_an_empty_queue_lasts_too() {
        for uses in [0, 1] {
            let store = Memory::at_noon();
            for _ in 0..uses {
                store.turn();
            }
            store.now.set(store.now() + 60 * SECOND);
            let now = store.now();
            hold(&store, "users", 20 * SECOND).unwrap();
            assert_eq!(store.turn(), now + 20 * SECOND + MAX_SKEW, "{uses}");
            store.now.set(now + 600 * SECOND);
            let wait = store.turn() - (now + 600 * SECOND);
            assert!((SETTLING..=SETTLING + SPACING).contains(&wait), "{uses}: {wait}");
        }
    }

    #[test]
    fn a_hold_ends_after_an_hour() {
        let store = Memory::at_noon();
        let now = store.now();
        hold(&store, "users", Nanos::MAX).unwrap();
        let Turn::Reserved { held_for, .. } = store.reserve(None) else { panic!("granted while held") };
        assert_eq!(held_for, 3_600 * SECOND + MAX_SKEW);
        assert_eq!(store.turn(), now + held_for + SPACING);
    }

    #[test]
    fn the_longest_spacing_applies_to_all() {
        let store = Memory::at_noon();
        store.turn();
        let first = store.reserve(None);
        let slow = reserve(&store, "users", None, 3 * SPACING).unwrap();
        let times = store.times([first, slow, store.reserve(None)]);
        assert_eq!([times[1] - times[0], times[2] - times[1]], [3 * SPACING; 2]);
    }

    #[test]
    fn the_ticket_that_creates_the_counter_does_not_count() {
        let store = Memory::at_noon();
        store.counter.set(0);
        let turns = [store.reserve(None), store.reserve(None)];
        assert!(matches!(turns[0], Turn::Reserved { ticket: NO_TICKET, .. }));
        let times = store.times(turns);
        assert_eq!(times[0] - times[1], SPACING);
    }

    #[test]
    fn an_increment_that_fails_is_tried_again_a_bounded_number_of_times() {
        let store = Memory::at_noon();
        store.conflicts.set(3);
        assert!(matches!(store.reserve(None), Turn::Reserved { .. }));
        store.conflicts.set(4);
        assert_eq!(reserve(&store, "users", None, SPACING), Err("wrong last sequence".to_owned()));
    }

    #[test]
    fn what_is_not_a_base_starts_a_new_queue() {
        for value in ["", "1", "1 2 3", "1 2 3 4 5", "x y z 0", "-1 2 3 4", "18446744073709551616 0 0 0", "\u{fe}"] {
            let store = Memory::at_noon();
            store.set("users.base", value.as_bytes()).unwrap();
            let now = store.now();
            assert_eq!(store.turn(), now + SETTLING, "{value}");
        }
    }

    #[test]
    fn numbers_of_any_size_do_not_overflow() {
        let store = Memory::at_noon();
        for value in
            ["0 18446744073709551615 18446744073709551615 1", "18446744073709551615 0 0 0", "0 0 0 0", "0 0 1 0"]
        {
            store.set("users.base", value.as_bytes()).unwrap();
            reserve(&store, "users", None, Nanos::MAX).unwrap();
            hold(&store, "users", Nanos::MAX).unwrap();
            reserve(&store, "users", Some(u64::MAX), 0).unwrap();
        }
    }

    #[test]
    fn a_place_of_a_counter_that_was_deleted_is_lost() {
        let store = Memory::at_noon();
        store.counter.set(1_000_000);
        store.now.set(store.turn());
        let Turn::Reserved { ticket, .. } = store.reserve(None) else { panic!("granted at once") };
        store.entries.borrow_mut().clear();
        store.counter.set(0);
        let now = store.now();
        let times = store.times([store.reserve(None), store.reserve(Some(ticket))]);
        assert!(times.iter().all(|time| *time <= now + 4 * SPACING), "{times:?}");
    }

    #[test]
    fn a_spacing_of_hours_does_not_block_others_for_long() {
        let store = Memory::at_noon();
        store.now.set(store.turn());
        reserve(&store, "users", None, Nanos::MAX).unwrap();
        let now = store.now();
        assert!(store.turn() <= now + 3 * MAX_SPACING);
    }

    #[test]
    fn names_are_distinct_and_contain_only_common_characters() {
        let names = [
            name("risky-users", "https://graph.microsoft.com", None),
            name("sign-ins", "https://graph.microsoft.com", None),
            name("risky-users", "https://graph.microsoft.com", Some("contoso.com")),
            name("risky-users", "https://graph.microsoft.com", Some("contoso_2ecom")),
        ];
        assert_eq!(names[2], "risky-users.https_3a_2f_2fgraph_2emicrosoft_2ecom.contoso_2ecom");
        assert_eq!(names[3], "risky-users.https_3a_2f_2fgraph_2emicrosoft_2ecom.contoso_5f2ecom");
        assert!(names[0] != names[1] && names[0] != names[2]);
    }
}
