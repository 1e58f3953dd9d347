//! The simulation by itself: it finds nothing wrong with the component, plays a seed the same way each time, and meets
//! everything that it is there to meet.

use host_test::engine::Engine;
use host_test::plugin::CANARY;
use host_test::simulation::{Run, Summary};

fn play(seed: u64) -> Run {
    Run::play(Engine::shared(), seed).unwrap()
}

#[test]
fn three_hundred_bad_days_break_no_promise() {
    let mut summary = Summary::default();
    (0..300).for_each(|seed| summary.add(play(seed)));
    assert!(summary.violations.is_empty(), "{:?}", summary.violations);
    assert_eq!((summary.faults.len(), summary.outcomes.len()), (20, 4), "not all was met: {summary:?}");
}

#[test]
fn the_same_seed_is_the_same_day_to_the_last_byte() {
    for seed in 0..20 {
        assert_eq!(play(seed).to_string(), play(seed).to_string());
    }
}

#[test]
fn a_trace_shows_no_token() {
    assert!((0..20).all(|seed| !play(seed).to_string().contains(CANARY)));
}
