//! When the gateway writes a line of its audit log: as soon as a batch has ended, so that a record
//! exists of whatever was applied, however the call ends.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use graph_model::{Graph, Reply, Settings};
use host_test::script::{Script, accepted};
use http::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::gateway_call::{Call, Received, USERS, id, users};
use crate::gateway_instance::{HangUp, with_event};

/// The first request is answered after 20 s, and the second one immediately.
#[tokio::test(start_paused = true)]
async fn a_batch_is_logged_while_another_request_of_the_call_is_in_flight() {
    let [slow, fast] = [20, 0].map(|seconds| Reply::at_once(accepted()).after(Duration::from_secs(seconds)));
    let call = Call::new(USERS, users(0..120));
    let mut instance = call.instance(Script::new([slow, fast])).await;
    let log = instance.log();
    let watch = async {
        sleep(Duration::from_secs(2)).await;
        log.lines()
    };
    let ((response, all), early) = tokio::join!(instance.exchange(call.request(), HangUp::Never), watch);
    let [_, _, batch] = early.as_slice() else { panic!("expected three lines after 2 s: {early:?}") };
    assert_eq!((&batch["event"], &batch["outcome"]), (&json!("batch"), &json!("accepted")));
    assert_eq!(ids(batch), (60..120).map(id).collect());
    let [_, _, first, second, request] = all.as_slice() else { panic!("expected five lines: {all:?}") };
    assert_eq!((first, ids(second)), (batch, (0..60).map(id).collect()));
    let milliseconds = request["durationMs"].as_u64().unwrap();
    assert!((20_000..21_000).contains(&milliseconds), "{milliseconds}");
    // In the order of the request, not of the log.
    let received = Received::check(response.unwrap(), all, instance.exchanges(), USERS, &Method::POST);
    assert_eq!(received.body["accepted"][0]["ids"][0], id(0));
}

/// The host ends the call at different times, between responses and while requests are in flight.
#[tokio::test(start_paused = true)]
async fn what_was_applied_is_logged_when_the_host_ends_the_call() {
    let cases = [(100, false), (100, true), (900, true), (1_500, false), (3_150, true), (7_777, false), (7_777, true)];
    for (milliseconds, is_streamed) in cases {
        let graph = Arc::new(Graph::new(Settings::default()));
        let accept = is_streamed.then_some("application/x-ndjson");
        let call = Call::new(USERS, users(0..1_200)).header("accept", accept);
        let mut instance = call.instance(Arc::clone(&graph) as _).await;
        let log = instance.log();
        let end = Duration::from_millis(milliseconds);
        let ended = timeout(end, instance.stream(call.request(), Duration::MAX)).await;
        assert!(ended.is_err(), "the call was over after {milliseconds} ms");
        let lines = log.lines();
        let batches = with_event(&lines, "batch");
        let logged: BTreeSet<String> = batches.iter().copied().flat_map(ids).collect();
        assert!(batches.iter().all(|line| line["outcome"] == "accepted"));
        // Every call leaves a trace.
        let started: BTreeSet<String> = with_event(&lines, "started").into_iter().flat_map(ids).collect();
        assert_eq!((started.len(), lines.len()), (1_200, 20 + batches.len()));
        let arrivals = graph.arrivals(0);
        let answered = arrivals.iter().filter(|arrival| arrival.settled.is_some_and(|settled| settled < end));
        let expected: BTreeSet<String> = answered.flat_map(|arrival| arrival.ids.clone()).collect();
        assert_eq!(logged, expected, "after {milliseconds} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_hangs_up_loses_the_response_but_not_the_record() {
    let graph = Arc::new(Graph::new(Settings::default()));
    let (response, log, _) = Call::new(USERS, users(0..600)).exchange(Arc::clone(&graph) as _, HangUp::Waiting).await;
    assert!(response.is_none());
    let request = log.last().unwrap();
    assert_eq!((&request["event"], &request["status"]), (&json!("request"), &json!(200)));
    let logged: BTreeSet<String> = with_event(&log, "batch").into_iter().flat_map(ids).collect();
    let applied: BTreeSet<String> = graph.applied().keys().map(|(_, id)| id.to_string()).collect();
    assert_eq!((logged.len(), logged), (600, applied));
}

fn ids(line: &Value) -> BTreeSet<String> {
    line["ids"].as_array().expect("ids").iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}
