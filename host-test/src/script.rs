//! A service that does what a list says, one reply for each request, and takes no request beyond it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

use crate::exchange::{Fate, Reply, Request, Response, Service};

/// Replies in the order in which requests are to come. Dropping it complains of requests that nobody scripted and of
/// replies that nobody asked for.
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

    /// A script of these fates, each without delay.
    pub fn at_once(fates: impl IntoIterator<Item = Fate>) -> Arc<Self> {
        Script::new(fates.into_iter().map(Reply::at_once))
    }
}

impl Service for Script {
    fn serve(&self, _: Duration, request: Request) -> Reply {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.replies.pop_front().unwrap_or_else(|| {
            state.unscripted.push(format!("{} {}", request.method(), request.uri()));
            Reply::at_once(Fate::Failed(ErrorCode::HttpRequestDenied))
        })
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let State { replies, unscripted } = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        // A second panic would hide the first, which says more.
        if !thread::panicking() {
            assert!(unscripted.is_empty(), "requests that nobody scripted: {unscripted:?}");
            assert!(replies.is_empty(), "replies that nobody asked for: {replies:?}");
        }
    }
}

/// An answer: status, headers, body.
///
/// # Panics
/// Where these are not valid HTTP.
#[track_caller]
pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Fate {
    Fate::Answered(response(status, headers, body))
}

/// A response, for a fate in which not all of it comes.
///
/// # Panics
/// Where these are not valid HTTP.
#[track_caller]
pub fn response(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response {
    let response =
        headers.iter().fold(http::Response::builder().status(status), |r, (name, value)| r.header(*name, *value));
    response.body(body.into()).expect("a valid response")
}

/// Success, as Microsoft Graph says it.
pub fn accepted() -> Fate {
    answer(204, &[("request-id", REQUEST_ID), ("date", DATE)], "")
}

/// An error in Microsoft Graph's words, with its id of the request and date in headers and body.
pub fn graph_error(status: u16, headers: &[(&str, &str)], code: &str, message: &str) -> Fate {
    let body = json!({"error": {"code": code, "message": message, "innerError": {
        "date": "2026-11-21T09:00:00", "request-id": REQUEST_ID,
    }}});
    let own = [("content-type", "application/json"), ("request-id", REQUEST_ID), ("date", DATE)];
    answer(status, &[&own, headers].concat(), body.to_string())
}

/// The id that the answers here give their request.
pub const REQUEST_ID: &str = "8d7ff2a7-3b6c-4d1c-9a0e-6d9c1f4b2e10";

/// The date of the answers here.
pub const DATE: &str = "Sat, 21 Nov 2026 09:00:00 GMT";
