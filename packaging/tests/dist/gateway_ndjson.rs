//! Streamed outcomes: `accept: application/x-ndjson`. Every line is validated against
//! `openapi.yaml`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use graph_model::{Behavior, Fault, FaultKind, Graph, Outage, Reply, Service, Settings};
use host_test::plugin::CANARY;
use host_test::script::{Script, accepted, graph_error};
use serde_json::{Value, json};
use tokio::time::Instant as Time;

use crate::gateway_call::{Body, Call, KEY, Rest, USERS, id, not_found, users, validate_line};
use crate::gateway_instance::{HangUp, Instance, with_event};
use crate::gateway_keys::entry;

/// A caller that waits for the end.
const NEVER: Duration = Duration::from_secs(1 << 20);

/// Ten seconds.
const SILENCE: Duration = Duration::from_secs(10);

/// A request whose outcomes are streamed.
fn call(body: String) -> Call {
    Call::new(USERS, body).header("accept", Some("application/x-ndjson"))
}

/// A request with a key that permits this many ids.
fn call_with_max_ids(body: String, max_ids: usize) -> Call {
    let keys = entry("bulk", KEY, &format!(":dismiss-risky-users:max-ids={max_ids}"));
    call(body).variable("GATEWAY_KEY", "").variable("GATEWAY_KEYS", &keys)
}

/// The lines of a streamed response, each with the time since the request.
pub(crate) struct Lines(Vec<(Duration, Value)>);

impl Lines {
    /// Sends a request, and checks the response and the log.
    async fn of(instance: &mut Instance, request: http::Request<Body>, hang_up: Duration) -> Lines {
        let request_id = request.headers().get("x-request-id").cloned();
        let (head, parts) = instance.stream(request, hang_up).await;
        assert_eq!(head.status, 200);
        let headers =
            [("content-type", "application/x-ndjson"), ("cache-control", "no-store"), ("x-accel-buffering", "no")];
        for (name, value) in headers {
            assert_eq!(head.headers[name], value);
        }
        if let Some(request_id) = request_id {
            assert_eq!(head.headers["x-request-id"], request_id);
        }
        Lines::parse(&parts)
    }

    /// Checks the parts of a streamed response.
    pub(crate) fn parse(parts: &[(Duration, Bytes)]) -> Lines {
        let (mut lines, mut part_of_line) = (Vec::new(), Vec::new());
        for (time, part) in parts {
            part_of_line.extend_from_slice(part);
            while let Some(end) = part_of_line.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = part_of_line.drain(..=end).collect();
                let text = str::from_utf8(&line).unwrap();
                assert!(!text.contains(CANARY) && !text.contains(KEY), "the line contains a secret: {text}");
                let line = serde_json::from_str(text).expect(text);
                validate_line(&line);
                lines.push((*time, line));
            }
        }
        assert!(part_of_line.is_empty(), "the last line is not whole");
        Lines(lines)
    }

    fn with_event(&self, event: &str) -> Vec<&(Duration, Value)> {
        self.0.iter().filter(|(_, line)| line["event"] == event).collect()
    }

    /// The last line.
    #[track_caller]
    fn end(&self) -> &Value {
        let (_, line) = self.0.last().expect("a line");
        assert_eq!((&line["event"], self.with_event("end").len()), (&json!("end"), 1));
        line
    }

    /// The outcome of each id of a whole response.
    #[track_caller]
    pub(crate) fn all_outcomes(&self) -> BTreeMap<String, String> {
        self.end();
        self.outcomes().into_iter().map(|(id, (_, outcome))| (id, outcome)).collect()
    }

    /// The time and the outcome of each id, which must be in one line.
    #[track_caller]
    fn outcomes(&self) -> BTreeMap<String, (Duration, String)> {
        let mut outcomes = BTreeMap::new();
        for (time, line) in self.with_event("batch") {
            for id in line["ids"].as_array().unwrap() {
                let outcome = (*time, line["outcome"].as_str().unwrap().to_owned());
                assert_eq!(outcomes.insert(id.as_str().unwrap().to_owned(), outcome), None, "{id} is in two lines");
            }
        }
        outcomes
    }
}

