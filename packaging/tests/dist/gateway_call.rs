//! A request to the gateway, its response, and what the gateway logged and sent. Every response is
//! validated against `openapi.yaml`, and no response and no log contains a secret.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use graph_model::{Behavior, Service};
use host_test::host::RecordedExchange;
use host_test::plugin::{Action, CANARY};
use host_test::script::{Script, graph_error};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};
use http_body::Frame;
use jsonschema::Validator;
use serde_json::{Value, json};
use tokio::time::{Sleep, sleep};
use wasmtime_wasi_http::Error;

use crate::compositions::gateway;
use crate::gateway_instance::{HangUp, Instance};
use crate::gateway_keys::entry;

/// The key in `GATEWAY_KEY`.
pub(crate) const KEY: &str = "key-canary-that-must-never-show";

/// The path of `dismiss-risky-users`.
pub(crate) const USERS: &str = "/identityProtection/riskyUsers/dismiss";

/// A request and the environment of the gateway.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) token: Option<&'static str>,
    pub(crate) max_log_bytes: usize,
}

/// The response to the caller, the lines of the log, and the requests of the gateway.
pub(crate) struct Received {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) log: Vec<Value>,
    pub(crate) exchanges: Vec<RecordedExchange>,
}

/// A body in parts, of which the last one is sent first, and what follows them.
pub(crate) struct Body {
    pub(crate) parts: Vec<Bytes>,
    pub(crate) rest: Rest,
}

/// What follows the parts of a body.
pub(crate) enum Rest {
    End,
    Reset,
    /// One byte follows each second.
    Trickle(Pin<Box<Sleep>>),
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let body = self.get_mut();
        if let Some(part) = body.parts.pop() {
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        match &mut body.rest {
            Rest::End => Poll::Ready(None),
            Rest::Reset => Poll::Ready(Some(Err(Error::ConnectionTerminated))),
            Rest::Trickle(next) => next.as_mut().poll(context).map(|()| {
                *next = Box::pin(sleep(Duration::from_secs(1)));
                Some(Ok(Frame::data(Bytes::from_static(b" "))))
            }),
        }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Body { parts: vec![text.into()], rest: Rest::End }
    }
}

impl Call {
    /// A valid request with this path and body.
    pub(crate) fn new(path: &str, body: impl Into<Body>) -> Self {
        Call {
            method: Method::POST,
            path: path.to_owned(),
            headers: vec![("x-api-key", KEY.to_owned()), ("content-type", "application/json".to_owned())],
            body: body.into(),
            environment: vec![("GATEWAY_KEY", KEY.to_owned())],
            token: Some(CANARY),
            max_log_bytes: 1 << 24,
        }
    }

    /// Sets the value of a header, or removes the header.
    pub(crate) fn header(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    /// Sets a variable in the environment of the gateway.
    pub(crate) fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.environment.retain(|(known, _)| *known != name);
        self.environment.push((name, value.to_owned()));
        self
    }

    /// Makes the key of the gateway permit every action.
    pub(crate) fn permitted_every_action(self) -> Self {
        let names = Action::ALL.map(Action::name).join("+");
        self.variable("GATEWAY_KEY", "").variable("GATEWAY_KEYS", &entry("all", KEY, &format!(":{names}")))
    }

    /// Sends the request to a gateway whose Microsoft Graph follows this script.
    pub(crate) async fn send(self, behaviors: impl IntoIterator<Item = Behavior>) -> Received {
        self.send_before(Script::at_once(behaviors)).await
    }

    /// Sends the request to a gateway with this Microsoft Graph.
    pub(crate) async fn send_before(self, graph: Arc<dyn Service>) -> Received {
        let (path, method) = (self.path.clone(), self.method.clone());
        let (response, log, exchanges) = self.exchange(graph, HangUp::Never).await;
        Received::check(response.expect("a response"), log, exchanges, &path, &method)
    }

    /// Sends the request from a caller that may close the connection. Returns what the gateway
    /// logged and sent.
    pub(crate) async fn exchange(
        self,
        graph: Arc<dyn Service>,
        hang_up: HangUp,
    ) -> (Option<http::Response<Bytes>>, Vec<Value>, Vec<RecordedExchange>) {
        let mut instance = self.instance(graph).await;
        let (response, log) = instance.exchange(self.request(), hang_up).await;
        (response, log, instance.exchanges())
    }

    /// An instance of the gateway of this request.
    pub(crate) async fn instance(&self, graph: Arc<dyn Service>) -> Instance {
        let token = self.token.map(|token| ("GRAPH_TOKEN", token.to_owned()));
        let named = ("ENTRA_RISK_CREDENTIAL", "graph-token".to_owned());
        let environment = self.environment.iter().cloned().chain(token).chain([named]);
        Instance::new(gateway(), environment, graph, self.max_log_bytes).await
    }

    /// Makes the HTTP request.
    pub(crate) fn request(self) -> http::Request<Body> {
        let request = http::Request::builder().method(self.method).uri(format!("http://gateway.test{}", self.path));
        let request = self.headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        request.body(self.body).unwrap()
    }
}

