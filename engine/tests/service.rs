//! A service in virtual time: drives a call against what a function says of each request.

use std::collections::HashSet;
use std::rc::Rc;

use entra_risk_engine::call::{AttemptId, Call, Step};
use entra_risk_engine::contract::action::Action;
use entra_risk_engine::contract::arguments::Options;
use entra_risk_engine::contract::error::Error;
use entra_risk_engine::contract::report::{Batch, Outcome};
use entra_risk_engine::contract::token::Credential;
use entra_risk_engine::http::request::Request;
use entra_risk_engine::http::response::Response;
use entra_risk_engine::http::transport_error::{TransportError, TransportErrorKind};
use entra_risk_engine::limit::instance::InstanceState;
use entra_risk_engine::time::Instant;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// What became of a call.
pub struct Run {
    pub batches: Vec<Batch>,
    /// None: every id was accepted.
    pub cause: Option<Rc<Error>>,
    pub requests: usize,
    pub seconds: f64,
    /// Ids that were refused alone.
    pub refused_alone: HashSet<String>,
}

/// What the service makes of a request.
#[allow(dead_code, reason = "not every test needs all of them")]
pub enum Answer {
    /// Microsoft Graph responds.
    Status(u16),
    /// Microsoft Graph responds with this `error.message`.
    Message(u16, String),
    /// Something on the way responds.
    Html(u16),
    /// No connection is established.
    Unreachable,
    /// No response ever arrives.
    Silence,
}

pub fn id(number: usize) -> String {
    format!("00000001-0000-0000-0000-{number:012x}")
}

fn ids_of(request: &Request) -> Vec<String> {
    let body: serde_json::Value = serde_json::from_slice(request.body.as_deref().unwrap()).unwrap();
    let ids = body.as_object().unwrap().values().next().unwrap().as_array().unwrap();
    ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

/// Performs a call whose requests are answered after `latency_ms`, as the service says of their ids
/// and the seconds since the call began.
pub fn perform(
    action: &'static Action,
    ids: &[String],
    options: Options,
    latency_ms: u64,
    service: impl Fn(&[String], f64) -> Answer,
    seed: u64,
) -> Run {
    let mut state = InstanceState::default();
    let mut now = 0;
    let mut call: Call = Call::new(action, "ids", ids, options, &mut state, at(now), seed).unwrap();
    let mut in_flight: Vec<(u64, AttemptId, Vec<String>)> = Vec::new();
    let (mut requests, mut refused_alone) = (0, HashSet::new());
    loop {
        match call.next(at(now), None) {
            Step::GetToken(_) => call.on_token(Ok(Credential { bearer: None }), at(now)),
            Step::Send(attempt, request) => {
                requests += 1;
                in_flight.push((now + latency_ms * 1_000_000, attempt, ids_of(&request)));
            }
            Step::Abandon(attempt) => {
                in_flight.retain(|(_, other, _)| *other != attempt);
                call.on_abandoned(attempt, None, at(now));
            }
            Step::Wait(until) => {
                let until = until.as_nanos();
                let next = in_flight.iter().map(|(at, ..)| *at).min().unwrap_or(until).min(until);
                now = now.max(next);
                while let Some(position) = in_flight.iter().position(|(at, ..)| *at <= now) {
                    let (arrived, attempt, ids) = in_flight.remove(position);
                    let answer = service(&ids, arrived as f64 / 1e9);
                    let (status, body, request_id) = match answer {
                        Answer::Status(status) => (status, String::new(), Some("r".to_owned())),
                        Answer::Message(status, message) => {
                            let error = serde_json::json!({ "error": { "code": "C", "message": message } });
                            (status, error.to_string(), None)
                        }
                        Answer::Html(status) => (status, "<html>".to_owned(), None),
                        Answer::Unreachable => {
                            let kind = TransportErrorKind::Unreachable;
                            call.on_error(attempt, TransportError { kind, cause: String::new() }, at(now));
                            continue;
                        }
                        Answer::Silence => {
                            in_flight.push((u64::MAX, attempt, ids));
                            continue;
                        }
                    };
                    if status == 400 && ids.len() == 1 {
                        refused_alone.extend(ids);
                    }
                    let body = body.into_bytes();
                    let response =
                        Response { status, request_is_complete: true, request_id, body, ..Response::default() };
                    call.on_response(attempt, response, at(now));
                }
            }
            Step::Ended(_) => {}
            Step::Over(cause) => {
                return Run { batches: call.report(), cause, requests, seconds: now as f64 / 1e9, refused_alone };
            }
        }
    }
}

/// The ids of the batches with an outcome.
pub fn ids_with(batches: &[Batch], is_met: fn(&Outcome) -> bool) -> Vec<String> {
    let ids = batches.iter().filter(|batch| is_met(&batch.outcome)).flat_map(|batch| &batch.ids);
    ids.map(|id| id.as_str().to_owned()).collect()
}

/// Draws `k` of `n` ids.
pub fn some(n: usize, k: usize, seed: u64) -> HashSet<String> {
    let mut ids: Vec<String> = (0..n).map(id).collect();
    ids.shuffle(&mut StdRng::seed_from_u64(seed));
    ids.truncate(k);
    ids.into_iter().collect()
}
