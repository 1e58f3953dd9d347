//! Bisection: exactly the ids at fault are refused, in about as few requests as information theory
//! allows.

use std::cell::Cell;
use std::collections::HashSet;

use entra_risk_engine::contract::action::ACTIONS;
use entra_risk_engine::contract::arguments::Options;
use entra_risk_engine::contract::report::Outcome;
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::RngSeed;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::service::{self, Answer, Run, id, ids_with, some};

/// Performs a call for sign-ins whose requests are answered by `status` after `latency_ms`.
fn run(ids: Vec<String>, options: Options, latency_ms: u64, status: impl Fn(&[String]) -> u16) -> Run {
    service::perform(&ACTIONS[0], &ids, options, latency_ms, |ids, _| Answer::Status(status(ids)), 7)
}

/// Lower bounds on the requests that n ids with k bad ones need, with at most g ids in a request:
/// the information in the positions of the bad ids, n·H(k/n), and one request for each group and
/// for each bad id.
fn lower_bound(n: usize, k: usize, g: usize) -> f64 {
    information(n, k).max(n as f64 / g as f64).max(k as f64)
}

/// In small groups the position of a bad id takes more requests than the information in it: the
/// group, then half of the group, then often the other half, because each bad id must be refused
/// alone.
fn small_group_bound(n: usize, k: usize, g: usize) -> f64 {
    let groups = n as f64 / g as f64;
    lower_bound(n, k, g).max(groups + 1.75 * groups.min(k as f64))
}

fn information(n: usize, k: usize) -> f64 {
    let share = (k as f64 / n as f64).min(0.5);
    let entropy = |p: f64| if p == 0.0 { 0.0 } else { -p * p.log2() };
    n as f64 * (entropy(share) + entropy(1.0 - share))
}

fn options(ids_per_request: usize) -> Options {
    Options { ids_per_request: Some(ids_per_request as u32), patience_ms: Some(u32::MAX), ..Options::default() }
}

proptest! {
    // Unlucky positions of the bad ids exceed the bound once in some ten thousand calls, so that a
    // seed has to be fixed.
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 1_000,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn exactly_the_bad_ids_are_refused_each_alone(
        (n, bad) in (1..=500_usize).prop_flat_map(|n| (Just(n), 0..=n)).prop_flat_map(|(n, k)| {
            (Just(n), subsequence((0..n).collect::<Vec<_>>(), k))
        }),
        g in 1..=500_usize,
        latency_ms in prop_oneof![Just(0_u64), 1..20_000_u64],
    ) {
        let ids: Vec<String> = (0..n).map(id).collect();
        let bad: Vec<String> = bad.into_iter().map(id).collect();
        let is_bad: HashSet<&String> = bad.iter().collect();
        let status = |ids: &[String]| if ids.iter().any(|id| is_bad.contains(id)) { 400 } else { 204 };
        let run = run(ids.clone(), options(g), latency_ms, status);
        prop_assert_eq!(ids_with(&run.batches, |_| true), ids);
        prop_assert_eq!(&ids_with(&run.batches, |outcome| matches!(outcome, Outcome::Refused(_))), &bad);
        prop_assert_eq!(ids_with(&run.batches, |outcome| matches!(outcome, Outcome::Accepted(_))).len(), n - bad.len());
        prop_assert!(bad.iter().all(|id| run.refused_alone.contains(id)));
        let most = 1.25 * small_group_bound(n, bad.len(), g) + 15.0;
        prop_assert!(run.requests as f64 <= most, "{} requests, {most:.1} allowed: n {n}, k {}, g {g}", run.requests, bad.len());
    }

    #[test]
    fn a_request_that_is_too_large_is_halved(n in 1..=200_usize, limit in 1..=60_usize) {
        let ids: Vec<String> = (0..n).map(id).collect();
        let run = run(ids, options(60), 0, |ids| if ids.len() > limit { 413 } else { 204 });
        prop_assert!(run.cause.is_none());
    }
}

#[test]
fn without_isolate_refused_the_whole_batch_is_refused() {
    let options = Options { isolate_refused: Some(false), ..options(60) };
    let bad = id(61);
    let run = run((0..120).map(id).collect(), options, 0, |ids| if ids.contains(&bad) { 404 } else { 204 });
    assert_eq!(run.requests, 2);
    assert_eq!(ids_with(&run.batches, |outcome| matches!(outcome, Outcome::Refused(_))).len(), 60);
}

#[test]
fn a_search_that_is_cut_short_is_not_applied_with_its_last_error() {
    let bad: HashSet<String> = [3, 50].map(id).into();
    let sent = Cell::new(0);
    let run = run((0..60).map(id).collect(), options(60), 0, |ids| {
        sent.set(sent.get() + 1);
        match sent.get() {
            3 => 403,
            _ if ids.iter().any(|id| bad.contains(id)) => 404,
            _ => 204,
        }
    });
    let Run { batches, .. } = &run;
    assert!(batches.iter().all(|batch| !matches!(batch.outcome, Outcome::Refused(_))), "{batches:?}");
    assert!(
        batches.iter().any(|batch| matches!(&batch.outcome, Outcome::NotApplied(error)
        if error.response.as_ref().is_some_and(|error| error.status == 404))),
        "{batches:?}"
    );
}

