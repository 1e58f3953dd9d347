//! The service itself: decides on each request, applies faults, and records what it did.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use crate::limit::Window;
use crate::request::{ids_as_spelled, parse_ids, token};
use crate::response::{ResponseContext, redirect, with_retry_after};
use crate::route::{self, Bucket, ROUTES, Route, RouteError};
use crate::{
    Arrival, Behavior, Fault, FaultKind, Reply, Request, Response, RetryAfter, Service, Settings, TransportError,
};

/// A tenant of Microsoft Graph and one application in it. It has no `Debug` because it holds tokens.
pub struct Graph {
    settings: Settings,
    state: Mutex<State>,
}

struct State {
    rng: StdRng,
    planned: VecDeque<Option<Fault>>,
    users: Window,
    sign_ins: Window,
    /// Tokens that are no longer valid, and whether Microsoft Graph reports that with a claims challenge.
    revoked: BTreeMap<Bytes, bool>,
    arrivals: Vec<Arrival>,
}

impl Graph {
    /// A service that has not received a request yet.
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

    /// Plans the faults of the next requests, in this order, `None` for no fault. Later faults are drawn.
    pub fn plan(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.state().planned.extend(faults);
    }

    /// The requests so far, in the order of their arrival, without the first `skipped`.
    pub fn arrivals(&self, skipped: usize) -> Vec<Arrival> {
        self.state().arrivals.iter().skip(skipped).cloned().collect()
    }

    /// The number of requests that received a response with this status.
    pub fn count(&self, status: StatusCode) -> usize {
        self.state().arrivals.iter().filter(|arrival| arrival.status == Some(status)).count()
    }

    /// How many times each action, by its index among the four, was really applied to each id.
    pub fn applied(&self) -> BTreeMap<(usize, Uuid), usize> {
        let mut applied = BTreeMap::new();
        for arrival in self.state().arrivals.iter().filter(|arrival| arrival.applied) {
            for id in arrival.ids.iter().filter_map(|id| id.parse().ok()) {
                *applied.entry((arrival.action.unwrap_or_default(), id)).or_default() += 1;
            }
        }
        applied
    }

    /// Does the same as [`Service::serve`] and also returns the record of the request.
    pub fn serve_recorded(&self, now: Duration, request: Request) -> (Reply, Arrival) {
        let state = &mut *self.state();
        let mut fault = match state.planned.pop_front() {
            None if state.rng.random_bool(self.settings.faults) => Some(Fault::draw(&mut state.rng)),
            planned => planned.flatten(),
        };
        // Timers fire on whole milliseconds, and the record must contain when the client really saw the response.
        let (fastest, slowest) = (self.settings.latency.start().as_millis(), self.settings.latency.end().as_millis());
        let after = Duration::from_millis(state.rng.random_range(fastest as u64..=slowest as u64));
        let request_id = uuid::Builder::from_random_bytes(state.rng.random()).into_uuid();
        let own = request.headers().get("client-request-id").and_then(|value| value.to_str().ok());
        let client_request_id = own.map_or_else(|| request_id.to_string(), Into::into);
        let date = self.settings.epoch + now + after;
        let context = ResponseContext { request_id, client_request_id: client_request_id.clone(), date };

        let (behavior, applied) = match fault.as_ref().and_then(Fault::before_arrival) {
            Some(error) => (Behavior::Failed(error), false),
            None => {
                let (response, success) = self.respond(state, now, &request, &context);
                // Microsoft Graph's own refusals take precedence over faults.
                fault.take_if(|_| !success);
                match &fault {
                    None => (Behavior::Complete(response), success),
                    Some(fault) => (apply_fault(state, &request, fault, &context), fault.applied),
                }
            }
        };

        let action = route::find(request.uri().path()).ok();
        let response = match &behavior {
            Behavior::Complete(response)
            | Behavior::Truncated(response)
            | Behavior::Endless(response)
            | Behavior::Stalled(response) => Some(response),
            Behavior::Reset | Behavior::Failed(_) | Behavior::Silence => None,
        };
        let seconds = |response: &Response| response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok();
        let retry_after = response.and_then(|response| match &fault {
            Some(fault) => fault.retry_after.wait(),
            None => seconds(response).map(Duration::from_secs),
        });
        let arrival = Arrival {
            at: now,
            action,
            client_request_id,
            ids: action.and_then(|index| ids_as_spelled(ROUTES[index].field, request.body())).unwrap_or_default(),
            applied,
            status: response.map(Response::status),
            retry_after,
            fault,
            settled: (!matches!(behavior, Behavior::Silence)).then_some(now + after),
            stalls: matches!(behavior, Behavior::Silence | Behavior::Stalled(_)),
        };
        state.arrivals.push(arrival.clone());
        (Reply { after, behavior }, arrival)
    }

