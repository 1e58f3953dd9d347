//! Tests of the summary.

use entra_risk_common::ACTIONS;
use entra_risk_common::actions::{Batch, Receipt, Response};

use super::*;

fn batch(ids: std::ops::Range<usize>, outcome: Outcome, error: Option<Error>) -> Batch {
    let receipt = Receipt { request_id: None, client_request_id: String::new(), date: None };
    let receipt = error.is_none().then_some(receipt);
    Batch { ids: ids.map(|id| format!("id-{id}")).collect(), attempts: 1, outcome, receipt, error }
}

fn error(kind: ErrorKind, message: &str) -> Option<Error> {
    Some(Error { kind, message: message.to_owned(), response: None })
}

fn not_attempted() -> Option<Error> {
    error(ErrorKind::NotAttempted, "never sent, because the call ended before")
}

fn refusal(message: &str, request_id: &str) -> Option<Error> {
    let response = Response {
        status: 404,
        code: "Request_ResourceNotFound".to_owned(),
        message: message.to_owned(),
        request_id: Some(request_id.to_owned()),
        client_request_id: "c-1".to_owned(),
        date: None,
        retry_after_ms: None,
    };
    let message = "404: refused".to_owned();
    Some(Error { kind: ErrorKind::ClientError, message, response: Some(response) })
}

fn not_found() -> Option<Error> {
    refusal("No \x1b[2Jsuch user", "r-1")
}

#[test]
fn failed_ids_are_listed_with_reason_and_advice() {
    let report = Report {
        batches: vec![
            batch(0..60, Outcome::Accepted, None),
            batch(60..61, Outcome::Refused, not_found()),
            batch(61..121, Outcome::NotApplied, not_attempted()),
            batch(121..122, Outcome::Refused, refusal("Not at risk", "r-2")),
            batch(122..123, Outcome::Unknown, error(ErrorKind::NoResponse, "connection reset")),
            batch(123..130, Outcome::NotApplied, not_attempted()),
            batch(130..132, Outcome::Refused, not_found()),
            batch(132..133, Outcome::NotApplied, not_found()),
        ],
        cause: not_found(),
    };
    let listed: String = (61..121).map(|id| format!("    id-{id}\n")).collect();
    let expected = format!(
        "dismiss-risky-users: 60 of 133 ids accepted, 4 refused, 68 not-applied, 1 unknown\n\
         \n2 refused: client-error, HTTP 404 Request_ResourceNotFound\n\
         \x20 Unknown in the tenant, not at risk, already processed, or of a user who was deleted or is a guest: do \
         not run again unchanged.\n\
         \x20   id-60: No \u{fffd}[2Jsuch user (request-id r-1)\n\
         \x20   id-121: Not at risk (request-id r-2)\n\
         \n67 not-applied: not-attempted: never sent, because the call ended before\n\
         \x20 Run again once the cause is gone.\n{listed}\
         \x20   and 7 more: --json, --remaining and --refused list all\n\
         \n1 unknown: no-response: connection reset\n\
         \x20 Run again. The ids may already have been processed; sending them again is safe.\n\
         \x20   id-122\n\
         \n2 refused: client-error, HTTP 404 Request_ResourceNotFound\n\
         \x20 At least one id of each request is probably unknown in the tenant or not at risk. Run again without \
         --no-isolate-refused to find it.\n\
         \x20   id-130: No \u{fffd}[2Jsuch user (request-id r-1)\n\
         \x20   id-131: No \u{fffd}[2Jsuch user (request-id r-1)\n\
         \n1 not-applied: client-error, HTTP 404: refused\n\
         \x20 request-id r-1, client-request-id c-1, no date\n\
         \x20 Run again.\n\
         \x20   id-132\n"
    );
    assert_eq!(summary(&ACTIONS[3], &report, &Labels::new()), expected);
}

