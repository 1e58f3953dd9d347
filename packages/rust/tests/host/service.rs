//! What the tests send requests to, and the settings to reach it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use entra_risk_host::{
    AccessToken, CallError, EntraRisk, ErrorKind, Options, Proxy, RateLimit, Report, Settings, TokenSource,
};
use graph_model::{Behavior, Graph, Limit, Reply, Request, Response, Server, Service};
use http::{HeaderMap, HeaderValue, Version};
use uuid::Uuid;

/// A token that no output may contain.
pub const CANARY: &str = "eyJjanary.0token-that-must-never-show.0";

/// Responds as a function says, and records every request.
pub struct Recorder {
    respond: fn(&Request) -> Response,
    requests: Mutex<Vec<(Version, HeaderMap)>>,
}

impl Recorder {
    pub fn new(respond: fn(&Request) -> Response) -> Arc<Recorder> {
        Arc::new(Recorder { respond, requests: Mutex::default() })
    }

    /// Accepts every request.
    pub fn accepting() -> Arc<Recorder> {
        Recorder::new(|_| response(204, ""))
    }

    /// The version and the headers of each request so far.
    pub fn requests(&self) -> Vec<(Version, HeaderMap)> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Service for Recorder {
    fn serve(&self, _: Duration, request: Request) -> Reply {
        let response = (self.respond)(&request);
        let recorded = (request.version(), request.headers().clone());
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
        Reply::at_once(Behavior::Complete(response))
    }
}

/// A complete response with the `request-id` `r-1`.
pub fn response(status: u16, body: impl Into<Bytes>) -> Response {
    http::Response::builder().status(status).header("request-id", "r-1").body(body.into()).unwrap()
}

/// A complete response without a body, but with this header.
pub fn response_with(status: u16, name: &'static str, value: &'static str) -> Response {
    let mut response = response(status, "");
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

/// A model of Microsoft Graph that does not limit the rate and responds immediately.
pub fn graph() -> Arc<Graph> {
    let limit = Limit { requests: 1_000_000, ..Limit::USERS };
    let latency = Duration::ZERO..=Duration::ZERO;
    let settings = graph_model::Settings { users: limit, sign_ins: limit, latency, ..Default::default() };
    Arc::new(Graph::new(settings))
}

/// A server for the service, and a client of it with [`CANARY`] as the token.
pub async fn serve(service: Arc<dyn Service>) -> (Server, EntraRisk) {
    let server = Server::start(service, 0).await.unwrap();
    let risk = risk(settings(server.endpoint()));
    (server, risk)
}

/// A model of Microsoft Graph, its server, and a client of it.
pub async fn serve_graph() -> (Arc<Graph>, Server, EntraRisk) {
    let graph = graph();
    let (server, risk) = serve(graph.clone()).await;
    (graph, server, risk)
}

/// The settings for requests to this endpoint, without a proxy.
pub fn settings(endpoint: impl fmt::Display) -> Settings {
    let endpoint = endpoint.to_string();
    Settings {
        endpoint: Some(endpoint.clone()),
        allowed_endpoints: vec![endpoint],
        proxy: Proxy::None,
        ..Settings::default()
    }
}

/// The actions with [`CANARY`] as the token.
pub fn risk(settings: Settings) -> EntraRisk {
    risk_with(AccessToken::new(CANARY).unwrap(), settings)
}

/// The actions with another source of tokens.
pub fn risk_with(token_source: impl TokenSource + 'static, settings: Settings) -> EntraRisk {
    EntraRisk::new(token_source, settings).unwrap()
}

/// Options that allow a thousand requests in a second.
pub fn fast() -> Options {
    Options { rate_limit: Some(RateLimit { requests: 1_000, window: Duration::from_secs(1) }), ..Options::default() }
}

/// The report of a call in which every id was accepted.
pub async fn accepted(call: impl Future<Output = Result<Report, CallError>>) -> Report {
    call.await.unwrap().into_result().unwrap()
}

/// The report of a call in which not every id was accepted, and the kind of its cause.
pub async fn failed(call: impl Future<Output = Result<Report, CallError>>) -> (Report, ErrorKind) {
    let report = call.await.unwrap();
    assert_eq!(report.clone().into_result().unwrap_err().0, report);
    let kind = report.cause.as_ref().unwrap().kind;
    (report, kind)
}

/// `count` ids, from the one with the number `first` on.
pub fn ids(first: u128, count: u128) -> Vec<String> {
    (first..first + count).map(|number| Uuid::from_u128(number).to_string()).collect()
}
