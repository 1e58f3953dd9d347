//! Each check finds what violates it: for every invariant, one change of a run without a violation.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use host_test::bindings::actions::{Error, ErrorKind, Outcome};
use host_test::bindings::calls::Event;
use host_test::plugin::CANARY;
use http::StatusCode;

use super::fixture::{Fixture, ms, refusal, token};
use super::{check, check_same};
use crate::caller::GRACE;
use crate::mutants::mutants;

/// An invariant, and a change of the run that violates it.
type Case = (&'static str, fn(&mut Fixture));

/// The invariants that a run violates.
fn violated(run: &Fixture) -> Vec<&'static str> {
    let violations = check(&run.plan, std::slice::from_ref(&run.call));
    violations.into_iter().map(|violation| violation.invariant).collect()
}

#[test]
fn a_run_without_a_violation_passes() {
    assert_eq!(violated(&Fixture::new()), [""; 0]);
}

#[test]
fn each_violation_is_found() {
    for (invariant, change) in
        [TEXT, EVENTS, IDS, NEXT, OUTCOME, ATTEMPTS, END, TOKEN, REFUSED, RATE].into_iter().flatten()
    {
        let mut run = Fixture::new();
        change(&mut run);
        let found = violated(&run);
        assert!(found.contains(invariant), "{invariant}: found {found:?}");
    }
}

/// Every invariant that a check names.
fn invariants() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = fs::read_dir(folder.join("check")).unwrap().map(|entry| entry.unwrap().path());
    let files = files.chain([folder.join("check.rs")]).filter(|file| !file.ends_with("tests.rs"));
    let texts = files.map(|file| fs::read_to_string(file).unwrap());
    let names = |text: String| -> Vec<String> {
        text.split(".add(").skip(1).filter_map(|rest| rest.split('"').nth(1)).map(str::to_owned).collect()
    };
    texts.flat_map(names).collect()
}

#[test]
fn every_invariant_has_a_mutant_that_violates_it() {
    let violated: BTreeSet<String> = mutants().iter().map(|mutant| mutant.violates.to_owned()).collect();
    assert_eq!(invariants(), violated);
}

#[test]
fn a_function_that_differs_from_a_call_is_found() {
    let (call, mut other) = (Fixture::new().call, Fixture::new());
    assert!(check_same(std::slice::from_ref(&call), std::slice::from_ref(&other.call)).is_empty());
    other.report().cause = None;
    let violations = check_same(&[call], &[other.call]);
    assert_eq!(violations[0].invariant, "a function does what a call does");
}

/// About the texts of a report.
const TEXT: &[Case] = &[
    ("every error has a message", |run| run.cause().message.clear()),
    ("no text contains 24 characters of the token", |run| run.cause().message = CANARY[..24].into()),
    ("texts are cut as stated", |run| run.cause().message = "x".repeat(513)),
];

/// About what the events of a call say.
const EVENTS: &[Case] = &[
    ("an event has batches in order", |run| run.call.nexts[0].event = Event::Ended(Vec::new())),
    ("each id is in one event", |run| run.call.nexts.insert(1, run.call.nexts[0].clone())),
    ("a call is over when every id was reported", |run| drop(run.call.nexts.remove(2))),
    ("a call that is over stays so", |run| run.call.nexts[4].event = Event::Over(None)),
    ("the report says what the events did", |run| run.call.nexts[0].report = Some(Vec::new())),
    ("a batch of a report holds neighbors", |run| {
        let report = run.call.nexts[0].report.as_mut().unwrap();
        report[0].ids[1] = run.call.call.ids[2].clone();
    }),
    ("waiting says what is left", |run| run.progress().left += 1),
    ("waiting never names a refusal", |run| run.progress().error = Some(refusal())),
];

/// About the ids of the report and of the requests.
const IDS: &[Case] = &[
    ("every id is reported exactly once, in the order given", |run| drop(run.report().batches.pop())),
    ("no cause means every id was accepted", |run| run.report().cause = None),
    ("a request carries at most ids-per-request ids", |run| run.call.call.options.ids_per_request = Some(1)),
    ("a request carries ids of the call, each once", |run| {
        let id = run.call.arrivals[1].ids[0].clone();
        run.call.arrivals[1].ids.push(id);
    }),
];

/// About what each `next` does.
const NEXT: &[Case] = &[
    ("next returns in time", |run| run.call.nexts[1].ended += ms(3)),
    ("next waits as long as it may", |run| run.call.nexts[1].ended -= ms(3)),
    ("next without a limit never waits", |run| run.call.nexts[1].wait_ms = None),
    ("nothing is sent outside next", |run| run.call.nexts[2].began = ms(1_150)),
    ("an acceptance is reported by the next that read it", |run| run.call.arrivals[0].settled = Some(ms(50))),
    ("waiting names no failure from before an acceptance", |run| {
        // No request fails after the acceptance.
        run.call.arrivals.truncate(1);
        let message = "failed".to_owned();
        run.progress().error = Some(Error { kind: ErrorKind::ServerError, message, response: None });
    }),
];

