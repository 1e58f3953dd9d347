//! A service that repeats tokens in its responses, and what may not be in anything that a component
//! writes.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use graph_model::{Behavior, Reply, Request, Service};
use host_test::script::respond;
use rand::SeedableRng;
use rand::distr::{Alphanumeric, SampleString};
use rand::rngs::StdRng;
use serde_json::json;

use crate::token_adapter::token_reply;

/// Requests to Microsoft Graph before it refuses all others.
const REQUESTS: usize = 120;

/// How many of the tokens before its own each response repeats.
const EARLIER: usize = 40;

/// A token endpoint that issues a token for each request, and a Microsoft Graph that repeats the
/// token of its request, and those before, in every header and in the body.
pub(crate) struct Echo {
    latency: Duration,
    state: Mutex<State>,
}

struct State {
    random: StdRng,
    issued: Vec<String>,
    requests: usize,
}

impl Echo {
    /// A service that takes this time to respond.
    pub(crate) fn new(latency: Duration) -> Arc<Self> {
        let state = State { random: StdRng::seed_from_u64(7), issued: Vec::new(), requests: 0 };
        Arc::new(Echo { latency, state: Mutex::new(state) })
    }

    /// Asserts that it served so many requests with as many tokens, that tokens were replaced in
    /// what was written, and that no run of 24 characters of any token is in it.
    #[track_caller]
    pub(crate) fn check(&self, written: &str) {
        let state = self.state.lock().unwrap();
        assert!(state.requests > REQUESTS && state.issued.len() >= REQUESTS, "{} requests", state.requests);
        assert!(written.contains("[token]"), "{written}");
        let runs: HashSet<&[u8]> = state.issued.iter().flat_map(|token| token.as_bytes().windows(24)).collect();
        let found = written.as_bytes().windows(24).position(|part| runs.contains(part));
        let part = found.map(|at| String::from_utf8_lossy(&written.as_bytes()[at.saturating_sub(400)..at + 24]));
        assert!(part.is_none(), "part of a token: {part:?}");
    }
}

impl Service for Echo {
    fn serve(&self, _: Duration, request: Request) -> Reply {
        let mut state = self.state.lock().unwrap();
        let Some(own) = request.headers().get("authorization") else {
            let token = Alphanumeric.sample_string(&mut state.random, 60);
            state.issued.push(token.clone());
            return token_reply(&token, 1);
        };
        let own = own.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let position = state.issued.iter().position(|token| token == own).expect("a token that was issued");
        let known: Vec<&str> =
            state.issued.iter().take(position + 1).rev().take(EARLIER + 1).map(String::as_str).collect();
        let status = match state.requests {
            REQUESTS.. => 403,
            request => [204, 404, 204, 503, 400, 204, 401, 302, 204, 429, 500, 204][request % 12],
        };
        // Of the tokens before, others come first each time: texts are cut.
        let first = 1 + state.requests % EARLIER;
        let behavior = echo(status, &[&known[..1], known.get(first..).unwrap_or_default(), &known].concat());
        state.requests += 1;
        Reply { after: self.latency, ..Reply::at_once(behavior) }
    }
}

/// A response with this status, whose every text consists of these tokens.
fn echo(status: u16, tokens: &[&str]) -> Behavior {
    let (text, parts) = (tokens.join(" "), tokens.iter().map(|token| &token[7..50]).collect::<Vec<_>>().join("\x1b"));
    let challenge = format!("Bearer error=\"{text}\", realm=\"{text}\"");
    let names = ["request-id", "client-request-id", "date", "location", "server", "x-ms-ags-diagnostic", "set-cookie"];
    let headers: Vec<_> = names.map(|name| (name, text.as_str())).into_iter().collect();
    let retry_after = if status == 429 { "1" } else { &text };
    let own = [("www-authenticate", challenge.as_str()), ("retry-after", retry_after)];
    // Half of the responses have the ids of the request in the body only.
    let headers = if tokens.len().is_multiple_of(2) { &headers[3..] } else { &headers };
    let inner = json!({ "request-id": parts, "client-request-id": text, "date": text, tokens[0]: text });
    let body = json!({ "error": { "code": parts, "message": text, "innerError": inner } });
    respond(status, &[headers, &own].concat(), if status == 204 { String::new() } else { body.to_string() })
}

/// ESC, its counterpart of one character, line ends, bidirectional overrides.
pub(crate) const HOSTILE: &str =
    "\x1b[2J \u{9b}2J \r\n forged \u{85} \u{2028} \u{2029} \u{202e}desrever\u{2066} \u{200f}\u{feff}";

/// Asserts that no character of these lines is executed, invisible, or changes the order of others.
#[track_caller]
pub(crate) fn assert_printable(text: &str) {
    let found = text.chars().find(|c| *c != '\n' && HOSTILE.contains(*c) && !c.is_ascii_graphic() && *c != ' ');
    assert!(found.is_none(), "{found:?} in {text:?}");
}
