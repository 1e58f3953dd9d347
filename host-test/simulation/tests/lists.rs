//! The simulation of the reader: it finds no violation, is deterministic, and reaches nearly every
//! kind of fault.

use host_test::plugin::CANARY;
use host_test::reader::ReaderComponent;
use simulation::{ListRun, Summary};

fn play(seed: u64) -> ListRun {
    ListRun::play(ReaderComponent::shared(), seed).unwrap()
}

#[test]
fn three_hundred_seeds_violate_no_invariant() {
    let mut summary = Summary::default();
    (0..300).for_each(|seed| summary.add_lists(play(seed)));
    assert!(summary.violations.is_empty(), "{:?}", summary.violations);
    let outcome = |name| summary.outcomes.get(name).copied().unwrap_or_default();
    assert!(summary.faults.len() >= 25, "too few faults to judge: {summary:?}");
    assert!([outcome("complete"), outcome("ended"), summary.overlaps].iter().all(|count| *count >= 50), "{summary:?}");
}

#[test]
fn the_same_seed_gives_the_same_trace_without_a_token() {
    for seed in 0..20 {
        let trace = play(seed).to_string();
        assert_eq!(trace, play(seed).to_string());
        assert!(!trace.contains(CANARY));
    }
}