/// Sends a request to a gateway of its own, and returns the lines of the response and of the log.
async fn stream(call: Call, graph: Arc<dyn Service>) -> (Lines, Vec<Value>) {
    let mut instance = call.instance(graph).await;
    let lines = Lines::of(&mut instance, call.request(), NEVER).await;
    (lines, instance.log().lines())
}

fn graph(settings: Settings) -> Arc<Graph> {
    Arc::new(Graph::new(settings))
}

#[tokio::test(start_paused = true)]
async fn the_lines_are_those_of_the_log() {
    let absent = [7, 100].into_iter().map(|number| id(number).parse().unwrap()).collect();
    let call = call(users(0..200)).header("x-request-id", Some("case-1")).header("x-reason", Some("a reason"));
    let (lines, log) = stream(call, graph(Settings { absent, ..Settings::default() })).await;
    let streamed: Vec<&Value> = lines.with_event("batch").iter().map(|(_, line)| line).collect();
    assert_eq!(streamed, with_event(&log, "batch"));
    let mut logged = log.last().unwrap().clone();
    assert_eq!(logged["event"], "request");
    for member in ["event", "time", "durationMs"] {
        logged[member] = lines.end()[member].clone();
    }
    assert_eq!(*lines.end(), logged);
    assert_eq!(
        (&logged["key"], &logged["reason"], &logged["status"]),
        (&json!("default"), &json!("a reason"), &json!(207))
    );
    assert_eq!(logged["ids"], json!({ "accepted": 198, "refused": 2, "notApplied": 0, "unknown": 0 }));
    let outcomes = lines.outcomes();
    assert_eq!(outcomes.len(), 200);
    for number in 0..200 {
        let expected = if [7, 100].contains(&number) { "refused" } else { "accepted" };
        assert_eq!(outcomes[&id(number)].1, expected);
    }
}

/// The body has 3.9 MB, and Microsoft Graph takes 28 minutes.
#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_users_need_no_more_than_48_mib() {
    const USERS: usize = 100_000;
    let graph = graph(Settings::default());
    let call = call_with_max_ids(users(0..USERS), USERS);
    let mut instance = call.instance(Arc::clone(&graph) as _).await;
    let request = call.request();
    let lines = Lines::of(&mut instance, request, NEVER).await;
    let outcomes = lines.outcomes();
    assert_eq!((outcomes.len(), &lines.end()["status"]), (USERS, &json!(200)));
    assert!(outcomes.values().all(|(_, outcome)| outcome == "accepted"));
    let (answered, first) = (graph.arrivals(0)[0].settled.unwrap(), outcomes[&id(0)].0);
    assert!(first - answered <= Duration::from_millis(300), "{answered:?} {first:?}");
    let memory = instance.memory();
    println!("{memory} bytes of memory, first line after {first:?}, last after {:?}", lines.0.last().unwrap().0);
    assert!(memory <= 48 << 20, "{memory} bytes");
}

/// Responses take half a minute.
#[tokio::test(start_paused = true)]
async fn a_line_comes_after_ten_seconds_without_a_batch_at_the_latest() {
    let slow = || Reply::at_once(accepted()).after(Duration::from_secs(29));
    let (lines, log) = stream(call(users(0..480)), Script::new((0..8).map(|_| slow()))).await;
    let mut before = Duration::ZERO;
    for (time, line) in &lines.0 {
        assert!(*time - before <= SILENCE, "{:?} before {line}", *time - before);
        before = *time;
    }
    let waiting = lines.with_event("waiting");
    assert_eq!(waiting.len(), 4, "{waiting:?}");
    let (_, first) = waiting[0];
    assert_eq!((&first["left"], &first["requests"], &first["inFlight"]), (&json!(480), &json!(4), &json!(4)));
    assert!(with_event(&log, "waiting").is_empty(), "the log is not about waiting");
    // The failure that the call waits out.
    let outage =
        Outage { from: Duration::ZERO, until: Duration::from_secs(60), fault: Fault::of(FaultKind::ServerError) };
    let (lines, _) = stream(call(users(0..60)), graph(Settings { outages: vec![outage], ..Settings::default() })).await;
    let (_, last) = lines.with_event("waiting").pop().expect("a line");
    assert_eq!(last["error"]["kind"], "server-error");
    assert_eq!(lines.end()["status"], 200);
}

