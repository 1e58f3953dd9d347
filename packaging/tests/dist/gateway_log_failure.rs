//! The gateway while its log cannot be written: nothing is sent that is not in the log.

use std::sync::Arc;
use std::time::Duration;

use graph_model::{Graph, Settings};
use host_test::script::{Script, accepted};
use http::Method;
use serde_json::{Value, json};
use tokio::time::advance;

use crate::gateway_call::{Call, Received, USERS, id, users};
use crate::gateway_instance::{HangUp, Instance, with_event};

fn graph() -> Arc<Graph> {
    Arc::new(Graph::new(Settings::default()))
}

async fn status(instance: &mut Instance, call: Call) -> u16 {
    instance.respond(call.request(), HangUp::Never).await.expect("a response").status().as_u16()
}

fn readiness() -> Call {
    Call { method: Method::GET, ..Call::new("/readyz", String::new()) }
}

/// First with an instance for each request, as wasmtime creates by default, then with one for all
/// of them.
#[tokio::test(start_paused = true)]
async fn nothing_is_sent_while_the_log_cannot_be_written() {
    let call = || Call { max_log_bytes: 0, ..Call::new(USERS, users(0..1)) };
    for _ in 0..2 {
        let received = call().send([]).await;
        assert_eq!((received.status.as_u16(), &received.body["error"]["code"]), (503, &json!("logNotWritable")));
        assert!(received.exchanges.is_empty());
        let probe = Call { max_log_bytes: 0, ..readiness() }.send([]).await;
        assert_eq!((probe.status.as_u16(), &probe.body["error"]["code"]), (503, &json!("logNotWritable")));
    }
    let mut instance = call().instance(graph()).await;
    for _ in 0..3 {
        assert_eq!(status(&mut instance, call()).await, 503);
        advance(Duration::from_secs(61)).await;
    }
    assert_eq!(status(&mut instance, readiness()).await, 503);
    assert!(instance.exchanges().is_empty());
}

/// The log has room for the first of the two lines with ids, and for a part of the second.
#[tokio::test(start_paused = true)]
async fn a_call_whose_ids_cannot_all_be_logged_is_refused() {
    let call = || Call { max_log_bytes: 3_000, ..Call::new(USERS, users(0..120)) };
    let mut instance = call().instance(graph()).await;
    assert_eq!(status(&mut instance, call()).await, 503);
    assert!(instance.exchanges().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_start_of_a_call_is_logged_with_its_key_its_action_and_its_ids() {
    let call = || Call::new(USERS, users(0..130)).header("x-request-id", Some("case-1"));
    let received = call().send([accepted(), accepted(), accepted()]).await;
    let (started, others) = received.log.split_at(3);
    let ids: Vec<Value> = started.iter().flat_map(|line| line["ids"].as_array().unwrap()).cloned().collect();
    assert_eq!(ids, (0..130).map(|number| json!(id(number))).collect::<Vec<_>>());
    for line in started {
        assert_eq!((&line["event"], &line["xRequestId"]), (&json!("started"), &json!("case-1")));
        assert_eq!((&line["key"], &line["action"]), (&json!("default"), &json!("dismiss-risky-users")));
        assert!(line["ids"].as_array().unwrap().len() <= 60);
    }
    assert!(with_event(others, "started").is_empty());
}

/// The log has room for the start of the call, for the first batch and a part of the second one.
#[tokio::test(start_paused = true)]
async fn a_call_sends_nothing_more_once_the_log_cannot_be_written() {
    let call = || Call { max_log_bytes: 29_000, ..Call::new(USERS, users(0..600)) };
    let mut instance = call().instance(graph()).await;
    let response = instance.respond(call().request(), HangUp::Never).await.expect("a response");
    let received = Received::check(response, Vec::new(), instance.exchanges(), USERS, &Method::POST);
    assert_eq!((received.status.as_u16(), &received.body["cause"]["kind"]), (207, &json!("cancelled")));
    assert_eq!(received.body["ids"], json!({ "accepted": 120, "refused": 0, "notApplied": 480, "unknown": 0 }));
    assert_eq!(received.exchanges.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_first_line_after_a_failure_is_not_appended_to_a_part_of_another() {
    let call = || Call { max_log_bytes: 100, ..Call::new(USERS, users(0..1)) };
    let mut instance = call().instance(Script::at_once([accepted()])).await;
    let log = instance.log();
    let refused = instance.respond(call().request(), HangUp::Never);
    assert_eq!(refused.await.expect("a response").status(), 503);
    log.make_space();
    assert_eq!(status(&mut instance, call()).await, 200);
    let text = log.text();
    let lines: Vec<_> = text.lines().map(serde_json::from_str::<Value>).collect();
    let [Err(_), Ok(started), Ok(batch), Ok(request)] = lines.as_slice() else { panic!("{text}") };
    assert_eq!([started, batch, request].map(|line| line["event"].as_str().unwrap()), ["started", "batch", "request"]);
}

#[tokio::test(start_paused = true)]
async fn readiness_tries_the_log_with_at_most_one_line_in_ten_seconds() {
    let mut instance = readiness().instance(Script::at_once([accepted()])).await;
    let log = instance.log();
    for seconds in 0..35 {
        assert_eq!(status(&mut instance, readiness()).await, 200);
        assert_eq!(log.lines().len(), 1 + seconds / 10, "after {seconds} s");
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(with_event(&log.lines(), "try").len(), 4);
    // Another line shows that the log can be written, too.
    advance(Duration::from_secs(20)).await;
    assert_eq!(status(&mut instance, Call::new(USERS, users(0..1))).await, 200);
    let lines = log.lines().len();
    assert_eq!(status(&mut instance, readiness()).await, 200);
    assert_eq!(log.lines().len(), lines);
}
