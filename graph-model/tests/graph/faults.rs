//! Faults and outages: what a request meets because of them, and what is recorded.

use std::time::Duration;

use graph_model::{
    Behavior, Delay, Fault, FaultKind, Graph, Network, Outage, RetryAfter, Service, Settings, TransportError,
};
use http::StatusCode;
use uuid::Uuid;

use crate::{USERS, graph, last, request, respond, users};

#[test]
fn a_fault_that_belongs_to_an_id_meets_each_request_with_it_and_no_other() {
    let failing = Fault { status: StatusCode::GATEWAY_TIMEOUT, ..Fault::of(FaultKind::ServerError) };
    let id_faults = [(Uuid::from_u128(1), failing), (Uuid::from_u128(2), Fault::of(FaultKind::Silence))];
    let graph = Graph::new(Settings { id_faults: id_faults.into(), ..Settings::default() });
    let status = |at, count| match graph.serve(Duration::from_secs(at), request(USERS, &users(count))).behavior {
        Behavior::Complete(response) => response.status().as_u16(),
        Behavior::Silence => 0,
        behavior => panic!("not planned: {behavior:?}"),
    };
    assert_eq!([(0, 1), (1, 2), (2, 2), (3, 1)].map(|(at, count)| status(at, count)), [204, 504, 504, 204]);
    let body = format!(r#"{{"userIds":["{}"]}}"#, Uuid::from_u128(2));
    assert!(matches!(graph.serve(Duration::from_secs(4), request(USERS, &body)).behavior, Behavior::Silence));
    assert_eq!(graph.applied().len(), 1);
}

#[test]
fn what_is_not_about_the_ids_is_told_apart_by_the_response() {
    for (kind, status, has_request_id, has_error) in [
        (FaultKind::Segment, 400, true, true),
        (FaultKind::Unsupported, 405, true, true),
        (FaultKind::TooLarge, 413, true, false),
        (FaultKind::BlockPage, 404, false, false),
        (FaultKind::Misdirected, 421, false, false),
    ] {
        let graph = graph();
        graph.plan([Some(Fault::of(kind))]);
        let response = respond(&graph, 0, request(USERS, &users(1)));
        let body = String::from_utf8_lossy(response.body()).into_owned();
        assert_eq!(response.status().as_u16(), status, "{kind:?}");
        assert_eq!(response.headers().contains_key("request-id"), has_request_id, "{kind:?}");
        assert_eq!(body.contains("\"error\""), has_error, "{kind:?}");
        assert_eq!(body.contains("Resource not found for the segment"), kind == FaultKind::Segment);
        assert!(graph.applied().is_empty(), "{kind:?}");
    }
}

#[test]
fn a_planned_fault_is_applied_and_recorded() {
    for (kind, applied) in [(FaultKind::ServerError, true), (FaultKind::Reset, false), (FaultKind::Silence, true)] {
        let graph = graph();
        let fault = Fault { applied, ..Fault::of(kind).retry_after(RetryAfter::Seconds(7)) };
        graph.plan([Some(fault.clone())]);
        graph.serve(Duration::ZERO, request(USERS, &users(3)));
        assert_eq!((graph.applied().len(), last(&graph).fault), (if applied { 3 } else { 0 }, Some(fault)));
    }
}

#[test]
fn a_request_that_never_arrives_does_not_count_against_the_limit() {
    let graph = graph();
    graph.plan([Some(Fault::of(FaultKind::NoConnection))]);
    assert!(matches!(graph.serve(Duration::ZERO, request(USERS, &users(1))).behavior, Behavior::Failed(_)));
    assert_eq!(respond(&graph, 1, request(USERS, &users(1))).status(), 204);
}

#[test]
fn the_same_seed_draws_the_same_faults() {
    let run = |seed| {
        let graph = Graph::new(Settings { faults: 0.5, seed, ..Settings::default() });
        for at in 0..100 {
            graph.serve(Duration::from_secs(at), request(USERS, &users(1)));
        }
        graph.arrivals(0).into_iter().map(|arrival| arrival.fault).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    let kinds: std::collections::BTreeSet<_> = (0..200).flat_map(run).flatten().map(|fault| fault.kind).collect();
    assert_eq!(kinds.len(), 28, "not every kind was drawn: {kinds:?}");
}

#[test]
fn an_outage_has_a_beginning_and_an_end() {
    let seconds = Duration::from_secs;
    let outage = |from, until, kind| Outage { from: seconds(from), until: seconds(until), fault: Fault::of(kind) };
    let outages = vec![outage(10, 20, FaultKind::ServerError), outage(30, 40, FaultKind::NoConnection)];
    let graph = Graph::new(Settings { outages, ..Settings::default() });
    let status = |at: u64| match graph.serve(seconds(at), request(USERS, &users(1))).behavior {
        Behavior::Complete(response) => response.status().as_u16(),
        Behavior::Failed(TransportError::ConnectionRefused) => 0,
        behavior => panic!("not planned: {behavior:?}"),
    };
    assert_eq!([9, 10, 19, 20, 29, 30, 39, 40].map(status), [204, 503, 503, 204, 204, 0, 0, 204]);
}

#[test]
fn a_delayed_request_is_recorded_with_both_times() {
    let delay = Delay::Uniform(Duration::from_millis(50));
    let graph = Graph::new(Settings { network: Network { delay, ..Network::default() }, ..Settings::default() });
    let request = request(USERS, &users(1));
    let sent = Duration::from_secs(1);
    let delay = graph.delay(sent, &request);
    graph.serve(sent + delay, request);
    assert_eq!((last(&graph).sent, last(&graph).at), (sent, sent + delay));
}
