//! A run that violates nothing, so that each test of a check can show what it finds by one change
//! of the record.

use std::time::Duration;

use graph_model::{Arrival, Fault, FaultKind, Settings};
use host_test::bindings::actions::{Batch, Error, ErrorKind, Options, Outcome, Receipt, Response};
use host_test::bindings::calls::{Event, Progress};
use host_test::bindings::credentials::TokenRequest;
use host_test::plugin::Action;
use http::StatusCode;

use crate::call_plan::Call;
use crate::caller::{Caller, Form};
use crate::plan::{Plan, TokenProvider};
use crate::record::{CallRecord, Next, Report};
use crate::token_log::{TokenAnswer, TokenRecord};

/// A run of one call for three users: the first two are accepted after 0.1 s. The request for the
/// last one, who does not exist, fails once and is then refused.
pub(crate) struct Fixture {
    pub(crate) plan: Plan,
    pub(crate) call: CallRecord,
}

impl Fixture {
    pub(crate) fn new() -> Fixture {
        let ids = ["0000000a", "0000000b", "0000000c"].map(|start| format!("{start}-0000-4000-8000-000000000000"));
        let [first, second, absent] = &ids;
        let accepted = Batch {
            ids: vec![first.clone(), second.clone()],
            attempts: 1,
            outcome: Outcome::Accepted,
            receipt: Some(Receipt {
                request_id: Some("request 0".into()),
                client_request_id: "attempt 0".into(),
                date: Some("a date".into()),
            }),
            error: None,
        };
        let error = refusal();
        let refused = Batch {
            ids: vec![absent.clone()],
            attempts: 2,
            outcome: Outcome::Refused,
            receipt: None,
            error: Some(error.clone()),
        };
        let graph = Settings { absent: absent.parse().into_iter().collect(), ..Settings::default() };
        let mut failed = arrival(1, 1_100, std::slice::from_ref(absent), StatusCode::MISDIRECTED_REQUEST);
        failed.fault = Some(Fault::of(FaultKind::Misdirected));
        let call = Call {
            pause: Duration::ZERO,
            action: Action::DismissRiskyUsers,
            ids: ids.to_vec(),
            options: Options::default(),
            form: Form::Call(Caller::default()),
        };
        let progress = Progress { left: 1, requests: 1, in_flight: 0, next_send_ms: Some(490), error: None };
        let over = Event::Over(Some(error.clone()));
        let record = CallRecord {
            number: 0,
            started: Duration::ZERO,
            ended: ms(4_400),
            queue: Duration::ZERO,
            nexts: vec![
                Next {
                    report: Some(vec![accepted.clone()]),
                    ..next(0, 100, None, Event::Ended(vec![accepted.clone()]))
                },
                next(110, 610, Some(500), Event::Waiting(progress)),
                next(610, 4_400, None, Event::Ended(vec![refused.clone()])),
                next(4_400, 4_400, None, over.clone()),
                next(4_400, 4_400, None, over),
            ],
            stops: Vec::new(),
            is_abandoned: false,
            arrivals: vec![
                Arrival { applied: true, ..arrival(0, 0, &ids[..2], StatusCode::NO_CONTENT) },
                failed,
                arrival(2, 4_300, &ids[2..], StatusCode::NOT_FOUND),
            ],
            tokens: [0, 700, 1_300].map(|at| token(&call, at)).to_vec(),
            result: Ok(Report { batches: vec![accepted, refused], cause: Some(error) }),
            call,
        };
        let plan = Plan { seed: 0, graph, tokens: TokenProvider::default(), calls: Vec::new(), overlaps: false };
        Fixture { plan, call: record }
    }

    /// The report of the call.
    pub(crate) fn report(&mut self) -> &mut Report {
        self.call.result.as_mut().unwrap()
    }

    /// The error that the report carries.
    pub(crate) fn cause(&mut self) -> &mut Error {
        self.report().cause.as_mut().unwrap()
    }

    /// What the call said when nothing had ended within the time given.
    pub(crate) fn progress(&mut self) -> &mut Progress {
        let Event::Waiting(progress) = &mut self.call.nexts[1].event else { panic!("not waiting") };
        progress
    }

    /// Gives the response to a request another status, which no fault explains.
    pub(crate) fn respond(&mut self, number: usize, status: StatusCode) {
        self.call.arrivals[number].status = Some(status);
        self.call.arrivals[number].fault = None;
    }
}

/// The error of the last request.
pub(crate) fn refusal() -> Error {
    let response = Response {
        status: 404,
        code: "Request_ResourceNotFound".into(),
        message: "no such user".into(),
        request_id: Some("request 2".into()),
        client_request_id: "attempt 2".into(),
        date: Some("a date".into()),
        retry_after_ms: None,
    };
    Error { kind: ErrorKind::ClientError, message: "refused".into(), response: Some(response) }
}

/// A request that is answered after 0.1 s.
pub(crate) fn arrival(number: usize, sent: u64, ids: &[String], status: StatusCode) -> Arrival {
    Arrival {
        sent: ms(sent),
        at: ms(sent),
        action: Some(3),
        list: None,
        client_request_id: format!("attempt {number}"),
        token: Some(0),
        ids: ids.to_vec(),
        applied: false,
        fault: None,
        status: Some(status),
        retry_after: None,
        settled: Some(ms(sent + 100)),
        stalls: false,
    }
}

fn next(began: u64, ended: u64, wait_ms: Option<u32>, event: Event) -> Next {
    Next { began: ms(began), ended: ms(ended), wait_ms, event, report: None }
}

/// A token request that is answered immediately.
pub(crate) fn token(call: &Call, at: u64) -> TokenRecord {
    let request = TokenRequest {
        tenant: None,
        audience: call.audience().to_owned(),
        endpoint: call.endpoint(),
        refresh: false,
        claims: None,
    };
    TokenRecord { asked: ms(at), answered: ms(at), request, answer: TokenAnswer::Usable, call: 0 }
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
