//! The simulation of the plugin: it finds no violation, is deterministic, and reaches every kind of
//! fault and outcome.

use host_test::component::PluginComponent;
use host_test::plugin::CANARY;
use simulation::{Run, Summary};

fn play(seed: u64) -> Run {
    Run::play(PluginComponent::shared(), seed).unwrap()
}

#[test]
fn five_hundred_seeds_violate_no_invariant() {
    let mut summary = Summary::default();
    (0..500).for_each(|seed| summary.add(play(seed)));
    assert!(summary.violations.is_empty(), "{:?}", summary.violations);
    assert_eq!(
        (summary.faults.len(), summary.outcomes.len()),
        (29, 4),
        "some fault or outcome is missing: {summary:?}"
    );
    let Summary { driven, stops, abandoned, overlaps, .. } = summary;
    assert!([driven, stops, abandoned, overlaps].iter().all(|count| *count >= 20), "too few to judge: {summary:?}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..20 {
        assert_eq!(play(seed).to_string(), play(seed).to_string());
    }
}

#[test]
fn a_trace_contains_no_token() {
    assert!((0..20).all(|seed| !play(seed).to_string().contains(CANARY)));
}