/// About the outcomes of the ids.
const OUTCOME: &[Case] = &[
    ("attempts are counted for each id", |run| run.report().batches[0].attempts += 1),
    ("a batch ended in one request", |run| {
        let mut other = run.call.arrivals[0].clone();
        other.ids.remove(0);
        run.call.arrivals[0].ids.truncate(1);
        run.call.arrivals.insert(1, other);
    }),
    ("accepted ids were applied", |run| run.call.arrivals[0].applied = false),
    ("refused and not applied ids were not applied", |run| run.call.arrivals[2].applied = true),
    ("an id is refused alone", |run| run.report().batches[0].outcome = Outcome::Refused),
    ("an outcome follows from the attempts", |run| run.report().batches[0].outcome = Outcome::Unknown),
    ("a batch reports its last request", |run| {
        run.call.arrivals[0].client_request_id = "another".to_owned();
    }),
];

/// About the attempts for the ids.
const ATTEMPTS: &[Case] = &[
    ("a group has at most max-attempts counted attempts", |run| run.call.call.options.max_attempts = Some(1)),
    ("at most max-in-flight requests are in flight", |run| {
        run.call.call.options.max_in_flight = Some(1);
        run.call.arrivals[1].sent = ms(50);
    }),
    ("no id is in two requests in flight", |run| run.call.arrivals[2].sent = ms(1_150)),
    ("an id that has ended is not sent again", |run| run.respond(1, StatusCode::NOT_FOUND)),
    ("a Retry-After is waited out", |run| run.call.arrivals[1].retry_after = Some(ms(10_000))),
    ("an id that may succeed is sent again", |run| run.respond(0, StatusCode::SERVICE_UNAVAILABLE)),
    ("an id that may succeed is sent again", |run| run.respond(0, StatusCode::TOO_MANY_REQUESTS)),
    ("a request in flight is given its time", |run| run.call.arrivals[2].settled = None),
];

/// About the end of a call.
const END: &[Case] = &[
    ("every call returns", |run| run.call.result = Err("trap".to_owned())),
    ("the call returns by its deadline", |run| run.call.call.options.deadline_ms = Some(4_350)),
    ("nothing is sent after the deadline", |run| run.call.call.options.deadline_ms = Some(4_250)),
    ("nothing is sent after an error that ends the call", |run| {
        run.respond(0, StatusCode::PROXY_AUTHENTICATION_REQUIRED)
    }),
    ("the call returns within 10 s of its end", |run| {
        run.respond(2, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
        run.call.nexts.truncate(3);
        run.call.nexts[2].ended += GRACE + ms(3);
    }),
    ("nothing is sent after a stop", |run| run.call.stops.push((ms(4_250), GRACE))),
    ("a stopped call ends within its grace", |run| run.call.stops.push((ms(4_350), ms(10)))),
    ("only a stop cancels a call", |run| run.cause().kind = ErrorKind::Cancelled),
    ("a call does not end without a reason", |run| run.call.arrivals.truncate(1)),
    ("a call that was stopped is cancelled", |run| {
        run.call.arrivals.truncate(1);
        run.call.stops.push((ms(4_350), GRACE));
    }),
];

/// About token requests.
const TOKEN: &[Case] = &[
    ("token requests contain the call's tenant, audience and endpoint", |run| {
        run.call.tokens[0].request.tenant = Some("contoso".to_owned());
    }),
    ("claims are those of the challenge", |run| run.call.tokens[0].request.claims = Some("{}".to_owned())),
    ("a token is requested before each attempt", |run| drop(run.call.tokens.pop())),
    ("one refresh for each rejected token", |run| run.call.tokens[0].request.refresh = true),
    ("one token request for each attempt", |run| {
        let more = [4_310, 4_320].map(|at| token(&run.call.call, at));
        run.call.tokens.extend(more);
    }),
    ("a rejected token is not sent again", |run| run.respond(1, StatusCode::UNAUTHORIZED)),
];

/// About the ids at fault.
const REFUSED: &[Case] = &[
    ("exactly the bad ids are refused", |run| run.plan.graph.absent.clear()),
    ("exactly the bad ids are refused", |run| {
        run.plan.graph.absent.extend(run.call.call.ids[0].parse::<uuid::Uuid>());
    }),
];

/// About the rate limit.
const RATE: &[Case] = &[
    ("the rate limit is kept", |run| run.call.arrivals[1].sent = ms(999)),
    ("a margin is added to the window", |run| run.call.arrivals[1].sent = ms(1_000)),
    ("a 429, and a 503 with Retry-After, hold every request", |run| {
        run.call.arrivals[0].retry_after = Some(ms(2_000));
        run.respond(0, StatusCode::TOO_MANY_REQUESTS);
    }),
    ("a 429, and a 503 with Retry-After, hold every request", |run| {
        run.call.arrivals[0].retry_after = Some(ms(2_000));
        run.respond(0, StatusCode::SERVICE_UNAVAILABLE);
    }),
    ("the documented rate limit causes no 429", |run| run.respond(1, StatusCode::TOO_MANY_REQUESTS)),
];