#[test]
fn a_cause_that_no_batch_contains_comes_first() {
    let report = Report {
        batches: vec![batch(0..1, Outcome::NotApplied, not_attempted())],
        cause: error(ErrorKind::NoToken, "GRAPH_TOKEN is not\nset"),
    };
    assert_eq!(
        summary(&ACTIONS[3], &report, &Labels::new()),
        "dismiss-risky-users: 0 of 1 ids accepted, 0 refused, 1 not-applied, 0 unknown\n\
         \nended by no-token: GRAPH_TOKEN is not set\n\
         \x20 Fix the credential and run again.\n\
         \n1 not-applied: not-attempted: never sent, because the call ended before\n\
         \x20 Run again once the cause is gone.\n\
         \x20   id-0\n"
    );
}

#[test]
fn a_variable_that_the_runtime_does_not_pass_on_is_named() {
    for (message, is_named) in [
        ("GRAPH_TOKEN is not set: set it to an access token", true),
        ("no credential is configured, and no virtual machine's identity answered within 1 s", true),
        ("GRAPH_TOKEN is System.Security.SecureString", false),
    ] {
        let report = Report { batches: Vec::new(), cause: error(ErrorKind::NoToken, message) };
        let text = summary(&ACTIONS[3], &report, &Labels::new());
        assert_eq!(text.contains("not set, or not passed on: --env GRAPH_TOKEN"), is_named, "{text}");
    }
}

#[test]
fn a_label_follows_its_id() {
    let id = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11";
    let unknown = Batch { ids: vec![id.to_owned()], ..batch(0..1, Outcome::Unknown, not_found()) };
    let labels = Labels::from([(number(id), "Ann\nMiller".to_owned())]);
    let text = summary(&ACTIONS[0], &Report { batches: vec![unknown], cause: None }, &labels);
    assert!(text.ends_with(&format!("\n    {id} Ann Miller\n")), "{text}");
}

#[test]
fn refusals_alone_are_explained() {
    let refused = || batch(0..1, Outcome::Refused, not_found());
    let text = |batches| summary(&ACTIONS[0], &Report { batches, cause: not_found() }, &Labels::new());
    let alone = text(vec![refused(), batch(1..2, Outcome::NotApplied, not_attempted())]);
    assert!(alone.contains("already processed") && alone.contains("request ids of sign-ins"), "{alone}");
    let others = text(vec![refused(), batch(1..2, Outcome::Accepted, None)]);
    assert!(!others.contains("Nothing was accepted"), "{others}");
}

#[test]
fn options_have_the_names_of_the_command() {
    let message = "429: the service asks to wait 600 s, longer than patience-ms permits";
    let held = batch(0..1, Outcome::NotApplied, error(ErrorKind::Throttled, message));
    let text = summary(&ACTIONS[0], &Report { batches: vec![held], cause: None }, &Labels::new());
    assert!(text.contains("longer than --patience permits"), "{text}");
}

#[test]
fn success_is_one_line() {
    let report = Report { batches: vec![batch(0..2, Outcome::Accepted, None)], cause: None };
    assert_eq!(summary(&ACTIONS[0], &report, &Labels::new()), "dismiss-sign-ins: 2 of 2 ids accepted\n");
}

#[test]
fn an_empty_list_says_so() {
    assert_eq!(summary(&ACTIONS[0], &Report::default(), &Labels::new()), "dismiss-sign-ins: nothing to do: no ids\n");
}

#[test]
fn ids_remain_if_and_only_if_the_advice_is_to_run_them_again() {
    let cases = [
        (batch(0..2, Outcome::Accepted, None), false),
        (batch(0..1, Outcome::Refused, not_found()), false),
        (batch(0..2, Outcome::Refused, not_found()), true),
        (batch(0..1, Outcome::NotApplied, error(ErrorKind::Cancelled, "stopped")), true),
        (batch(0..1, Outcome::Unknown, not_found()), true),
    ];
    for (batch, expected) in cases {
        assert_eq!(batch.remains(), expected, "{batch:?}");
        let report = Report { batches: vec![batch], cause: None };
        for group in report.groups() {
            let advice = advice(&ACTIONS[3], &group);
            assert_eq!(advice.contains("un again") && !advice.contains("do not"), expected, "{advice}");
        }
    }
}