#[test]
fn requests_are_within_15_percent_and_10_of_the_lower_bound() {
    let random = &mut StdRng::seed_from_u64(9);
    let runs = 2_000;
    let within =
        (0..runs).filter(|_| {
            let n = random.random_range(1..=500);
            let k = random.random_range(0..=n);
            let g = random.random_range(1..=500);
            let bad = some(n, k, random.random());
            let run = run((0..n).map(id).collect(), options(g), 0, |ids| {
                if ids.iter().any(|id| bad.contains(id)) { 400 } else { 204 }
            });
            run.requests as f64 <= 1.15 * lower_bound(n, k, g) + 10.0
        });
    let share = within.count() as f64 / runs as f64;
    println!("{:.1} % of the runs", 100.0 * share);
    // The rest are small groups, where no strategy reaches the lower bound, and unlucky positions.
    assert!(share >= 0.98, "{share}");
}

#[test]
fn ten_thousand_users_need_few_requests() {
    for (k, most) in [(1, 180), (10, 250), (100, 890), (1_000, 5_250)] {
        let mut requests: Vec<usize> = (0..10)
            .map(|seed| {
                let bad = some(10_000, k, seed);
                let ids = (0..10_000).map(id).collect();
                run(ids, options(60), 0, |ids| if ids.iter().any(|id| bad.contains(id)) { 400 } else { 204 }).requests
            })
            .collect();
        requests.sort_unstable();
        println!("{k} bad ids: {} to {} requests, median {}", requests[0], requests[9], requests[5]);
        assert!(requests[5] <= most, "{k}: {requests:?}");
    }
}

#[test]
fn searches_keep_the_rate_when_responses_are_slow() {
    for k in [1, 10, 100, 1_000] {
        for latency in [0.2, 3.0, 5.0] {
            let mut excess: Vec<f64> = (0..3)
                .map(|seed| {
                    let bad = some(10_000, k, seed);
                    let ids: Vec<String> = (0..10_000).map(id).collect();
                    let is_bad = |ids: &[String]| ids.iter().any(|id| bad.contains(id));
                    let latency_ms = (latency * 1_000.0) as u64;
                    let run = service::perform(
                        &ACTIONS[3],
                        &ids,
                        Options::default(),
                        latency_ms,
                        |ids, _| Answer::Status(if is_bad(ids) { 400 } else { 204 }),
                        7,
                    );
                    run.seconds - run.requests as f64 * f64::max(1.05, latency / 4.0)
                })
                .collect();
            excess.sort_by(f64::total_cmp);
            println!("{k} bad ids, {latency} s: {:.0} s", excess[1]);
            assert!(excess[1] <= 20.0, "{k} bad ids, {latency} s: {excess:?}");
        }
    }
}

#[test]
fn sixty_bad_ids_of_sixty_need_62_requests() {
    let run = run((0..60).map(id).collect(), options(60), 0, |_| 400);
    assert_eq!((run.requests, run.refused_alone.len()), (62, 60));
}

/// The most refusals in a row that a call of these ids meets while some good ones are not accepted
/// yet, and what became of it.
fn longest_wait(ids: Vec<String>, options: Options, is_good: impl Fn(&String) -> bool) -> (usize, Run) {
    let good_ids = ids.iter().filter(|id| is_good(id)).count();
    let (accepted, in_a_row, longest) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let run = run(ids, options, 0, |ids| {
        if ids.iter().all(&is_good) {
            accepted.set(accepted.get() + ids.len());
            in_a_row.set(0);
            return 204;
        }
        if accepted.get() < good_ids {
            in_a_row.set(in_a_row.get() + 1);
            longest.set(longest.get().max(in_a_row.get()));
        }
        400
    });
    assert_eq!(accepted.get(), good_ids);
    (longest.get(), run)
}

#[test]
fn clusters_of_bad_ids_at_both_ends_do_not_keep_the_good_ones_waiting() {
    let good: HashSet<String> = (250..1_250).map(id).collect();
    let options = Options { patience_ms: None, ..options(60) };
    let (longest, _) = longest_wait((0..1_500).map(id).collect(), options, |id| good.contains(id));
    println!("at most {longest} refusals in a row");
    assert!(longest <= 30, "{longest}");
}

#[test]
fn a_cluster_of_bad_ids_does_not_keep_the_good_ones_waiting() {
    for start in [0, 4_500, 9_000] {
        let bad: HashSet<String> = (start..start + 1_000).map(id).collect();
        let (longest, run) = longest_wait((0..10_000).map(id).collect(), options(60), |id| !bad.contains(id));
        println!("1,000 bad ids from {start} on: {} requests, at most {longest} refusals in a row", run.requests);
        assert!(longest <= 30, "{start}: {longest}");
        // 1,000 for the bad ids, 150 for the good ones, and some to find where the cluster begins
        // and ends.
        assert!(run.requests <= 1_500, "{start}: {}", run.requests);
    }
}
