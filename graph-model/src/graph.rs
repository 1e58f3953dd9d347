//! The service itself: decides on each request, applies faults, and records what it did.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Method, StatusCode};
use rand::RngExt;
use uuid::Uuid;

use crate::fault_response::apply_fault;
use crate::request::{ids_as_spelled, ids_in_part, token};
use crate::respond::{Effect, respond};
use crate::response::ResponseContext;
use crate::route::{self, ROUTES, Target};
use crate::state::State;
use crate::{
    Arrival, Behavior, Collection, Entry, Fault, FaultKind, Reply, Request, Response, Rest, Service, Settings,
};

/// A tenant of Microsoft Graph and one application in it. It has no `Debug` because it holds
/// tokens.
pub struct Graph {
    settings: Settings,
    state: Mutex<State>,
}

impl Graph {
    /// A service that has not received a request yet.
    pub fn new(settings: Settings) -> Self {
        let state = Mutex::new(State::new(&settings));
        Graph { settings, state }
    }

    /// Plans the faults of the next requests, in this order, `None` for no fault. Later faults are
    /// drawn.
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

    /// How many times each action, by its index in their order, was really applied to each id.
    pub fn applied(&self) -> BTreeMap<(usize, Uuid), usize> {
        let mut applied = BTreeMap::new();
        for arrival in self.state().arrivals.iter().filter(|arrival| arrival.applied) {
            for id in arrival.ids.iter().filter_map(|id| id.parse().ok()) {
                *applied.entry((arrival.action.unwrap_or_default(), id)).or_default() += 1;
            }
        }
        applied
    }

    /// What is at risk, or was, at this time since the service's start.
    pub fn entries(&self, collection: Collection, now: Duration) -> Vec<Entry> {
        let state = &mut *self.state();
        state.directory.advance(now);
        state.directory.entries(collection).to_vec()
    }

    /// Does the same as [`Service::serve`] and also returns the record of the request.
    pub fn serve_recorded(&self, now: Duration, request: Request) -> (Reply, Arrival) {
        let state = &mut *self.state();
        state.directory.advance(now);
        let outage = self.settings.outages.iter().find(|outage| outage.covers(now));
        let mut fault = match state.planned.pop_front() {
            None if outage.is_some() => outage.map(|outage| outage.fault.clone()),
            None if state.rng.random_bool(self.settings.faults) => Some(Fault::draw(&mut state.rng)),
            planned => planned.flatten(),
        };
        // Timers fire on whole milliseconds, and the record must contain when the client really saw
        // the response.
        let (fastest, slowest) = (self.settings.latency.start().as_millis(), self.settings.latency.end().as_millis());
        let after = Duration::from_millis(state.rng.random_range(fastest as u64..=slowest as u64));
        let request_id = uuid::Builder::from_random_bytes(state.rng.random()).into_uuid();
        let own = request.headers().get("client-request-id").and_then(|value| value.to_str().ok());
        let client_request_id = own.map_or_else(|| request_id.to_string(), Into::into);
        let date = self.settings.epoch + now + after;
        let context = ResponseContext { request_id, client_request_id: client_request_id.clone(), date };

        let early = state.early.remove(&client_request_id);
        if early.is_some() {
            fault = Some(Fault::of(FaultKind::Early));
        }
        let (behavior, effect) = match fault.as_ref().and_then(Fault::before_arrival) {
            _ if early.is_some() => {
                (Behavior::Complete(context.response(StatusCode::NO_CONTENT, Bytes::new())), Effect::Nothing)
            }
            Some(error) => (Behavior::Failed(error), Effect::Nothing),
            None => {
                let (response, effect) = respond(&self.settings, state, now, &request, &context);
                // Microsoft Graph's own refusals take precedence over faults.
                fault.take_if(|_| effect == Effect::Nothing);
                if effect == Effect::Applies && fault.is_none() {
                    fault = self.fault_of_an_id(&request);
                }
                match &fault {
                    None => (Behavior::Complete(response), effect),
                    Some(fault) => {
                        let State { rng, tokens, .. } = state;
                        let is_applied = fault.applied && effect == Effect::Applies;
                        let effect = if is_applied { effect } else { Effect::Nothing };
                        (apply_fault(rng, tokens, &request, fault, &context, response), effect)
                    }
                }
            }
        };

        let target = route::find(request.uri().path()).ok();
        let action = target.and_then(Target::action);
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
        let applied = effect == Effect::Applies;
        let ids = match (effect, early) {
            (Effect::Lists(ids), _) => ids,
            (_, Some(_)) => ids_in_part(request.body()),
            _ => action.and_then(|index| ids_as_spelled(ROUTES[index].field, request.body())).unwrap_or_default(),
        };
        if applied && let Some(index) = action {
            let ids: Vec<Uuid> = ids.iter().filter_map(|id| id.parse().ok()).collect();
            state.applied.extend(ids.iter().map(|id| (index, *id)));
            state.directory.apply(index, ids, now);
        }
        let arrival = Arrival {
            sent: state.sent.remove(&client_request_id).unwrap_or(now),
            at: now,
            action,
            list: match target {
                Some(Target::List(collection)) => Some(collection),
                _ => None,
            },
            token: token(&request).map(|token| state.tokens.number(token)),
            client_request_id,
            ids,
            applied,
            status: response.map(Response::status),
            retry_after,
            fault,
            settled: (!matches!(behavior, Behavior::Silence)).then_some(now + after),
            stalls: matches!(behavior, Behavior::Silence | Behavior::Stalled(_)) || early == Some(Rest::Stalled),
        };
        state.arrivals.push(arrival.clone());
        (Reply { after, behavior }, arrival)
    }

    /// The fault that belongs to an id of a request.
    fn fault_of_an_id(&self, request: &Request) -> Option<Fault> {
        let route = &ROUTES[route::find(request.uri().path()).ok()?.action()?];
        let ids = ids_as_spelled(route.field, request.body())?;
        let faults = &self.settings.id_faults;
        ids.iter().find_map(|id| faults.get(&id.parse::<Uuid>().ok()?)).cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service for Graph {
    fn responds_early(&self, request: &http::request::Parts) -> Option<Rest> {
        let state = &mut *self.state();
        if self.settings.early == 0.0 || request.method == Method::GET || !state.rng.random_bool(self.settings.early) {
            return None;
        }
        let rest = if state.rng.random() { Rest::Stalled } else { Rest::Closed };
        let id = request.headers.get("client-request-id").and_then(|value| value.to_str().ok())?;
        state.early.insert(id.to_owned(), rest);
        Some(rest)
    }

    fn delay(&self, now: Duration, request: &Request) -> Duration {
        if self.settings.network.is_exact() {
            return Duration::ZERO;
        }
        let state = &mut *self.state();
        let delay = self.settings.network.draw(&mut state.rng, now, state.last_sent.replace(now));
        if let Some(id) = request.headers().get("client-request-id").and_then(|value| value.to_str().ok()) {
            state.sent.insert(id.to_owned(), now);
        }
        delay
    }

    fn serve(&self, now: Duration, request: Request) -> Reply {
        self.serve_recorded(now, request).0
    }
}
