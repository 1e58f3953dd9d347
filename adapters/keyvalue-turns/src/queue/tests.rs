//! Tests of a queue: the order of its turns, and the store operations that they take.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::*;

const SPACING: Nanos = SECOND;

/// A store in memory, with a clock that the test sets.
#[derive(Default)]
struct Memory {
    entries: RefCell<BTreeMap<String, Vec<u8>>>,
    counter: Cell<u64>,
    /// How many of the next increments fail.
    conflicts: Cell<u32>,
    operations: Cell<u32>,
    /// How long each operation takes.
    latency: Cell<Nanos>,
    now: Cell<Nanos>,
}

impl Store for Memory {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        self.operate();
        Ok(self.entries.borrow().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), String> {
        self.operate();
        self.entries.borrow_mut().insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    fn increment(&self, _: &str) -> Result<u64, String> {
        self.operate();
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
    fn operate(&self) {
        self.operations.set(self.operations.get() + 1);
        self.now.set(self.now() + self.latency.get());
    }

    /// A store at noon, in which the queue was used before.
    fn at_noon() -> Memory {
        let store = Memory::default();
        store.now.set(43_200 * SECOND);
        store.counter.set(NEW_TICKETS + 1);
        store
    }

    fn reserve(&self, ticket: Option<u64>) -> Turn {
        reserve(self, "users", ticket, SPACING).unwrap()
    }

    /// Reserves a new turn, and returns its time.
    fn turn(&self) -> Nanos {
        self.times([self.reserve(None)])[0]
    }

    /// The times at which turns are granted. Each asks again when it is due.
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
fn turns_are_a_spacing_apart_and_the_first_comes_immediately() {
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
    let Turn::Reserved { ticket: missed, .. } = store.reserve(None) else { panic!("granted immediately") };
    let others: Vec<Turn> = (0..4).map(|_| store.reserve(None)).collect();
    let Turn::Reserved { ticket: last, .. } = others[3] else { panic!("granted immediately") };
    store.now.set(store.now() + 3 * SECOND);
    let Turn::Reserved { ticket, .. } = store.reserve(Some(missed)) else { panic!("the missed turn") };
    assert_eq!(ticket, missed + 5);
    let times = store.times([store.reserve(Some(last)), store.reserve(Some(ticket))]);
    assert_eq!(times[1], times[0] + SPACING);
}

#[test]
fn a_turn_that_a_slow_store_grants_too_late_is_lost() {
    for (late, is_lost) in [(0, false), (MAX_DELAY, false), (MAX_DELAY + 1, true)] {
        let store = Memory::at_noon();
        let time = store.turn() + SPACING;
        let Turn::Reserved { ticket, .. } = store.reserve(None) else { panic!("granted immediately") };
        store.now.set(time - 50 * MILLISECOND);
        store.latency.set(50 * MILLISECOND + late);
        let turn = store.reserve(Some(ticket));
        assert_eq!(turn != Turn::Granted(0), is_lost, "{late}: {turn:?}");
        assert_eq!(
            matches!(turn, Turn::Reserved { ticket: other, .. } if other == ticket + 1),
            is_lost,
            "{late}: {turn:?}"
        );
    }
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
fn the_first_tickets_of_a_new_queue_do_not_count() {
    for (tickets, count) in [(0, false), (NEW_TICKETS - 2, false), (NEW_TICKETS, true)] {
        let store = Memory::at_noon();
        store.counter.set(tickets);
        let turns = [store.reserve(None), store.reserve(None)];
        assert_eq!(!matches!(turns[1], Turn::Reserved { ticket: NO_TICKET, .. }), count, "{tickets}");
        let times = store.times(turns);
        assert_eq!(times[0].abs_diff(times[1]), SPACING, "{tickets}");
    }
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
    for value in ["0 18446744073709551615 18446744073709551615 1", "18446744073709551615 0 0 0", "0 0 0 0", "0 0 1 0"] {
        store.set("users.base", value.as_bytes()).unwrap();
        reserve(&store, "users", None, Nanos::MAX).unwrap();
        hold(&store, "users", Nanos::MAX).unwrap();
        reserve(&store, "users", Some(u64::MAX), 0).unwrap();
    }
}

#[test]
fn a_ticket_of_a_counter_that_was_deleted_is_lost() {
    let store = Memory::at_noon();
    store.counter.set(1_000_000);
    store.now.set(store.turn());
    let Turn::Reserved { ticket, .. } = store.reserve(None) else { panic!("granted immediately") };
    store.entries.borrow_mut().clear();
    store.counter.set(0);
    let now = store.now();
    let turns = [store.reserve(None), store.reserve(Some(ticket))];
    // Others may have taken the same tickets of the new counter.
    assert!(turns.iter().all(|turn| matches!(turn, Turn::Reserved { ticket: NO_TICKET, .. })), "{turns:?}");
    let times = store.times(turns);
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
