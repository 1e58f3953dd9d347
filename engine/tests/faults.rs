//! Ids on which the service fails, and what refusals name: in virtual time, 10,000 users at one
//! request a second.

use std::cell::RefCell;
use std::collections::HashSet;

use entra_risk_engine::contract::action::ACTIONS;
use entra_risk_engine::contract::arguments::Options;
use entra_risk_engine::contract::error::ErrorKind;
use entra_risk_engine::contract::report::Outcome;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::service::{self, Answer, Run, id, ids_with, some};

const SEEDS: u64 = 20;

/// A call for `n` users.
fn users(n: usize, options: Options, seed: u64, service: impl Fn(&[String], f64) -> Answer) -> Run {
    let ids: Vec<String> = (0..n).map(id).collect();
    service::perform(&ACTIONS[3], &ids, options, 200, service, seed)
}

fn has(ids: &[String], those: &HashSet<String>) -> bool {
    ids.iter().any(|id| those.contains(id))
}

fn is_accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted(_))
}

fn is_unknown(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unknown(_))
}

fn is_refused(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(_))
}

fn is_not_applied(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::NotApplied(_))
}

/// The median of what the seeds yield.
fn median<T: Copy + PartialOrd + std::fmt::Debug>(name: &str, value: impl Fn(u64) -> T) -> T {
    let mut values: Vec<T> = (0..SEEDS).map(value).collect();
    values.sort_by(|one, other| one.partial_cmp(other).unwrap());
    let median = values[values.len() / 2];
    println!("{name}: {median:?}, from {:?} to {:?}", values[0], values[values.len() - 1]);
    median
}

/// Checks that everything but `those` is accepted, and these are unknown, each alone.
fn assert_only_those_are_unknown(run: &Run, n: usize, those: &HashSet<String>) {
    let unknown: HashSet<String> = ids_with(&run.batches, is_unknown).into_iter().collect();
    assert_eq!(&unknown, those);
    assert_eq!(ids_with(&run.batches, is_accepted).len(), n - those.len());
}

#[test]
fn an_id_on_which_the_service_always_fails_ends_alone() {
    for (k, most) in [(1, 200), (3, 260)] {
        for status in [500, 504] {
            let requests = median(&format!("{k} ids always {status}, requests"), |seed| {
                let those = some(10_000, k, seed);
                let run = users(10_000, Options::default(), seed, |ids, _| {
                    Answer::Status(if has(ids, &those) { status } else { 204 })
                });
                assert_only_those_are_unknown(&run, 10_000, &those);
                run.requests
            });
            assert!(requests <= most, "{requests}");
        }
    }
}

#[test]
fn small_lists_with_ids_on_which_the_service_fails_lose_no_other() {
    for (n, k, most_left) in [(60, 1, 0), (120, 1, 0), (60, 3, 0), (600, 10, 1)] {
        let left = median(&format!("{n} ids, {k} always 500: others left"), |seed| {
            let those = some(n, k, seed);
            let run =
                users(n, Options::default(), seed, |ids, _| Answer::Status(if has(ids, &those) { 500 } else { 204 }));
            n - k - ids_with(&run.batches, is_accepted).len()
        });
        assert!(left <= most_left, "{left}");
    }
}

#[test]
fn an_id_that_never_gets_an_answer_ends_alone() {
    for attempt_timeout_ms in [Some(5_000), None] {
        let requests = median(&format!("silence, timeout {attempt_timeout_ms:?}: requests"), |seed| {
            let those = some(10_000, 1, seed);
            let options = Options { attempt_timeout_ms, ..Options::default() };
            let run =
                users(
                    10_000,
                    options,
                    seed,
                    |ids, _| {
                        if has(ids, &those) { Answer::Silence } else { Answer::Status(204) }
                    },
                );
            assert_only_those_are_unknown(&run, 10_000, &those);
            run.requests
        });
        assert!(requests <= 200, "{requests}");
    }
}

#[test]
fn an_outage_in_mid_run_loses_nothing_else() {
    for k in [1, 3] {
        let longer = median(&format!("{k} ids always 500 and an outage of 60 s: seconds longer"), |seed| {
            let those = some(10_000, k, seed);
            let call = |outage: bool| {
                let run = users(10_000, Options::default(), seed, |ids, at| {
                    let is_down = outage && (60.0..120.0).contains(&at);
                    Answer::Status(if is_down {
                        503
                    } else if has(ids, &those) {
                        500
                    } else {
                        204
                    })
                });
                assert_only_those_are_unknown(&run, 10_000, &those);
                run.seconds
            };
            call(true) - call(false)
        });
        assert!(longer <= 90.0, "{longer}");
    }
}

#[test]
fn an_outage_from_the_start_loses_nothing_in_a_call_of_one_batch() {
    let seconds = median("60 ids, no connection for 60 s: seconds", |seed| {
        let run =
            users(
                60,
                Options::default(),
                seed,
                |_, at| {
                    if at < 60.0 { Answer::Unreachable } else { Answer::Status(204) }
                },
            );
        assert!(run.cause.is_none());
        run.seconds
    });
    assert!(seconds <= 80.0, "{seconds}");
}

#[test]
fn patience_ends_a_call_of_which_nothing_is_accepted() {
    for n in [60, 600, 10_000] {
        let (seconds, requests) = median(&format!("{n} users, 503 always: seconds, requests"), |seed| {
            let run = users(n, Options::default(), seed, |_, _| Answer::Status(503));
            (run.seconds, run.requests)
        });
        assert!(seconds <= 200.0 && requests <= 40, "{seconds} {requests}");
        let (seconds, requests) = median(&format!("{n} users, silence always: seconds, requests"), |seed| {
            let run = users(n, Options::default(), seed, |_, _| Answer::Silence);
            (run.seconds, run.requests)
        });
        assert!(seconds <= 300.0 && requests <= 15, "{seconds} {requests}");
    }
}

