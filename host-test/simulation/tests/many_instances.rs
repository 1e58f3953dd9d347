//! Many instances that take turns, as the contract promises it.

use std::time::Duration;

use graph_model::{Delay, Network};
use host_test::bindings::actions::Outcome;
use host_test::component::PluginComponent;
use http::StatusCode;
use simulation::{InstancesPlan, InstancesRun, Summary, plugin_with_turns};

/// What became of a run.
struct Measured {
    /// From the start to the end of the last call.
    time: f64,
    throttled: usize,
    /// Ids that were not accepted.
    lost: usize,
    /// For each request.
    store_operations: f64,
}

fn measure(plugin: &PluginComponent, plan: InstancesPlan) -> Measured {
    let run = InstancesRun::record(plugin, plan).unwrap();
    let calls = || run.calls.iter().flatten();
    let arrivals = run.arrivals();
    let refused = arrivals.iter().filter(|arrival| arrival.status == Some(StatusCode::TOO_MANY_REQUESTS));
    let lost = calls().flat_map(|call| call.batches()).filter(|batch| !matches!(batch.outcome, Outcome::Accepted));
    Measured {
        time: calls().map(|call| call.ended).max().unwrap_or_default().as_secs_f64(),
        throttled: refused.count(),
        lost: lost.map(|batch| batch.ids.len()).sum(),
        store_operations: run.store_operations as f64 / arrivals.len() as f64,
    }
}

fn jitter() -> Network {
    Network { delay: Delay::Uniform(Duration::from_millis(20)), ..Network::default() }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn measure_all(plugin: &PluginComponent, instances: u64, seeds: u64) -> Vec<Measured> {
    (0..seeds).map(|seed| measure(plugin, InstancesPlan::simultaneous(instances, jitter(), seed))).collect()
}

/// Prints what was measured, and checks it against the most that is allowed.
fn check(instances: u64, all: &[Measured], most: f64, most_operations: f64) {
    // The least time that the limit allows.
    let floor = (instances - 1) as f64;
    let time = median(all.iter().map(|run| run.time).collect());
    let throttled = median(all.iter().map(|run| run.throttled as f64).collect());
    let operations = all.iter().map(|run| run.store_operations).sum::<f64>() / all.len() as f64;
    println!(
        "{instances} instances: {time:.1} s, {:.3} times the floor; median {throttled} times 429; {operations:.2} store \
         operations for each request",
        time / floor
    );
    assert_eq!(all.iter().map(|run| run.lost).sum::<usize>(), 0, "ids lost");
    assert!(throttled <= 1.0, "{throttled} times 429");
    assert!(time <= most, "{time} s");
    assert!(operations <= most_operations, "{operations} operations");
}

#[test]
fn twenty_instances_keep_one_limit() {
    let plugin = plugin_with_turns().unwrap();
    check(20, &measure_all(&plugin, 20, 20), 1.15 * 19.0 + 2.0, 7.0);
}

#[test]
fn two_hundred_instances_keep_one_limit() {
    let plugin = plugin_with_turns().unwrap();
    check(200, &measure_all(&plugin, 200, 20), 1.10 * 199.0, 6.0);
}

#[test]
fn instances_without_a_store_get_through_within_their_patience() {
    let all: Vec<Measured> = measure_all(PluginComponent::shared(), 20, 20);
    let time = median(all.iter().map(|run| run.time).collect());
    println!("20 instances without a store: {time:.1} s");
    assert_eq!(all.iter().map(|run| run.lost).sum::<usize>(), 0, "ids lost");
    assert!(time <= 90.0, "{time} s");
}

#[test]
fn a_store_that_fails_loses_nothing() {
    let plugin = plugin_with_turns().unwrap();
    let hour = Duration::from_secs(3_600);
    for from in [Duration::ZERO, Duration::from_secs(10)] {
        for seed in 0..10 {
            let mut plan = InstancesPlan::simultaneous(20, jitter(), seed);
            plan.store.outages.push((from, hour));
            let run = measure(&plugin, plan);
            println!("fails after {from:?}: {:.1} s, {} times 429", run.time, run.throttled);
            assert_eq!(run.lost, 0, "fails after {from:?}, seed {seed}");
        }
    }
}

#[test]
fn a_store_that_creates_counters_without_a_check_gives_no_turn_twice() {
    let plugin = plugin_with_turns().unwrap();
    for seed in 0..40 {
        let mut plan = InstancesPlan::simultaneous(20, Network::default(), seed);
        plan.store.compares_and_swaps = true;
        plan.store.conflicts = 0.0;
        plan.store.latency = Duration::from_millis(1)..=Duration::from_millis(20);
        // They begin 4 ms apart, while the first ones create the counter.
        for (place, instance) in plan.instances.iter_mut().enumerate() {
            instance.plan.calls[0].pause = Duration::from_millis(4) * place as u32;
        }
        let run = measure(&plugin, plan);
        println!("created without a check: {:.1} s, {} times 429", run.time, run.throttled);
        assert_eq!((run.lost, run.throttled), (0, 0), "seed {seed}");
    }
}

#[test]
fn two_hundred_seeds_violate_no_invariant() {
    let plugin = plugin_with_turns().unwrap();
    let mut summary = Summary::default();
    (0..200).for_each(|seed| summary.add_instances(InstancesRun::play(&plugin, seed).unwrap()));
    assert!(summary.violations.is_empty(), "{:?}", summary.violations);
}
