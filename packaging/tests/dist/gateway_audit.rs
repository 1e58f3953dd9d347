//! The gateway's audit log against what really happened to each id in the model of Microsoft Graph.
//! `gateway_audit_time` checks when each line is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use graph_model::{Behavior, Fault, FaultKind, Graph, Outage, Settings};
use host_test::script::{REQUEST_ID, accepted, graph_error};
use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::gateway_call::{Call, Received, USERS, id, users};
use crate::gateway_instance::{HangUp, with_event};
use crate::gateway_ndjson::Lines;

const SIGN_INS: &str = "/auditLogs/signIns/confirmCompromised";
const REQUESTS: usize = 1_000;

/// What a request of the mix should be.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Accepted,
    /// A request with some ids that do not exist.
    Refused,
    /// A request during which a part of the requests to Microsoft Graph fails in different ways.
    Faulty,
    /// A request during which Microsoft Graph answers 503 to everything.
    Outage,
    /// A request for which a permission is missing.
    Forbidden,
    WrongKey,
    InvalidBody,
    TooManyIds,
}

const KINDS: [Kind; 10] = [
    Kind::Accepted,
    Kind::Accepted,
    Kind::Refused,
    Kind::Faulty,
    Kind::Faulty,
    Kind::Outage,
    Kind::Forbidden,
    Kind::WrongKey,
    Kind::InvalidBody,
    Kind::TooManyIds,
];

const HANG_UPS: [HangUp; 6] =
    [HangUp::Never, HangUp::Never, HangUp::Waiting, HangUp::Never, HangUp::Never, HangUp::Reading];

impl Kind {
    fn is_rejected(self) -> bool {
        matches!(self, Kind::WrongKey | Kind::InvalidBody | Kind::TooManyIds)
    }

    fn graph(self, seed: usize, ids: &[String]) -> Graph {
        let absent = ids.iter().step_by(7).map(|id| id.parse().unwrap()).collect();
        let outage = Outage { from: Duration::ZERO, until: Duration::MAX, fault: Fault::of(FaultKind::ServerError) };
        let settings = Settings { seed: seed as u64, ..Settings::default() };
        let graph = Graph::new(match self {
            Kind::Refused => Settings { absent, ..settings },
            Kind::Faulty => Settings { faults: 0.4, ..settings },
            Kind::Outage => Settings { outages: vec![outage], ..settings },
            _ => settings,
        });
        if self == Kind::Forbidden {
            graph.plan(vec![Some(Fault::of(FaultKind::Forbidden)); 100]);
        }
        graph
    }
}

/// A third of the callers hang up: before the response, or while they read it. Every seventh
/// response is streamed.
#[tokio::test(start_paused = true)]
async fn every_id_of_1000_mixed_requests_is_logged_once_with_its_outcome() {
    let mut seen = BTreeSet::new();
    for number in 0..REQUESTS {
        let (kind, hang_up) = (KINDS[number % KINDS.len()], HANG_UPS[number / KINDS.len() % HANG_UPS.len()]);
        let count = if kind == Kind::TooManyIds { 1_000 } else { 1 + number * 7 % 150 };
        let ids: Vec<String> = (0..count).map(|index| id(number << 16 | index)).collect();
        let (path, field) = if number % 3 == 0 { (SIGN_INS, "requestIds") } else { (USERS, "userIds") };
        let mut body = json!({ field: ids }).to_string();
        if kind == Kind::InvalidBody {
            body.pop();
        }
        let caller = format!("caller-{number}");
        let mut call = Call::new(path, body).permitted_every_action().header("x-request-id", Some(&caller));
        call = call.variable("ENTRA_RISK_DEADLINE_MS", if kind == Kind::TooManyIds { "4000" } else { "15000" });
        if kind == Kind::WrongKey {
            call = call.header("x-api-key", Some("wrong"));
        }
        let is_streamed = number % 7 == 0;
        call = call.header("accept", is_streamed.then_some("application/x-ndjson"));
        let graph = Arc::new(kind.graph(number, &ids));
        let (response, log, exchanges) = call.exchange(Arc::clone(&graph) as _, hang_up).await;
        let context = format!("request {number}, {kind:?}, {hang_up:?}, streamed: {is_streamed}");
        assert_eq!(response.is_some(), hang_up == HangUp::Never, "{context}");

        let logged = outcomes(&log, &caller, &context);
        let expected = if kind.is_rejected() { Vec::new() } else { ids.clone() };
        assert_eq!(logged.keys().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>(), "{context}");
        if kind.is_rejected() {
            assert!(graph.arrivals(0).is_empty(), "{context}: something was sent");
        }
        let applied: BTreeSet<String> = graph.applied().keys().map(|(_, id)| id.to_string()).collect();
        for (id, outcome) in &logged {
            seen.insert(outcome.clone());
            let is_applied = applied.contains(id);
            match outcome.as_str() {
                "accepted" => assert!(is_applied, "{context}: {id} is logged as accepted, but was not applied"),
                "unknown" => {}
                _ => assert!(!is_applied, "{context}: {id} is logged as {outcome}, but was applied"),
            }
        }
        if let Some(response) = response {
            if is_streamed && !kind.is_rejected() {
                let parts = [(Duration::ZERO, response.into_body())];
                assert_eq!(logged, Lines::parse(&parts).all_outcomes(), "{context}");
                continue;
            }
            let received = Received::check(response, log, exchanges, path, &Method::POST);
            if !kind.is_rejected() {
                assert_eq!(logged, reported(&received.body), "{context}");
            }
        }
    }
    // The mix contains every outcome.
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["accepted", "not-applied", "refused", "unknown"]);
}

