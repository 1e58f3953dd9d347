//! The checks of lists find what violates them: for each invariant, one change of a run without a
//! violation.

use std::time::Duration;

use graph_model::{Arrival, Collection, Entry, Fault, FaultKind, Settings};
use host_test::bindings::credentials::TokenRequest;
use host_test::plugin::CANARY;
use host_test::reader::queries::{self, Error, ErrorKind, Event, Options, Progress};
use http::StatusCode;
use uuid::Uuid;

use super::check_lists;
use super::fixture::{self, ms};
use crate::caller::Caller;
use crate::list_plan::{List, ListFilter, ListPlan};
use crate::list_run::{ListNext, ListRecord};
use crate::plan::TokenProvider;
use crate::token_log::{TokenAnswer, TokenRecord};

/// A run with one list of two users at risk, in pages of one. The request for the second page fails
/// once. A third user is not at risk.
struct Fixture {
    plan: ListPlan,
    list: ListRecord,
}

/// An invariant, and a change of the run that violates it.
type Case = (&'static str, fn(&mut Fixture));

const CASES: &[Case] = &[
    ("every call returns", |run| run.list.result = Err("trap".to_owned())),
    ("no entry is listed twice", |run| run.list.nexts[2].event = run.list.nexts[0].event.clone()),
    ("an entry is as Microsoft Graph has it", |run| run.page()[0].deleted = true),
    ("an entry is as Microsoft Graph has it", |run| run.page()[0].id = Uuid::from_u128(3).to_string()),
    ("a complete list misses nothing", |run| drop(run.list.nexts.remove(2))),
    ("next returns in time", |run| run.list.nexts[1].ended += ms(3)),
    ("every error has a message", |run| run.error().message.clear()),
    ("no text contains 24 characters of the token", |run| run.error().message = CANARY[..24].into()),
    ("texts are cut as stated", |run| run.error().message = "x".repeat(513)),
    ("a call that is over stays so", |run| drop(run.end(ErrorKind::ServerError))),
    ("the call returns by its deadline", |run| run.list.list.options.deadline_ms = Some(5_050)),
    ("a list ends with what happened", |run| drop(run.end(ErrorKind::Forbidden))),
    ("a list ends with what happened", |run| drop(run.end(ErrorKind::NoToken))),
    ("a list does not end without a reason", |run| {
        run.list.arrivals.truncate(2);
        run.end(ErrorKind::ServerError);
    }),
    ("a page has at most max-attempts counted attempts", |run| {
        run.list.list.options.max_attempts = Some(1);
        run.list.arrivals[2] = Arrival { sent: ms(5_000), ..run.list.arrivals[1].clone() };
    }),
    ("the rate limit is kept", |run| run.list.arrivals[1].sent = ms(999)),
    ("a margin is added to the window", |run| run.list.arrivals[1].sent = ms(1_000)),
    ("a 429, and a 503 with Retry-After, hold every request", |run| {
        run.list.arrivals[1].retry_after = Some(ms(10_000));
    }),
    ("token requests contain the call's tenant, audience and endpoint", |run| {
        run.list.tokens[0].request.tenant = Some("contoso".to_owned());
    }),
    ("a rejected token is not sent again", |run| run.list.arrivals[1].status = Some(StatusCode::UNAUTHORIZED)),
];

fn violated(run: &Fixture) -> Vec<&'static str> {
    let violations = check_lists(&run.plan, std::slice::from_ref(&run.list));
    violations.into_iter().map(|violation| violation.invariant).collect()
}

#[test]
fn a_list_without_a_violation_passes() {
    assert_eq!(violated(&Fixture::new()), [""; 0]);
}

#[test]
fn a_429_that_comes_too_late_uses_up_an_attempt() {
    let ends_without_a_reason = |settled| {
        let mut run = Fixture::new();
        let options = &mut run.list.list.options;
        (options.max_attempts, options.attempt_timeout_ms) = (Some(2), Some(1_000));
        run.list.arrivals.truncate(2);
        let throttled = Arrival { settled: Some(ms(settled)), ..arrival(1_050, StatusCode::TOO_MANY_REQUESTS) };
        run.list.arrivals.insert(1, throttled);
        run.end(ErrorKind::ServerError);
        violated(&run).contains(&"a list does not end without a reason")
    };
    assert!(ends_without_a_reason(1_150) && !ends_without_a_reason(2_100));
}

