//! Which event an outcome is in, and when.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use graph_model::{Graph, Settings};
use host_test::bindings::actions::Options;
use host_test::bindings::calls::Event;
use host_test::bindings::credentials::Credential;
use host_test::checked_call::CheckedCall;
use host_test::host::{Outbound, TokenSource};
use host_test::plugin::{Action, CANARY, Plugin};
use host_test::script::{accepted, graph_error};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Open, accepting, assert_at, ended, in_turn, over, pause, script, waiting};
use crate::request::{ids, one_by_one};

/// A service with faults and with ids that it refuses.
fn troubled(seed: u64) -> Arc<Graph> {
    let absent: BTreeSet<Uuid> = [3, 50, 51, 100].map(Uuid::from_u128).into();
    Arc::new(Graph::new(Settings { token: Some(CANARY.into()), absent, faults: 0.2, seed, ..Settings::default() }))
}

#[tokio::test(start_paused = true)]
async fn each_id_is_in_exactly_one_event_however_long_a_host_waits() {
    let options = Options { ids_per_request: Some(20), ..Options::default() };
    for seed in 0..5 {
        for wait_ms in [None, Some(20), Some(100), Some(5_000)] {
            // `CheckedCall` checks the events, and that the report has the same outcomes.
            let plugin = Plugin::before(troubled(seed)).await;
            let call = CheckedCall::driven(plugin, Action::DismissSignIns, &ids(100), options.clone(), wait_ms).await;
            assert!(call.events.iter().any(|(_, event)| matches!(event, Event::Ended(_))), "{call:?}");
            let waits = call.events.iter().any(|(_, event)| matches!(event, Event::Waiting(_)));
            assert!(wait_ms.is_some() || !waits, "a wait without end ended");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_says_what_the_events_did() {
    for seed in 0..5 {
        let options = Options { ids_per_request: Some(20), ..Options::default() };
        let plugin = Plugin::before(troubled(seed)).await;
        let driven = CheckedCall::driven(plugin, Action::DismissSignIns, &ids(100), options.clone(), None).await;
        let plugin = Plugin::before(troubled(seed)).await;
        let called = CheckedCall::of(plugin, Action::DismissSignIns, &ids(100), options).await;
        assert_eq!((driven.result, driven.elapsed), (called.result, called.elapsed), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn batches_are_reported_in_the_order_in_which_they_end() {
    let service = script([(300, accepted()), (100, accepted()), (200, accepted())]);
    let mut open = Open::start(service, Action::DismissSignIns, &ids(3), one_by_one()).await;
    for (id, at_ms) in [(2, 100), (3, 200), (1, 300)] {
        let Event::Ended(batches) = open.next(None).await else { panic!("nothing ended") };
        let [batch] = batches.as_slice() else { panic!("{batches:?}") };
        assert_eq!(batch.ids, [Uuid::from_u128(id).to_string()]);
        assert_at(open.now_ms(), at_ms);
    }
    assert_eq!(over(open.next(None).await), None);
}

#[tokio::test(start_paused = true)]
async fn batches_that_end_together_are_in_one_event_in_the_order_of_their_ids() {
    let service = script([(300, accepted()), (50, accepted()), (300, accepted()), (300, accepted())]);
    let mut open = Open::start(service, Action::DismissSignIns, &ids(4), one_by_one()).await;
    assert_eq!(ended(open.next(None).await), ["accepted"]);
    let Event::Ended(batches) = open.next(None).await else { panic!("nothing ended") };
    let first: Vec<&String> = batches.iter().map(|batch| &batch.ids[0]).collect();
    assert_eq!(first, [&ids(4)[0], &ids(4)[2], &ids(4)[3]]);
}

#[tokio::test(start_paused = true)]
async fn an_acceptance_is_reported_by_the_next_that_read_it() {
    let mut open = Open::start(accepting(2, 250), Action::DismissRiskyUsers, &ids(2), one_by_one()).await;
    waiting(open.next(Some(100)).await);
    waiting(open.next(Some(100)).await);
    assert_eq!(ended(open.next(Some(100)).await), ["accepted"]);
    assert_at(open.now_ms(), 250);
    // A response that arrived while nobody waited is read by the next one, which does not wait.
    waiting(open.next(Some(1_100)).await);
    pause(60_000).await;
    let before = open.now_ms();
    assert_eq!(ended(open.next(Some(60_000)).await), ["accepted"]);
    assert_eq!(open.now_ms(), before);
}

#[tokio::test(start_paused = true)]
async fn a_next_returns_before_it_sends_or_asks_again() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (record, start) = (asked.clone(), Instant::now());
    let source: TokenSource = Box::new(move |_| {
        record.lock().expect("no panic").push(start.elapsed().as_millis() as u64);
        Ok(Credential::of(CANARY))
    });
    let plugin = Plugin::with(Outbound::InProcess(accepting(3, 100)), source).await;
    let mut open = Open::with(plugin, Action::DismissSignIns, &ids(3), in_turn()).await;
    for requests in 1..=3 {
        assert_eq!(ended(open.next(None).await), ["accepted"]);
        let read_at = open.now_ms();
        assert!(asked.lock().expect("no panic").iter().all(|at| *at < read_at), "{asked:?}, read at {read_at}");
        pause(1_000).await;
        assert_eq!(open.sent_ms().len(), requests);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_batch_is_reported_as_its_ids_end() {
    let refused = || graph_error(404, &[], "Request_ResourceNotFound", "");
    // The three ids; the first one, at fault; the other two, one by one.
    let service = script([(100, refused()), (100, refused()), (100, accepted()), (100, accepted())]);
    let options = Options { max_in_flight: Some(1), ..Options::default() };
    let mut open = Open::start(service, Action::DismissSignIns, &ids(3), options).await;
    let (outcomes, cause) = open.finish().await;
    let expected = [(200, "refused(client-error)"), (300, "accepted"), (400, "accepted")];
    assert_eq!(outcomes, expected.map(|(at, outcome)| (at, outcome.to_owned())));
    assert_eq!(cause.map(|cause| cause.case()), Some("client-error"));
}

#[tokio::test(start_paused = true)]
async fn over_comes_again_at_each_further_next() {
    let denied = || graph_error(403, &[], "Authorization_RequestDenied", "");
    for (behavior, cause) in [(accepted(), None), (denied(), Some("forbidden"))] {
        let mut open = Open::start(script([(0, behavior)]), Action::DismissSignIns, &ids(1), one_by_one()).await;
        ended(open.next(None).await);
        for wait_ms in [None, Some(0), Some(1_000)] {
            assert_eq!(over(open.next(wait_ms).await), cause);
        }
        assert_eq!(open.now_ms(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_of_no_ids_is_over() {
    let mut open = Open::start(script([]), Action::DismissRiskyAgents, &[], Options::default()).await;
    assert_eq!(over(open.next(Some(0)).await), None);
    assert_eq!((open.report().await, open.plugin.token_requests().len()), (Vec::new(), 0));
}
