//! Instances that know nothing of each other, all at once before one strict service: it counts the requests that arrived
//! in a sliding window, refused ones too.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "a test may fail"
)]

use entra_risk_engine::action::{ACTIONS, Action};
use entra_risk_engine::arguments::Options;
use entra_risk_engine::call::{AttemptId, Call, Step};
use entra_risk_engine::rate_limit::InstanceState;
use entra_risk_engine::response::Response;
use entra_risk_engine::time::{MILLISECOND, Nanos, SECOND};
use entra_risk_engine::token::Credential;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const USERS: &Action = &ACTIONS[3];

/// A request that arrives, or a response with its status.
struct Event {
    at: Nanos,
    instance: usize,
    attempt: AttemptId,
    status: Option<u16>,
}

/// The time in seconds until every one of so many instances has finished one request with 60 users, and the number of
/// instances that did not.
fn run(instances: usize, seed: u64) -> (f64, usize) {
    let random = &mut StdRng::seed_from_u64(seed);
    let delay = |random: &mut StdRng| random.random_range(10 * MILLISECOND..=50 * MILLISECOND);
    let mut states: Vec<InstanceState> = (0..instances).map(|_| InstanceState::new()).collect();
    let calls = states.iter_mut().map(|state| {
        let ids = (0..60).map(|n| format!("{n:08x}-0000-0000-0000-000000000000")).collect();
        Some(Call::new(USERS, ids, Options::default(), state, 0, random.random()).unwrap())
    });
    let mut calls: Vec<Option<Call<'_>>> = calls.collect();
    let mut wake = vec![0; instances];
    let mut events: Vec<Event> = Vec::new();
    let mut arrived: Vec<Nanos> = Vec::new();
    let (mut now, mut failed) = (0, 0);
    while calls.iter().any(Option::is_some) {
        for instance in 0..instances {
            while wake[instance] <= now
                && let Some(call) = &mut calls[instance]
            {
                match call.next(now, None) {
                    Step::GetToken(_) => call.token(Ok(Credential::AttachedByHost), now),
                    Step::Send(attempt, _) => {
                        events.push(Event { at: now + delay(random), instance, attempt, status: None });
                    }
                    Step::Abandon(_) => panic!("every request is answered"),
                    Step::Wait(until) => wake[instance] = until,
                    Step::Done(result) => {
                        failed += usize::from(result.is_err());
                        calls[instance] = None;
                    }
                }
            }
        }
        let running = calls.iter().zip(&wake).filter(|(call, _)| call.is_some()).map(|(_, wake)| *wake);
        let Some(next) = events.iter().map(|event| event.at).chain(running).min() else { break };
        now = now.max(next);
        while let Some(index) = events.iter().position(|event| event.at <= now) {
            let Event { instance, attempt, status, .. } = events.swap_remove(index);
            match (status, &mut calls[instance]) {
                (Some(status), Some(call)) => {
                    let response = Response { status, request_is_complete: true, ..Response::default() };
                    call.response(attempt, response, now);
                    wake[instance] = now;
                }
                (Some(_), None) => {}
                (None, _) => {
                    let is_free = arrived.last().is_none_or(|last| last + SECOND <= now);
                    arrived.push(now);
                    let status = Some(if is_free { 204 } else { 429 });
                    events.push(Event { at: now + delay(random), instance, attempt, status });
                }
            }
        }
    }
    (now as f64 / SECOND as f64, failed)
}

#[test]
fn instances_without_a_common_state_all_get_through() {
    let mut runs: Vec<(f64, usize)> = (0..40).map(|seed| run(20, seed)).collect();
    runs.sort_by(|one, other| one.0.total_cmp(&other.0));
    let failed: usize = runs.iter().map(|(_, failed)| failed).sum();
    println!("20 instances: median {:.0} s, longest {:.0} s, {failed} of 800 failed", runs[20].0, runs[39].0);
    assert_eq!(failed, 0, "an instance ran out of patience");
    assert!(runs[20].0 <= 90.0);
}
