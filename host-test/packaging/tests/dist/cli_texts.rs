//! Text from outside in everything that the command writes: without the tokens that a service repeats, and without
//! characters that a terminal executes.

use std::collections::HashSet;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use graph_model::{Behavior, Reply, Request, Service};
use host_test::script::respond;
use rand::SeedableRng;
use rand::distr::{Alphanumeric, SampleString};
use rand::rngs::StdRng;
use serde_json::json;

use crate::compositions::{component, link};
use crate::shell::{Completed, Shell, id, ids};
use crate::token_adapter::token_reply;

/// Requests to Microsoft Graph before it refuses all others.
const REQUESTS: usize = 120;

/// How many of the tokens before its own each response repeats.
const EARLIER: usize = 40;

/// A token endpoint that issues a token for each request, and a Microsoft Graph that repeats the token of its request,
/// and those before, in every header and in the body.
struct Echo {
    latency: Duration,
    state: Mutex<State>,
}

struct State {
    random: StdRng,
    issued: Vec<String>,
    requests: usize,
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

/// Everything that a run wrote.
fn written(shell: &Shell, run: &Completed) -> String {
    let files = fs::read_dir(shell.path(".")).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    files.chain([run.stdout.clone(), run.stderr.clone()]).collect()
}

/// Asserts that no run of 24 characters of any token is in the text.
#[track_caller]
fn assert_clean(text: &str, tokens: &[String]) {
    let runs: HashSet<&[u8]> = tokens.iter().flat_map(|token| token.as_bytes().windows(24)).collect();
    let found = text.as_bytes().windows(24).position(|part| runs.contains(part));
    assert!(found.is_none(), "part of a token: {:?}", found.and_then(|at| text.get(at.saturating_sub(400)..at + 60)));
}

#[tokio::test(start_paused = true)]
async fn no_token_of_a_request_or_of_the_40_before_is_written() {
    let command = link(component("entra-risk-cli-client-credentials")).unwrap();
    for (latency, in_flight) in [(0.2, 4), (3.0, 4), (20.0, 32)] {
        for option in ["", " --json"] {
            let random = StdRng::seed_from_u64(7);
            let state = Mutex::new(State { random, issued: Vec::new(), requests: 0 });
            let echo = Arc::new(Echo { latency: Duration::from_secs_f64(latency), state });
            let shell =
                Shell::new().terminal().file("ids.csv", format!("id,name\n{},\n", ids(0..200).replace('\n', ",\n")));
            let line = format!(
                "dismiss-risky-users --file ids.csv --column id --ids-per-request 1 --max-in-flight {in_flight} \
                 --log log.jsonl --remaining left.txt --refused refused.txt{option}"
            );
            let run = shell.run_command(&command, &line, Arc::clone(&echo) as Arc<dyn Service>).await;
            let state = echo.state.lock().unwrap();
            assert!(state.requests > REQUESTS && state.issued.len() >= REQUESTS, "{} requests", state.requests);
            let text = written(&shell, &run);
            assert!(text.matches("[token]").count() > REQUESTS, "{text}");
            assert!(run.stderr.contains("server-error (503)"), "a progress line: {}", run.stderr);
            assert_clean(&text, &state.issued);
        }
    }
}

/// ESC, its counterpart of one character, line ends, bidirectional overrides.
pub(crate) const HOSTILE: &str =
    "\x1b[2J \u{9b}2J \r\n forged \u{85} \u{2028} \u{2029} \u{202e}desrever\u{2066} \u{200f}\u{feff}";

#[tokio::test(start_paused = true)]
async fn nothing_that_is_written_is_executed_by_a_terminal() {
    // A header cannot contain most of it.
    let body = json!({ "error": { "code": HOSTILE, "message": HOSTILE, "innerError": {
        "request-id": HOSTILE, "date": HOSTILE,
    }}});
    let respond = |status| respond(status, &[], body.to_string());
    let line = format!("dismiss-risky-users {} {} --ids-per-request 1 --log log.jsonl", id(1), id(2));
    for option in ["", " --json"] {
        let shell = Shell::new();
        let run = shell.run(&format!("{line}{option}"), [respond(404), respond(403)]).await;
        for text in [run.stdout, run.stderr, shell.read("log.jsonl")] {
            assert_printable(&text);
            for line in text.lines().filter(|line| line.starts_with('{')) {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(value.to_string().contains('\u{202e}'), "the text is escaped, not lost: {line}");
            }
        }
    }
    let shell = Shell::new().file("\x1b[2J\u{202e}", "x\u{9b}\u{202e}\nid,\x1b\n").file("ids.csv", "i\x1bd,b\n");
    let hostile = ["\x1b[2J", "\u{9b}2J\u{202e}"];
    let options = [
        "",
        "--",
        "--cloud=",
        "--cloud ",
        "--file ",
        "--log none/",
        "--tenant ",
        "--deadline=",
        "--file ids.csv --column ",
    ];
    let lines = options.iter().flat_map(|option| hostile.map(|text| format!("dismiss-risky-users {option}{text}")));
    let lines = lines.chain(["\x1b[2J".to_owned(), "dismiss-risky-users --file \x1b[2J\u{202e}".to_owned()]);
    for line in lines {
        let run = shell.run(&line, []).await;
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{line:?}");
        assert_printable(&run.stderr);
    }
}

/// Asserts that no character of these lines is executed, invisible, or changes the order of others.
#[track_caller]
pub(crate) fn assert_printable(text: &str) {
    let found = text.chars().find(|c| *c != '\n' && HOSTILE.contains(*c) && !c.is_ascii_graphic() && *c != ' ');
    assert!(found.is_none(), "{found:?} in {text:?}");
}