#[test]
fn each_violation_of_a_list_is_found() {
    for (invariant, change) in CASES {
        let mut run = Fixture::new();
        change(&mut run);
        let found = violated(&run);
        assert!(found.contains(invariant), "{invariant}: found {found:?}");
    }
}

impl Fixture {
    fn new() -> Fixture {
        let user = |number| Entry::at_risk(Uuid::from_u128(number), "user@contoso.example");
        let users = vec![user(1), user(2), Entry { state: "dismissed".into(), ..user(3) }];
        let graph = Settings { entries: [(Collection::RiskyUsers, users.clone())].into(), ..Settings::default() };
        let list = List {
            pause: Duration::ZERO,
            collection: Collection::RiskyUsers,
            filter: Some(ListFilter::AtRisk),
            options: Options::default(),
            caller: Caller::default(),
        };
        let error = Error { kind: ErrorKind::ServerError, message: "failed".into(), response: None };
        let waiting = Event::Waiting(Progress { pages: 1, requests: 2, next_send_ms: Some(3_000), error: Some(error) });
        let mut failed = arrival(1_100, StatusCode::SERVICE_UNAVAILABLE);
        failed.fault = Some(Fault::of(FaultKind::ServerError));
        let record = ListRecord {
            ended: ms(5_100),
            nexts: vec![
                next(0, 100, None, page(&users[0])),
                next(1_000, 1_500, Some(500), waiting),
                next(1_500, 5_100, None, page(&users[1])),
                next(5_100, 5_100, None, Event::Over(None)),
                next(5_100, 5_100, None, Event::Over(None)),
            ],
            arrivals: vec![arrival(0, StatusCode::OK), failed, arrival(5_000, StatusCode::OK)],
            tokens: [0, 1_050, 4_500].map(token).to_vec(),
            ..ListRecord::new(0, &list, Duration::ZERO)
        };
        let plan = ListPlan { seed: 0, graph, tokens: TokenProvider::default(), lists: vec![list], overlaps: false };
        Fixture { plan, list: record }
    }

    fn page(&mut self) -> &mut Vec<queries::Entry> {
        let Event::Page(entries) = &mut self.list.nexts[0].event else { panic!("no page") };
        entries
    }

    /// The error of the wait.
    fn error(&mut self) -> &mut Error {
        let Event::Waiting(progress) = &mut self.list.nexts[1].event else { panic!("not waiting") };
        progress.error.as_mut().unwrap()
    }

    /// Ends the list with an error.
    fn end(&mut self, kind: ErrorKind) -> Error {
        let error = Error { kind, message: "failed".into(), response: None };
        self.list.nexts[4].event = Event::Over(Some(error.clone()));
        self.list.result = Ok(Some(error.clone()));
        error
    }
}

fn page(user: &Entry) -> Event {
    Event::Page(vec![queries::Entry {
        id: user.id.to_string(),
        name: user.name.clone(),
        risk_level: user.level.clone(),
        risk_state: user.state.clone(),
        risk_detail: user.detail.clone(),
        last_updated: user.last_updated.clone(),
        deleted: false,
        processing: false,
    }])
}

/// A request for a page that is answered after 0.1 s.
fn arrival(sent: u64, status: StatusCode) -> Arrival {
    Arrival { action: None, list: Some(Collection::RiskyUsers), ..fixture::arrival(0, sent, &[], status) }
}

fn next(began: u64, ended: u64, wait_ms: Option<u32>, event: Event) -> ListNext {
    ListNext { began: ms(began), ended: ms(ended), wait_ms, event }
}

/// A token request that is answered immediately.
fn token(at: u64) -> TokenRecord {
    let graph = "https://graph.microsoft.com".to_owned();
    let request = TokenRequest { tenant: None, audience: graph.clone(), endpoint: graph, refresh: false, claims: None };
    TokenRecord { asked: ms(at), answered: ms(at), request, answer: TokenAnswer::Usable, call: 0 }
}