    /// Microsoft Graph's response to a request, and whether the request applies the action.
    fn respond(
        &self,
        state: &mut State,
        now: Duration,
        request: &Request,
        context: &ResponseContext,
    ) -> (Response, bool) {
        let route = match route::find(request.uri().path()) {
            Ok(index) => &ROUTES[index],
            Err(error) => {
                let message = match error {
                    RouteError::Version(version) => format!("Invalid version: {version}"),
                    RouteError::Segment(segment) => format!("Resource not found for the segment '{segment}'."),
                };
                return (context.error(StatusCode::BAD_REQUEST, "BadRequest", &message), false);
            }
        };
        // A request counts against the limit whatever the response is.
        let (window, limit) = match route.bucket {
            Bucket::Users => (&mut state.users, self.settings.users),
            Bucket::SignIns => (&mut state.sign_ins, self.settings.sign_ins),
        };
        let over = window.arrive(now);
        if request.method() != Method::POST {
            let message = "Specified HTTP method is not allowed for the request target.";
            let mut response = context.error(StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest", message);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return (response, false);
        }
        if let Some(rejection) = self.reject_token(state, request, context) {
            return (rejection, false);
        }
        if let Some(wait) = over {
            return (context.throttled(limit.sends_retry_after.then_some(wait)), false);
        }
        self.respond_to_body(route, request, context)
    }

    /// The 401 for a request without a valid token.
    fn reject_token(&self, state: &State, request: &Request, context: &ResponseContext) -> Option<Response> {
        let valid = self.settings.token.as_ref()?;
        match token(request) {
            None => Some(context.unauthenticated("Access token is empty.")),
            Some(token) if !token.starts_with(valid.as_bytes()) => {
                Some(context.unauthenticated("Access token validation failure. Invalid audience."))
            }
            Some(token) => match state.revoked.get(token)? {
                true => Some(context.challenge()),
                false => Some(context.unauthenticated(EXPIRED)),
            },
        }
    }

    /// The response to a request that passed all checks but those of its body.
    fn respond_to_body(&self, route: &Route, request: &Request, context: &ResponseContext) -> (Response, bool) {
        let media = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.split(';').next());
        if media.map(str::trim) != Some("application/json") {
            let message = "Write requests must contain the Content-Type header declaration application/json.";
            return (context.error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "RequestBodyRead", message), false);
        }
        match parse_ids(route, request.body()) {
            Err(message) => (context.error(StatusCode::BAD_REQUEST, "BadRequest", &message), false),
            Ok(ids) => match ids.iter().find(|id| self.settings.absent.contains(id)) {
                Some(id) => {
                    let message = format!("Resource '{id}' does not exist or is not at risk.");
                    (context.error(StatusCode::NOT_FOUND, "Request_ResourceNotFound", &message), false)
                }
                None => (context.response(StatusCode::NO_CONTENT, Bytes::new()), true),
            },
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service for Graph {
    fn serve(&self, now: Duration, request: Request) -> Reply {
        self.serve_recorded(now, request).0
    }
}

const EXPIRED: &str = "Lifetime validation failed, the token is expired.";

/// The behavior that a fault causes for a request that has arrived.
fn apply_fault(state: &mut State, request: &Request, fault: &Fault, context: &ResponseContext) -> Behavior {
    let response = faulty_response(state, request, fault, context);
    let response = match fault.retry_after {
        RetryAfter::Absent => response,
        RetryAfter::Seconds(seconds) => with_retry_after(response, &seconds.to_string()),
        RetryAfter::Date(seconds) => {
            let later = context.date + Duration::from_secs(seconds.try_into().unwrap_or_default());
            let date = later - Duration::from_secs((-seconds).try_into().unwrap_or_default());
            with_retry_after(response, &httpdate::fmt_http_date(date))
        }
        RetryAfter::Endless => with_retry_after(response, "99999999999999999999999"),
        RetryAfter::Garbage(text) => with_retry_after(response, text),
    };
    let half = |response: Response| response.map(|body| body.slice(..body.len() / 2));
    match fault.kind {
        FaultKind::Reset => Behavior::Reset,
        FaultKind::Timeout => Behavior::Failed(TransportError::ConnectionTimeout),
        FaultKind::Silence => Behavior::Silence,
        FaultKind::Truncated => Behavior::Truncated(half(response)),
        FaultKind::Stalled => Behavior::Stalled(half(response)),
        FaultKind::Endless => Behavior::Endless(response),
        _ => Behavior::Complete(response),
    }
}

fn faulty_response(state: &mut State, request: &Request, fault: &Fault, context: &ResponseContext) -> Response {
    match fault.kind {
        FaultKind::Expired | FaultKind::Challenged => {
            if let Some(token) = token(request) {
                state.revoked.insert(Bytes::copy_from_slice(token), fault.kind == FaultKind::Challenged);
            }
            match fault.kind {
                FaultKind::Challenged => context.challenge(),
                _ => context.unauthenticated(EXPIRED),
            }
        }
        FaultKind::Forbidden => {
            let message = "Insufficient privileges to complete the operation.";
            context.error(fault.status, "Authorization_RequestDenied", message)
        }
        FaultKind::Throttled => context.throttled(None),
        FaultKind::GatewayPage | FaultKind::ProxyPage => context.page(fault.status),
        FaultKind::Redirect => redirect(),
        FaultKind::Echo => {
            let sent = request.headers().get(AUTHORIZATION).map(|value| String::from_utf8_lossy(value.as_bytes()));
            context.error(fault.status, "BadRequest", &format!("Bad header: {}", sent.unwrap_or_default()))
        }
        FaultKind::Refused => context.response(fault.status, Bytes::new()),
        _ => context.error(fault.status, "UnknownError", ""),
    }
}