/// The outcome of each id, by the lines of a log that consists of the start of the call, batches,
/// and then the request.
#[track_caller]
fn outcomes(log: &[Value], caller: &str, context: &str) -> BTreeMap<String, String> {
    let (request, lines) = log.split_last().expect("a line");
    assert_eq!(request["event"], "request", "{context}");
    let (started, batches) = lines.split_at(with_event(lines, "started").len());
    let mut outcomes = BTreeMap::new();
    for line in log {
        assert_eq!(line["xRequestId"], caller, "{context}");
    }
    for line in batches {
        assert_eq!(line["event"], "batch", "{context}");
        for id in line["ids"].as_array().expect("ids") {
            let before = outcomes.insert(text(id), text(&line["outcome"]));
            assert_eq!(before, None, "{context}: {id} is logged twice");
        }
    }
    let started: Vec<String> = started.iter().flat_map(|line| line["ids"].as_array().expect("ids")).map(text).collect();
    assert_eq!(started, outcomes.keys().cloned().collect::<Vec<_>>(), "{context}");
    let names =
        [("accepted", "accepted"), ("refused", "refused"), ("notApplied", "not-applied"), ("unknown", "unknown")];
    for (member, outcome) in names.iter().filter(|_| !batches.is_empty()) {
        let count = outcomes.values().filter(|found| found == outcome).count();
        assert_eq!(request["ids"][member], count, "{context}");
    }
    outcomes
}

/// The outcome of each id, by the response.
fn reported(report: &Value) -> BTreeMap<String, String> {
    let lists =
        [("accepted", "accepted"), ("refused", "refused"), ("notApplied", "not-applied"), ("unknown", "unknown")];
    let mut outcomes = BTreeMap::new();
    for (list, outcome) in lists {
        for batch in report[list].as_array().expect(list) {
            outcomes.extend(batch["ids"].as_array().unwrap().iter().map(|id| (text(id), outcome.to_owned())));
        }
    }
    outcomes
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test(start_paused = true)]
async fn lines_contain_the_time_the_duration_and_the_ids_of_the_requests_to_graph() {
    let behaviors = [graph_error(503, &[], "serviceNotAvailable", "Later."), accepted()];
    let received = Call::new(USERS, users(0..2)).header("x-request-id", Some("caller-1")).send(behaviors).await;
    let [_, batch, request] = received.log.as_slice() else { panic!("expected three lines: {:?}", received.log) };
    assert_eq!((&batch["requestId"], &batch["attempts"]), (&json!(REQUEST_ID), &json!(2)));
    assert_eq!(batch["clientRequestId"], client_request_id(&received.exchanges[1].request));
    let milliseconds = request["durationMs"].as_u64().unwrap();
    assert!((3_000..=6_000).contains(&milliseconds), "the retry comes after about 3 s: {milliseconds} ms");
    for line in &received.log {
        let time = line["time"].as_str().unwrap();
        assert!(time.len() == 24 && time.starts_with("20") && time.ends_with('Z'), "{time}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_not_accepted_is_logged_with_its_error_and_the_request_with_its_cause() {
    let denied = graph_error(403, &[], "Authorization_RequestDenied", "Insufficient\nprivileges.");
    let received = Call::new(USERS, users(0..61)).send([denied]).await;
    let [_, _, denied, unattempted, request] = received.log.as_slice() else { panic!("{:?}", received.log) };
    assert_eq!((&denied["outcome"], &denied["error"]["kind"]), (&json!("not-applied"), &json!("forbidden")));
    assert_eq!(denied["clientRequestId"], client_request_id(&received.exchanges[0].request));
    assert_eq!((&denied["requestId"], &denied["ids"][59]), (&json!(REQUEST_ID), &json!(id(59))));
    assert_eq!((&unattempted["attempts"], &unattempted["error"]["kind"]), (&json!(0), &json!("not-attempted")));
    assert_eq!(unattempted.get("clientRequestId"), None);
    assert_eq!((&request["status"], &request["cause"]["kind"]), (&json!(502), &json!("forbidden")));
    assert_eq!(request["ids"], json!({ "accepted": 0, "refused": 0, "notApplied": 61, "unknown": 0 }));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_read_holds_the_gateway_for_ten_seconds_at_most() {
    let start = Instant::now();
    let call = Call::new(USERS, users(0..600));
    let (_, log, _) = call.exchange(Arc::new(Graph::new(Settings::default())), HangUp::Stalled).await;
    let milliseconds = log.last().expect("a line")["durationMs"].as_u64().unwrap();
    assert_eq!(start.elapsed().as_millis() as u64, milliseconds + 10_000);
}

#[tokio::test(start_paused = true)]
async fn text_from_the_network_cannot_forge_a_line() {
    let message = "x\"}\n{\"event\":\"batch\",\"outcome\":\"accepted\"}\r\n\u{2028}";
    let forged: Behavior = graph_error(403, &[], "a\nb", message);
    let received = Call::new(USERS, users(0..1)).send([forged]).await;
    assert_eq!(received.log.len(), 3, "{:?}", received.log);
    assert_eq!(received.log[1]["outcome"], "not-applied");
}

fn client_request_id(request: &graph_model::Request) -> &str {
    request.headers()["client-request-id"].to_str().unwrap()
}