impl Received {
    /// Checks a response to a request with this path and method, and the log.
    #[track_caller]
    pub(crate) fn check(
        response: http::Response<Bytes>,
        log: Vec<Value>,
        exchanges: Vec<RecordedExchange>,
        path: &str,
        method: &Method,
    ) -> Received {
        let (head, body) = response.into_parts();
        let text = format!("{:?} {}", head.headers, String::from_utf8_lossy(&body));
        assert!(!text.contains(CANARY) && !text.contains(KEY), "the response contains a secret: {text}");
        assert_eq!(head.headers[CONTENT_LENGTH], body.len().to_string());
        assert_eq!(head.headers[CONTENT_TYPE], "application/json");
        assert_eq!(head.headers[CACHE_CONTROL], "no-store");
        let body = serde_json::from_slice(&body).unwrap();
        let received = Received { status: head.status, headers: head.headers, body, log, exchanges };
        received.is_documented(path, method);
        received
    }

    /// Validates the response against the OpenAPI document.
    #[track_caller]
    fn is_documented(&self, path: &str, method: &Method) {
        let status = self.status.as_str();
        let described = match &documented(path)[method.as_str().to_lowercase()] {
            // OpenAPI cannot describe other paths and methods: see the description of the document.
            Value::Null if ["/healthz", "/readyz", "/openapi.yaml"].contains(&path) => {
                json!({ "$ref": "#/components/responses/NotReady" })
            }
            Value::Null if ["401", "404", "405", "500", "503"].contains(&status) => {
                json!({ "$ref": "#/components/responses/BadRequest" })
            }
            operation => operation["responses"][status].clone(),
        };
        let name = described["$ref"].as_str().expect("a documented status").rsplit('/').next().unwrap();
        let response = &document()["components"]["responses"][name];
        validate(&response["content"]["application/json"]["schema"], &self.body);
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let header = match header["$ref"].as_str() {
                Some(reference) => &document()["components"]["headers"][reference.rsplit('/').next().unwrap()],
                None => header,
            };
            match self.headers.get(name) {
                Some(value) if header["schema"]["type"] == "integer" => {
                    validate(&header["schema"], &serde_json::from_slice(value.as_bytes()).expect("a number"));
                }
                Some(value) => validate(&header["schema"], &json!(value.to_str().unwrap())),
                None => assert_ne!(header["required"], true, "{status} {path}: {name} is missing"),
            }
        }
    }

    /// Asserts that this is an error with this status and code, and that nothing was sent.
    #[track_caller]
    pub(crate) fn is_error(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.body["error"]["code"].as_str()), (status, Some(code)), "{}", self.body);
        assert!(self.exchanges.is_empty(), "something was sent");
        let line = self.log.last().expect("a line of the log");
        assert_eq!((&line["event"], &line["status"], &line["code"]), (&json!("request"), &json!(status), &json!(code)));
    }
}

/// Validates a line of a streamed response against the OpenAPI document.
#[track_caller]
pub(crate) fn validate_line(line: &Value) {
    let response = &document()["components"]["responses"]["Accepted"];
    validate(&response["content"]["application/x-ndjson"]["schema"], line);
}

/// What the OpenAPI document says about a path, in any of the forms that it permits.
fn documented(path: &str) -> &'static Value {
    let path = path.split('?').next().unwrap().to_lowercase().replace("/microsoft.graph.", "/");
    let path = path.strip_prefix("/v1.0").or(path.strip_prefix("/beta")).unwrap_or(&path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let path = if path.starts_with("/riskyusers/") { format!("/identityprotection{path}") } else { path.to_owned() };
    let paths = document()["paths"].as_object().unwrap();
    paths.iter().find(|(known, _)| known.to_lowercase() == path).map_or(&Value::Null, |(_, item)| item)
}

/// Validates a value against a schema of the OpenAPI document. Each schema is compiled once.
#[track_caller]
fn validate(schema: &Value, value: &Value) {
    static COMPILED: Mutex<BTreeMap<String, Arc<Validator>>> = Mutex::new(BTreeMap::new());
    let validator = Arc::clone(COMPILED.lock().unwrap().entry(schema.to_string()).or_insert_with(|| {
        let root = json!({ "allOf": [schema], "components": document()["components"] });
        Arc::new(jsonschema::validator_for(&root).expect("a valid schema"))
    }));
    if let Err(error) = validator.validate(value) {
        panic!("{error}\n{value}");
    }
}

/// The text of the OpenAPI document.
pub(crate) const DOCUMENT: &str = include_str!("../../../apps/gateway/openapi.yaml");

/// The OpenAPI document.
pub(crate) fn document() -> &'static Value {
    static PARSED: OnceLock<Value> = OnceLock::new();
    PARSED.get_or_init(|| serde_saphyr::from_str(DOCUMENT).unwrap())
}

pub(crate) fn id(number: usize) -> String {
    format!("8f0e4c0b-6ec1-4c1e-a9b8-{number:012x}")
}

pub(crate) fn users(numbers: std::ops::Range<usize>) -> String {
    json!({ "userIds": numbers.map(id).collect::<Vec<_>>() }).to_string()
}

pub(crate) fn not_found() -> Behavior {
    graph_error(404, &[], "Request_ResourceNotFound", "Resource does not exist.")
}