/// Callers hang up while responses come, and while the gateway waits for one.
#[tokio::test(start_paused = true)]
async fn a_caller_that_hangs_up_stops_the_call_within_ten_seconds() {
    for (latency, hang_up) in [(200, 3_150), (200, 7_777), (0, 12_000), (29_000, 500), (29_000, 15_000)] {
        let context = format!("latency of {latency} ms, hang-up after {hang_up} ms");
        let (latency, hang_up) = (Duration::from_millis(latency), Duration::from_millis(hang_up));
        let graph = graph(Settings { latency: latency..=latency, ..Settings::default() });
        let call = call(users(0..2_940));
        let mut instance = call.instance(Arc::clone(&graph) as _).await;
        let start = Time::now();
        let lines = Lines::of(&mut instance, call.request(), hang_up).await;
        assert!(lines.with_event("end").is_empty(), "{context}");
        // Requests in flight have ten seconds.
        assert!(start.elapsed() <= hang_up + SILENCE + SILENCE, "{context}: {:?}", start.elapsed());
        let arrivals = graph.arrivals(0);
        let late = arrivals.iter().filter(|arrival| arrival.at > hang_up + SILENCE).count();
        assert_eq!(late, 0, "{context}");
        let log = instance.log().lines();
        let logged: BTreeMap<String, String> = with_event(&log, "batch").into_iter().flat_map(outcomes).collect();
        assert_eq!(logged.len(), 2_940, "{context}");
        for id in arrivals.iter().flat_map(|arrival| &arrival.ids) {
            assert_ne!(logged[&id.to_string()], "not-applied", "{context}");
        }
        let applied: BTreeSet<String> = graph.applied().keys().map(|(_, id)| id.to_string()).collect();
        for (id, outcome) in &logged {
            assert!(outcome != "accepted" || applied.contains(id), "{context}: {id}");
        }
        let request = log.last().unwrap();
        assert_eq!(
            (&request["event"], &request["cause"]["kind"]),
            (&json!("request"), &json!("cancelled")),
            "{context}"
        );
    }
}

/// The id and the outcome of each id in a line.
fn outcomes(line: &Value) -> impl Iterator<Item = (String, String)> {
    let ids = line["ids"].as_array().unwrap().iter();
    ids.map(|id| (id.as_str().unwrap().to_owned(), line["outcome"].as_str().unwrap().to_owned()))
}

