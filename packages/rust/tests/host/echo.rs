//! A service that repeats tokens wherever a response has text.

use std::collections::HashSet;
use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entra_risk_host::{AccessToken, Action, EntraRisk, Options, TokenError, TokenRequest, TokenSource};
use graph_model::{Behavior, Reply, Request, Server, Service};
use http::header::AUTHORIZATION;

use crate::printable::{assert_printable, escaped, nasty};
use crate::service::{Recorder, failed, fast, ids, response, risk_with, serve, settings};
use crate::tls_server::TlsServer;
use crate::tracing::{run_child, trace};

/// Supplies another token each time.
#[derive(Default)]
struct Minting(Mutex<Vec<String>>);

impl Minting {
    fn tokens(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl TokenSource for Minting {
    async fn get_token(&self, _: TokenRequest) -> Result<AccessToken, TokenError> {
        let random = RandomState::new();
        let [a, b, c, d] = std::array::from_fn(|part: usize| random.hash_one(part));
        let token = format!("eyJ{a:016x}{b:016x}.{c:016x}{d:016x}");
        self.0.lock().unwrap().push(token.clone());
        Ok(AccessToken::new(token)?)
    }
}

/// Repeats the tokens of the latest 41 requests, in an order that is another one each time.
#[derive(Default)]
struct Echo(Mutex<Vec<String>>);

impl Service for Echo {
    fn serve(&self, _: Duration, request: Request) -> Reply {
        let token = request.headers()[AUTHORIZATION].to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let mut known = self.0.lock().unwrap();
        known.push(token.to_owned());
        let number = known.len();
        let mut tokens: Vec<&str> = known.iter().rev().take(41).map(String::as_str).collect();
        let count = tokens.len();
        tokens.rotate_left(number * 7 % count);
        let [a, b, c, d] = std::array::from_fn(|at| *tokens.get(at % count).unwrap());
        let status = match number {
            _ if number % 40 == 39 => 429,
            _ if number.is_multiple_of(2) => 400,
            _ => 204,
        };
        let escaped = escaped(c);
        let rest = tokens.join(" ");
        let body = format!(
            r#"{{"error":{{"code":"{a}","message":"{escaped} {d} {rest}","innerError":{{"request-id":"{b}","date":"{c}"}}}}}}"#
        );
        let mut echo = response(status, if status == 204 { String::new() } else { body });
        let headers = echo.headers_mut();
        if number.is_multiple_of(3) {
            headers.remove("request-id");
        } else {
            headers.insert("request-id", b.parse().unwrap());
        }
        headers.insert("date", d.parse().unwrap());
        headers.append("retry-after", a.parse().unwrap());
        headers.append("retry-after", "0".parse().unwrap());
        headers.insert("www-authenticate", format!(r#"Bearer realm="{a}", error="{b}""#).parse().unwrap());
        headers.insert("client-request-id", c.parse().unwrap());
        for (number, token) in tokens.iter().enumerate() {
            headers.insert(http::HeaderName::try_from(format!("x-{number}")).unwrap(), token.parse().unwrap());
        }
        Reply::at_once(Behavior::Complete(echo))
    }
}

/// Fails if the text contains 24 characters of a token, as such or as a list of bytes.
fn assert_hidden(text: &str, tokens: &[String]) {
    let runs: HashSet<&[u8]> = tokens.iter().flat_map(|token| token.as_bytes().windows(24)).collect();
    let bytes: Vec<u8> = text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
    let is_of_token = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'.';
    for (form, bytes) in [("", text.as_bytes()), ("bytes: ", bytes.as_slice())] {
        // What can be a run of a token.
        let parts = bytes.split(|byte| !is_of_token(byte)).filter(|part| part.len() >= 24);
        let found = parts.flat_map(|part| part.windows(24)).find(|run| runs.contains(run));
        assert_eq!(found.map(String::from_utf8_lossy), None, "{form}a token shows");
    }
}

/// A call of 120 requests with 120 tokens, and everything that it makes known.
async fn everything(risk: &EntraRisk, max_in_flight: u32) -> String {
    let options = Options { ids_per_request: Some(1), max_in_flight: Some(max_in_flight), ..fast() };
    let mut call = risk.start(Action::DismissRiskyUsers, &ids(1, 117), &options).unwrap();
    let mut shown = String::new();
    let mut progress = call.progress();
    while progress.changed().await.is_ok() {
        let progress = progress.borrow_and_update().clone();
        writeln!(shown, "{progress} {progress:?}").unwrap();
    }
    let report = call.finish().await.unwrap();
    assert_eq!((report.accepted().count() + report.refused().count(), report.to_retry().count()), (117, 0));
    assert!(report.refused().count() > 50 && report.accepted().count() > 50);
    for batch in &report.batches {
        writeln!(shown, "{batch:?} {:?}", batch.outcome.error().map(ToString::to_string)).unwrap();
    }
    writeln!(shown, "{report} {report:?} {}", report.clone().into_result().unwrap_err()).unwrap();
    shown
}

#[tokio::test]
async fn no_token_shows_that_a_response_repeats() {
    for max_in_flight in [1, 8] {
        let server = Server::start(Arc::new(Echo::default()), 0).await.unwrap();
        let source = Arc::new(Minting::default());
        let shown = everything(&risk_with(Arc::clone(&source), settings(server.endpoint())), max_in_flight).await;
        assert!(source.tokens().len() >= 119 && shown.contains("[token]"), "{}", source.tokens().len());
        assert_hidden(&shown, &source.tokens());
    }
}

#[test]
fn no_token_shows_in_a_log_that_a_response_repeats() {
    run_child("echo::child");
}

#[tokio::test]
#[ignore = "run by the test above"]
async fn child() {
    let (log, guard) = trace();
    let mut tokens = Vec::new();
    let mut shown = String::new();
    for protocol in ["http/1.1", "h2"] {
        let server = TlsServer::start(Arc::new(Echo::default()), &[protocol]).await;
        let source = Arc::new(Minting::default());
        shown += &everything(&risk_with(Arc::clone(&source), server.settings()), 4).await;
        tokens.extend(source.tokens());
    }
    let (_server, risk) = serve(Recorder::new(|_| nasty(400))).await;
    failed(risk.dismiss_risky_users(&ids(1, 1), &fast())).await;
    drop(guard);
    let log = log.text();
    assert!(log.contains(":request{") && log.contains("ended"), "{log}");
    assert_hidden(&shown, &tokens);
    assert_hidden(&log, &tokens);
    assert_printable(&log);
}

#[tokio::test]
async fn a_token_of_the_call_before_does_not_show() {
    let service = Recorder::new(|request| {
        let token = request.headers()[AUTHORIZATION].to_str().unwrap();
        let mut response = response(429, format!(r#"{{"error":{{"code":"{token}","message":"{token}"}}}}"#));
        response.headers_mut().insert("retry-after", "30".parse().unwrap());
        response
    });
    let server = Server::start(service.clone(), 0).await.unwrap();
    let source = Arc::new(Minting::default());
    let risk = risk_with(Arc::clone(&source), settings(server.endpoint()));
    let options = Options { patience: Some(Duration::from_millis(10)), ..fast() };
    // The second call does not send anything: it reports why the first one has to wait.
    for _ in 0..2 {
        let (report, _) = failed(risk.dismiss_risky_users(&ids(1, 1), &options)).await;
        assert!(format!("{report:?}").contains("[token]"), "{report:?}");
        assert_hidden(&format!("{report} {report:?}"), &source.tokens());
    }
    assert_eq!(service.requests().len(), 1);
}

#[tokio::test]
async fn a_token_that_its_source_repeats_does_not_show() {
    struct Repeating(Minting);
    impl TokenSource for Repeating {
        async fn get_token(&self, request: TokenRequest) -> Result<AccessToken, TokenError> {
            match self.0.tokens().first() {
                Some(token) => Err(TokenError::Denied(format!("not again: {token}"))),
                None => self.0.get_token(request).await,
            }
        }
    }
    let server = Server::start(Recorder::accepting(), 0).await.unwrap();
    let source = Arc::new(Repeating(Minting::default()));
    let risk = risk_with(Arc::clone(&source), settings(server.endpoint()));
    let (report, _) = failed(risk.dismiss_risky_users(&ids(1, 120), &fast())).await;
    assert!(report.to_string().contains("not again: [token]"), "{report}");
    assert_hidden(&format!("{report} {report:?}"), &source.0.tokens());
}
