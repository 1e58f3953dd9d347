//! Microsoft Graph as far as the four actions can tell: its routes, its checks in their order, its limits and its
//! ways to fail; and, as the real one does not, an account of what really happened.

mod answer;
mod arrival;
mod fault;
mod limit;
mod request;
mod route;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

use crate::exchange::{Fate, Reply, Request, Response, Service};
pub use answer::CLAIMS;
use answer::Letterhead;
pub use arrival::Arrival;
pub use fault::{Fault, Kind, RetryAfter};
pub use limit::Limit;
use limit::Window;
use request::{read, spelled, token};
use route::{Bucket, Lost, ROUTES};

/// How a [`Graph`] is to be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The beginning of each token that is good. `None` where something before the service attaches the token.
    pub token: Option<String>,
    /// The limit of the risky users.
    pub users: Limit,
    /// The limit of the sign-ins.
    pub sign_ins: Limit,
    /// From the arrival of a request to its answer, in whole milliseconds. Drawn, where it is not one value.
    pub latency: RangeInclusive<Duration>,
    /// The share of requests that something happens to, 0 to 1.
    pub faults: f64,
    /// Ids that the tenant does not have: a request with one is refused.
    pub absent: BTreeSet<Uuid>,
    /// What is drawn is drawn from this.
    pub seed: u64,
    /// The date at the service's start.
    pub epoch: SystemTime,
}

impl Default for Settings {
    /// Answers in 200 ms, as documented, without faults.
    fn default() -> Self {
        Settings {
            token: Some(String::new()),
            users: Limit::USERS,
            sign_ins: Limit::SIGN_INS,
            latency: Duration::from_millis(200)..=Duration::from_millis(200),
            faults: 0.0,
            absent: BTreeSet::new(),
            seed: 0,
            epoch: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        }
    }
}

/// A tenant of Microsoft Graph and one application in it. It holds tokens: it has no `Debug`.
pub struct Graph {
    settings: Settings,
    state: Mutex<State>,
}

struct State {
    rng: StdRng,
    planned: VecDeque<Option<Fault>>,
    users: Window,
    sign_ins: Window,
    /// Tokens that are no longer good, and whether a claims challenge says so.
    revoked: BTreeMap<Bytes, bool>,
    arrivals: Vec<Arrival>,
}

impl Graph {
    /// A service to which nothing has come yet.
    pub fn new(settings: Settings) -> Self {
        let state = State {
            rng: StdRng::seed_from_u64(settings.seed),
            planned: VecDeque::new(),
            users: Window::new(settings.users),
            sign_ins: Window::new(settings.sign_ins),
            revoked: BTreeMap::new(),
            arrivals: Vec::new(),
        };
        Graph { settings, state: Mutex::new(state) }
    }

    /// Lets these faults, or none, happen to the next requests, in this order, before any that are drawn.
    pub fn plan(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.state().planned.extend(faults);
    }

    /// The requests so far, in the order of their arrival, without the first `skipped`.
    pub fn arrivals(&self, skipped: usize) -> Vec<Arrival> {
        self.state().arrivals.iter().skip(skipped).cloned().collect()
    }

    /// How many requests were answered with this status.
    pub fn answered(&self, status: StatusCode) -> usize {
        self.state().arrivals.iter().filter(|arrival| arrival.status == Some(status)).count()
    }

    /// How many times each action, by its place among the four, was really carried out on each id.
    pub fn applied(&self) -> BTreeMap<(usize, Uuid), usize> {
        let mut applied = BTreeMap::new();
        for arrival in self.state().arrivals.iter().filter(|arrival| arrival.applied) {
            for id in arrival.ids.iter().filter_map(|id| id.parse().ok()) {
                *applied.entry((arrival.action.unwrap_or_default(), id)).or_default() += 1;
            }
        }
        applied
    }

