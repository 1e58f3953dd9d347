//! A service that does what a list says, one reply for each request, and takes no request beyond it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

use crate::exchange::{Fate, Reply, Request, Service};

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
