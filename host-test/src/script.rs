//! A service that follows a script: one reply for each request, and no request beyond them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use graph_model::{Behavior, Reply, Request, Response, Service, TransportError};
use serde_json::json;

/// Replies in the order of the expected requests. Dropping it panics if there were requests beyond
/// the script, or if replies remain.
#[derive(Debug)]
pub struct Script {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    replies: VecDeque<Reply>,
    unscripted: Vec<String>,
}

impl Script {
    /// A script of these replies.
    pub fn new(replies: impl IntoIterator<Item = Reply>) -> Arc<Self> {
        let state = State { replies: replies.into_iter().collect(), unscripted: Vec::new() };
        Arc::new(Script { state: Mutex::new(state) })
    }

    /// A script of these behaviors, each without delay.
    pub fn at_once(behaviors: impl IntoIterator<Item = Behavior>) -> Arc<Self> {
        Script::new(behaviors.into_iter().map(Reply::at_once))
    }
}

impl Service for Script {
    fn serve(&self, _: Duration, request: Request) -> Reply {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.replies.pop_front().unwrap_or_else(|| {
            state.unscripted.push(format!("{} {}", request.method(), request.uri()));
            Reply::at_once(Behavior::Failed(TransportError::HttpRequestDenied))
        })
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let State { replies, unscripted } = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        // A second panic would hide the first one.
        if !thread::panicking() {
            assert!(unscripted.is_empty(), "requests beyond the script: {unscripted:?}");
            assert!(replies.is_empty(), "replies without a request: {replies:?}");
        }
    }
}

/// A complete response: status, headers, body.
///
/// # Panics
/// If these are not valid HTTP.
#[track_caller]
pub fn respond(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Behavior {
    Behavior::Complete(response(status, headers, body))
}

/// A response, for behaviors that do not send all of it.
///
/// # Panics
/// If these are not valid HTTP.
#[track_caller]
pub fn response(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response {
    let response =
        headers.iter().fold(http::Response::builder().status(status), |r, (name, value)| r.header(*name, *value));
    response.body(body.into()).expect("a valid response")
}

/// The success response of Microsoft Graph.
pub fn accepted() -> Behavior {
    respond(204, &[("request-id", REQUEST_ID), ("date", DATE)], "")
}

/// An error response of Microsoft Graph, with request id and date in headers and body.
pub fn graph_error(status: u16, headers: &[(&str, &str)], code: &str, message: &str) -> Behavior {
    let body = json!({"error": {"code": code, "message": message, "innerError": {
        "date": "2026-11-21T09:00:00", "request-id": REQUEST_ID,
    }}});
    let own = [("content-type", "application/json"), ("request-id", REQUEST_ID), ("date", DATE)];
    respond(status, &[&own, headers].concat(), body.to_string())
}

/// The `request-id` of these responses.
pub const REQUEST_ID: &str = "8d7ff2a7-3b6c-4d1c-9a0e-6d9c1f4b2e10";

/// The `date` of these responses.
pub const DATE: &str = "Sat, 21 Nov 2026 09:00:00 GMT";