    /// What Microsoft Graph makes of a request: the answer, and whether it carries the action out.
    fn answer(&self, state: &mut State, now: Duration, request: &Request, head: &Letterhead) -> (Response, bool) {
        let refused = |status, code, message: &str| (head.error(status, code, message), false);
        let bad = |message: &str| refused(StatusCode::BAD_REQUEST, "BadRequest", message);
        let route = match route::find(request.uri().path()) {
            Ok(place) => &ROUTES[place],
            Err(Lost::Version(version)) => return bad(&format!("Invalid version: {version}")),
            Err(Lost::Segment(segment)) => {
                return bad(&format!("Resource not found for the segment '{segment}'."));
            }
        };
        // Whatever becomes of the request, it counts.
        let (window, limit) = match route.bucket {
            Bucket::Users => (&mut state.users, self.settings.users),
            Bucket::SignIns => (&mut state.sign_ins, self.settings.sign_ins),
        };
        let over = window.arrive(now);
        if request.method() != Method::POST {
            let message = "Specified HTTP method is not allowed for the request target.";
            let mut response = head.error(StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest", message);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return (response, false);
        }
        if let Some(good) = &self.settings.token {
            let expired = "Lifetime validation failed, the token is expired.";
            let refusal = match token(request) {
                None => Some(head.unauthenticated("Access token is empty.")),
                Some(token) if !token.starts_with(good.as_bytes()) => {
                    Some(head.unauthenticated("Access token validation failure. Invalid audience."))
                }
                Some(token) => match state.revoked.get(token) {
                    Some(true) => Some(head.challenge()),
                    Some(false) => Some(head.unauthenticated(expired)),
                    None => None,
                },
            };
            if let Some(refusal) = refusal {
                return (refusal, false);
            }
        }
        if let Some(wait) = over {
            return (head.throttled(limit.says_when.then_some(wait)), false);
        }
        let media = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.split(';').next());
        if media.map(str::trim) != Some("application/json") {
            let message = "Write requests must contain the Content-Type header declaration application/json.";
            return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "RequestBodyRead", message);
        }
        match read(route, request.body()) {
            Err(message) => bad(&message),
            Ok(ids) => match ids.iter().find(|id| self.settings.absent.contains(id)) {
                Some(id) => {
                    let message = format!("Resource '{id}' does not exist or is not at risk.");
                    refused(StatusCode::NOT_FOUND, "Request_ResourceNotFound", &message)
                }
                None => (head.answer(StatusCode::NO_CONTENT, Bytes::new()), true),
            },
        }
    }

    /// What a fault makes of a request that has arrived.
    fn spoil(&self, state: &mut State, request: &Request, fault: &Fault, head: &Letterhead) -> Fate {
        let answer = match fault.kind {
            Kind::Expired | Kind::Challenged => {
                if let Some(token) = token(request) {
                    state.revoked.insert(Bytes::copy_from_slice(token), fault.kind == Kind::Challenged);
                }
                match fault.kind {
                    Kind::Challenged => head.challenge(),
                    _ => head.unauthenticated("Lifetime validation failed, the token is expired."),
                }
            }
            Kind::Forbidden => {
                let message = "Insufficient privileges to complete the operation.";
                head.error(fault.status, "Authorization_RequestDenied", message)
            }
            Kind::Throttled => head.throttled(None),
            Kind::GatewayPage | Kind::ProxyPage => head.page(fault.status),
            Kind::Redirect => answer::redirect(),
            Kind::Echo => {
                let sent = request.headers().get(AUTHORIZATION).map(|value| String::from_utf8_lossy(value.as_bytes()));
                head.error(fault.status, "BadRequest", &format!("Bad header: {}", sent.unwrap_or_default()))
            }
            Kind::Refused => head.answer(fault.status, Bytes::new()),
            _ => head.error(fault.status, "UnknownError", ""),
        };
        let answer = match fault.retry_after {
            RetryAfter::Absent => answer,
            RetryAfter::Seconds(seconds) => answer::retry_after(answer, &seconds.to_string()),
            RetryAfter::Date(seconds) => {
                let later = head.date + Duration::from_secs(seconds.try_into().unwrap_or_default());
                let date = later - Duration::from_secs((-seconds).try_into().unwrap_or_default());
                answer::retry_after(answer, &httpdate::fmt_http_date(date))
            }
            RetryAfter::Endless => answer::retry_after(answer, "99999999999999999999999"),
            RetryAfter::Garbage(text) => answer::retry_after(answer, text),
        };
        let half = |answer: Response| answer.map(|body| body.slice(..body.len() / 2));
        match fault.kind {
            Kind::Reset => Fate::Reset,
            Kind::Timeout => Fate::Failed(ErrorCode::ConnectionTimeout),
            Kind::Silence => Fate::Silence,
            Kind::Truncated => Fate::Truncated(half(answer)),
            Kind::Stalled => Fate::Stalled(half(answer)),
            Kind::Endless => Fate::Endless(answer),
            _ => Fate::Answered(answer),
        }
    }

    /// Does as [`Service::serve`] does, and gives the account of the request besides.
    pub fn tell(&self, now: Duration, request: Request) -> (Reply, Arrival) {
        let state = &mut *self.state();
        let mut fault = match state.planned.pop_front() {
            None if state.rng.random_bool(self.settings.faults) => Some(Fault::draw(&mut state.rng)),
            planned => planned.flatten(),
        };
        // Timers go by whole milliseconds, and the account is to say when the client really saw the answer.
        let (fastest, slowest) = (self.settings.latency.start().as_millis(), self.settings.latency.end().as_millis());
        let after = Duration::from_millis(state.rng.random_range(fastest as u64..=slowest as u64));
        let request_id = uuid::Builder::from_random_bytes(state.rng.random()).into_uuid();
        let own = request.headers().get("client-request-id").and_then(|value| value.to_str().ok());
        let client_request_id = own.map_or_else(|| request_id.to_string(), Into::into);
        let date = self.settings.epoch + now + after;
        let head = Letterhead { request_id, client_request_id: client_request_id.clone(), date };

        let (fate, applied) = match fault.as_ref().and_then(Fault::before_arrival) {
            Some(error) => (Fate::Failed(error), false),
            None => {
                let (answer, good) = self.answer(state, now, &request, &head);
                // What Microsoft Graph itself refuses it refuses, whatever would have happened to a good answer.
                fault.take_if(|_| !good);
                match &fault {
                    None => (Fate::Answered(answer), good),
                    Some(fault) => (self.spoil(state, &request, fault, &head), fault.applied),
                }
            }
        };

        let action = route::find(request.uri().path()).ok();
        let (answer, settled) = match &fate {
            Fate::Answered(answer) | Fate::Truncated(answer) | Fate::Endless(answer) => (Some(answer), true),
            Fate::Stalled(answer) => (Some(answer), false),
            Fate::Reset | Fate::Failed(_) => (None, true),
            Fate::Silence => (None, false),
        };
        let seconds = |answer: &Response| answer.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok();
        let retry_after = answer.and_then(|answer| match &fault {
            Some(fault) => fault.retry_after.wait(),
            None => seconds(answer).map(Duration::from_secs),
        });
        let arrival = Arrival {
            at: now,
            action,
            client_request_id,
            ids: action.and_then(|place| spelled(ROUTES[place].field, request.body())).unwrap_or_default(),
            applied,
            status: answer.map(Response::status),
            retry_after,
            fault,
            settled: settled.then_some(now + after),
        };
        state.arrivals.push(arrival.clone());
        (Reply { after, fate }, arrival)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service for Graph {
    fn serve(&self, now: Duration, request: Request) -> Reply {
        self.tell(now, request).0
    }
}