#[test]
fn answers_that_are_not_about_the_ids_refuse_none() {
    let segment = || Answer::Message(400, "Resource not found for the segment 'signIns'.".to_owned());
    type Case = (&'static str, fn() -> Answer, ErrorKind, usize);
    let cases: [Case; 5] = [
        ("segment", segment, ErrorKind::ClientError, 1),
        ("405", || Answer::Status(405), ErrorKind::ClientError, 1),
        ("415", || Answer::Status(415), ErrorKind::ClientError, 1),
        ("HTML 404", || Answer::Html(404), ErrorKind::UnexpectedStatus, 3),
        ("HTML 451", || Answer::Html(451), ErrorKind::UnexpectedStatus, 3),
    ];
    for (name, answer, kind, most) in cases {
        let run = users(1_000, Options { max_in_flight: Some(1), ..Options::default() }, 1, |_, _| answer());
        assert_eq!(run.cause.unwrap().kind, kind, "{name}");
        assert_eq!((run.requests, ids_with(&run.batches, is_not_applied).len()), (most, 1_000), "{name}");
    }
    let run = users(1_000, Options::default(), 1, |_, _| Answer::Status(421));
    assert_eq!(ids_with(&run.batches, is_not_applied).len(), 1_000);
    assert!((170.0..200.0).contains(&run.seconds), "421 ends with patience: {}", run.seconds);
    let is_first = RefCell::new(true);
    let run =
        users(1_000, Options::default(), 1, |_, _| Answer::Status(if is_first.replace(false) { 421 } else { 204 }));
    assert!(run.cause.is_none(), "421 once");
}

/// How a service names ids in a refusal of `ids`, of which `bad` are bad.
type Naming = fn(ids: &[String], bad: &[&String], random: &mut StdRng) -> Vec<String>;

/// The requests that a call for 10,000 users needs with `k` bad ids and a service that names some
/// in its refusals. Checks that exactly the bad ids are refused, each alone.
fn requests(k: usize, name: &str, naming: Naming) -> usize {
    median(&format!("{k} bad ids, {name}: requests"), |seed| {
        let bad = some(10_000, k, seed);
        let random = RefCell::new(StdRng::seed_from_u64(seed));
        let options = Options { patience_ms: Some(u32::MAX), ..Options::default() };
        let run = users(10_000, options, seed, |ids, _| {
            let found: Vec<&String> = ids.iter().filter(|id| bad.contains(*id)).collect();
            if found.is_empty() {
                return Answer::Status(204);
            }
            let named = naming(ids, &found, &mut random.borrow_mut()).join(", ").to_uppercase();
            Answer::Message(400, format!("{}Resource '{named}' does not exist", "x".repeat(600)))
        });
        let refused: HashSet<String> = ids_with(&run.batches, is_refused).into_iter().collect();
        assert_eq!(refused, bad);
        assert!(bad.iter().all(|id| run.refused_alone.contains(id)));
        assert_eq!(ids_with(&run.batches, is_accepted).len(), 10_000 - k);
        run.requests
    })
}

#[test]
fn names_in_refusals_are_followed() {
    for (k, first, all) in [(1, 171, 171), (10, 190, 190), (100, 390, 360)] {
        let found = requests(k, "the first is named", |_, bad, _| vec![bad[0].clone()]);
        assert!(found <= first, "{k}: {found}");
        let found = requests(k, "all are named", |_, bad, _| bad.iter().map(|id| (*id).clone()).collect());
        assert!(found <= all, "{k}: {found}");
    }
}

#[test]
fn names_that_mean_nothing_cost_little() {
    for k in [1, 10, 100] {
        let unnamed = requests(k, "none is named", |_, _, _| Vec::new());
        let echo = requests(k, "the whole request is named", |ids, _, _| ids.to_vec());
        assert!(echo <= unnamed + 6, "{k}: {echo}, {unnamed}");
        let good = requests(k, "a good id is named", |ids, bad, _| {
            ids.iter().find(|id| !bad.contains(id)).into_iter().cloned().collect()
        });
        assert!(good <= unnamed + 6, "{k}: {good}, {unnamed}");
        let random = requests(k, "ids at random are named", |ids, _, random| {
            (0..random.random_range(1..4)).map(|_| ids.choose(random).unwrap().clone()).collect()
        });
        assert!(random as f64 <= 1.25 * unnamed as f64, "{k}: {random}, {unnamed}");
    }
}

#[test]
fn names_do_not_lead_through_a_cluster_before_the_good_ids_are_sent() {
    let bad: HashSet<String> = (0..300).map(id).collect();
    let run = users(600, Options::default(), 1, |ids, _| match ids.iter().find(|id| bad.contains(*id)) {
        Some(id) => Answer::Message(404, format!("Resource '{id}' does not exist")),
        None => Answer::Status(204),
    });
    assert_eq!(ids_with(&run.batches, is_accepted).len(), 300);
    assert_eq!(ids_with(&run.batches, is_refused).len(), 300);
}

#[test]
fn names_cost_little_where_every_id_is_bad() {
    let run =
        users(120, Options::default(), 1, |ids, _| Answer::Message(404, format!("Resource '{}' is absent", ids[0])));
    assert_eq!(ids_with(&run.batches, is_refused).len(), 120);
    assert!(run.requests <= 140, "{}", run.requests);
}