/// The host keeps two parts of the body.
#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_read_stops_the_call_after_ten_seconds() {
    let start = Time::now();
    let (_, log, exchanges) = call(users(0..2_940)).exchange(graph(Settings::default()), HangUp::Stalled).await;
    assert_eq!(log.last().unwrap()["cause"]["kind"], "cancelled");
    assert!(exchanges.len() < 10 && start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

/// A plain response would have this status. The preference has no effect.
#[tokio::test(start_paused = true)]
async fn the_last_line_has_the_status_of_a_plain_response() {
    let denied = || graph_error(403, &[], "Authorization_RequestDenied", "Insufficient privileges.");
    let throttled = || graph_error(429, &[("retry-after", "400")], "TooManyRequests", "Too many requests.");
    let cases: [(usize, Vec<Behavior>, u16, Value); 6] = [
        (0, vec![], 200, Value::Null),
        (120, vec![accepted(), accepted()], 200, Value::Null),
        (120, vec![accepted(), not_found()], 207, json!("client-error")),
        (120, vec![not_found(), not_found()], 422, json!("client-error")),
        (60, vec![denied()], 502, json!("forbidden")),
        (60, vec![throttled()], 503, json!("throttled")),
    ];
    for (ids, behaviors, status, kind) in cases {
        let call = call(users(0..ids)).header("prefer", Some("handling=strict"));
        let (lines, _) = stream(call.variable("ENTRA_RISK_ISOLATE_REFUSED", "false"), Script::at_once(behaviors)).await;
        assert_eq!((&lines.end()["status"], &lines.end()["cause"]["kind"]), (&json!(status), &kind));
        assert_eq!(lines.outcomes().len(), ids);
    }
}

/// The call takes 50 seconds.
#[tokio::test(start_paused = true)]
async fn the_deadline_is_that_of_plain_responses() {
    let call = call_with_max_ids(users(0..3_000), 3_000).variable("ENTRA_RISK_DEADLINE_MS", "2000");
    let (lines, _) = stream(call, graph(Settings::default())).await;
    assert_eq!((lines.outcomes().len(), &lines.end()["status"]), (3_000, &json!(200)));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_rejected_has_a_plain_response() {
    let header = |name, value| call(users(0..1)).header(name, Some(value));
    header("x-api-key", "wrong").send([]).await.is_error(401, "unauthorized");
    header("content-type", "text/plain").send([]).await.is_error(415, "unsupportedMediaType");
    header("content-length", "8388609").send([]).await.is_error(413, "contentTooLarge");
    call("{}".to_owned()).send([]).await.is_error(400, "badRequest");
    let chunks = |count| Body { parts: vec![Bytes::from(vec![b' '; 64 << 10]); count], rest: Rest::End };
    Call { body: chunks(128), ..call(String::new()) }.send([]).await.is_error(400, "badRequest");
    Call { body: chunks(129), ..call(String::new()) }.send([]).await.is_error(413, "contentTooLarge");
    let unwritable = Call { max_log_bytes: 0, ..call(users(0..1)) }.send([]).await;
    assert_eq!((unwritable.status.as_u16(), unwritable.exchanges.len()), (503, 0));
    // Other media types are none of lines.
    let plain = header("accept", "*/*").send([accepted()]).await;
    assert_eq!(plain.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_key_permits_as_many_ids_as_its_entry_says_or_as_fit_before_the_deadline() {
    for (max_ids, call) in [
        (2_940, call(users(0..2_941))),
        (5_000, call_with_max_ids(users(0..5_001), 5_000)),
        (5, call_with_max_ids(users(0..6), 5)),
    ] {
        let rejected = call.send([]).await;
        rejected.is_error(413, "tooManyIds");
        assert_eq!(rejected.body["error"]["maxIds"], max_ids);
    }
    // A plain response has the deadline too.
    for (max_ids, ids, of_key) in [(5, 6, 5), (2_940, 2_941, 100_000)] {
        let plain = call_with_max_ids(users(0..ids), of_key).header("accept", None).send([]).await;
        plain.is_error(413, "tooManyIds");
        assert_eq!(plain.body["error"]["maxIds"], max_ids);
    }
}

/// The log has room for the start of the call, for the first batch and a part of the second one.
#[tokio::test(start_paused = true)]
async fn a_call_whose_log_fails_sends_nothing_more_and_its_caller_learns_every_outcome() {
    let call = Call { max_log_bytes: 29_000, ..call(users(0..600)) };
    let mut instance = call.instance(graph(Settings::default())).await;
    let (_, parts) = instance.stream(call.request(), NEVER).await;
    let lines = Lines::parse(&parts);
    assert_eq!((&lines.end()["status"], &lines.end()["cause"]["kind"]), (&json!(207), &json!("cancelled")));
    assert_eq!((lines.outcomes().len(), instance.exchanges().len()), (600, 2));
}
