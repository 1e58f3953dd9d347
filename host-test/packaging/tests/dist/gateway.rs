//! The gateway as its callers see it, with a scripted Microsoft Graph. Every response is validated against
//! `openapi.yaml`.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use graph_model::{Behavior, Graph, Service, Settings};
use host_test::host::{Exchange, Host, Outbound};
use host_test::plugin::{CANARY, canary};
use host_test::script::{Script, accepted, graph_error, respond};
use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};
use wasmtime::Store;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{Error, WasiHttpView};

use crate::compositions::{gateway, imports};

const KEY: &str = "key-canary-that-must-never-show";
const USERS: &str = "/identityProtection/riskyUsers/dismiss";
const PATHS: [(&str, &str, &str); 4] = [
    ("/auditLogs/signIns/dismiss", "requestIds", "v1.0"),
    ("/auditLogs/signIns/confirmSafe", "requestIds", "beta"),
    ("/auditLogs/signIns/confirmCompromised", "requestIds", "beta"),
    (USERS, "userIds", "v1.0"),
];

/// A request and the environment of the gateway.
struct Call {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Body,
    environment: Vec<(&'static str, &'static str)>,
    token: Option<&'static str>,
}

/// The response to the caller, and the requests of the gateway.
struct Received {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
    exchanges: Vec<Exchange>,
}

/// A body in parts, and what follows them.
struct Body {
    parts: Vec<Bytes>,
    rest: Rest,
}

enum Rest {
    End,
    Reset,
    /// One byte per second.
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
    /// A valid request.
    fn new(path: &str, body: impl Into<Body>) -> Self {
        Call {
            method: Method::POST,
            path: path.to_owned(),
            headers: vec![("x-api-key", KEY.to_owned()), ("content-type", "application/json".to_owned())],
            body: body.into(),
            environment: vec![("GATEWAY_KEY", KEY)],
            token: Some(CANARY),
        }
    }

    /// The same request with this value of a header, or without the header.
    fn header(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    /// The same request to a gateway with this variable.
    fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    /// Sends the request to a gateway whose Microsoft Graph follows this script.
    async fn send(self, behaviors: impl IntoIterator<Item = Behavior>) -> Received {
        self.send_before(Script::at_once(behaviors)).await
    }

    /// Sends the request to a gateway with this Microsoft Graph.
    async fn send_before(self, graph: Arc<dyn Service>) -> Received {
        let mut wasi = WasiCtx::builder();
        wasi.envs(&self.environment);
        if let Some(token) = self.token {
            wasi.env("GRAPH_TOKEN", token);
        }
        let host = Host::with(&mut wasi, Outbound::InProcess(graph), canary(), 1);
        let mut store = Store::new(gateway().engine(), host);
        let mut request = http::Request::builder().method(self.method.clone());
        request = request.uri(format!("http://gateway.test{}", self.path));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let (sender, receiver) = oneshot::channel();
        let request = store.data_mut().http().new_incoming_request(Scheme::Http, request.body(self.body).unwrap());
        let out = store.data_mut().http().new_response_outparam(sender).unwrap();
        let proxy = ProxyPre::new(gateway().clone()).unwrap().instantiate_async(&mut store).await.unwrap();
        let request = request.unwrap();
        let handled = async {
            proxy
                .wasi_http_incoming_handler()
                .call_handle(&mut store, request, out)
                .await
                .expect("the gateway trapped");
        };
        let received = async {
            let (head, body) = receiver.await.expect("a response").expect("no error").into_parts();
            (head, body.collect().await.expect("a whole body").to_bytes())
        };
        let ((), (head, body)) = tokio::join!(handled, received);
        let text = format!("{:?} {}", head.headers, String::from_utf8_lossy(&body));
        assert!(!text.contains(CANARY) && !text.contains(KEY), "the response contains a secret: {text}");
        assert_eq!(head.headers[CONTENT_LENGTH], body.len().to_string());
        assert_eq!(head.headers[CONTENT_TYPE], "application/json");
        assert_eq!(head.headers[CACHE_CONTROL], "no-store");
        let body = serde_json::from_slice(&body).unwrap();
        let exchanges = store.data().exchanges();
        let received = Received { status: head.status, headers: head.headers, body, exchanges };
        received.is_documented(&self.path, &self.method);
        received
    }
}

impl Received {
    /// Validates the response against the OpenAPI document.
    #[track_caller]
    fn is_documented(&self, path: &str, method: &Method) {
        let path = path.split('?').next().unwrap().trim_start_matches("/v1.0").trim_start_matches("/beta");
        let status = self.status.as_str();
        let described = match &document()["paths"][path][method.as_str().to_lowercase()]["responses"][status] {
            // The responses that OpenAPI cannot describe: see the description of the document.
            Value::Null if status == "404" || status == "405" || status == "401" => {
                json!({ "$ref": "#/components/responses/BadRequest" })
            }
            found => found.clone(),
        };
        let name = described["$ref"].as_str().expect("a documented status").rsplit('/').next().unwrap();
        let schema = &document()["components"]["responses"][name]["content"]["application/json"]["schema"];
        let root = json!({ "allOf": [schema], "components": document()["components"] });
        if let Err(error) = jsonschema::validator_for(&root).unwrap().validate(&self.body) {
            panic!("{status} {path}: {error}\n{}", self.body);
        }
    }

    /// An error with this status and code, for which nothing was sent.
    #[track_caller]
    fn is_error(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.body["error"]["code"].as_str()), (status, Some(code)), "{}", self.body);
        assert!(self.exchanges.is_empty(), "something was sent");
    }
}

/// The OpenAPI document.
fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_saphyr::from_str(include_str!("../../../../apps/gateway/openapi.yaml")).unwrap())
}

fn id(number: usize) -> String {
    format!("8f0e4c0b-6ec1-4c1e-a9b8-{number:012x}")
}

fn users(numbers: std::ops::Range<usize>) -> String {
    json!({ "userIds": numbers.map(id).collect::<Vec<_>>() }).to_string()
}

fn not_found() -> Behavior {
    graph_error(404, &[], "Request_ResourceNotFound", "Resource does not exist.")
}

#[tokio::test(start_paused = true)]
async fn each_action_is_forwarded_to_graph() {
    for (path, field, default) in PATHS {
        for (prefix, version) in [("", default), ("/v1.0", "v1.0"), ("/beta", "beta")] {
            let body = json!({ field: [id(1), id(2)] }).to_string();
            let received = Call::new(&format!("{prefix}{path}"), body.clone()).send([accepted()]).await;
            assert_eq!(received.status, 200);
            assert_eq!(received.body["ids"], json!({"accepted": 2, "refused": 0, "notApplied": 0, "unknown": 0}));
            assert_eq!(received.body["cause"], Value::Null);
            let [Exchange { request, .. }] = received.exchanges.as_slice() else { panic!("expected one request") };
            assert_eq!(request.uri(), format!("https://graph.microsoft.com/{version}{path}").as_str());
            assert_eq!(request.body(), body.as_bytes());
            assert!(!format!("{:?}", request.headers()).contains(KEY), "the request contains the key");
            assert_eq!(request.headers()[AUTHORIZATION], format!("Bearer {CANARY}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_key_is_unauthorized() {
    for authorization in [None, Some("Bearer wrong"), Some(CANARY), Some(KEY), Some("Basic a2V5")] {
        let call = Call::new(USERS, users(0..1)).header("x-api-key", None).header("authorization", authorization);
        let received = call.send([]).await;
        received.is_error(401, "unauthorized");
        assert_eq!(received.headers[WWW_AUTHENTICATE], "Bearer");
    }
    // Without the key, unknown paths and methods are not distinguishable.
    let elsewhere = Call { method: Method::GET, ..Call::new("/", String::new()).header("x-api-key", Some("wrong")) };
    elsewhere.send([]).await.is_error(401, "unauthorized");
    let bearer = Call::new(USERS, users(0..1)).header("x-api-key", None);
    let bearer = bearer.header("authorization", Some(&format!("Bearer {KEY}")));
    assert_eq!(bearer.send([accepted()]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn returns_503_until_a_key_is_configured() {
    for environment in [vec![], vec![("GATEWAY_KEY", "")]] {
        for key in [None, Some(""), Some(KEY)] {
            let call = Call::new(USERS, users(0..1)).header("x-api-key", key);
            Call { environment: environment.clone(), ..call }.send([]).await.is_error(503, "keyNotConfigured");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn other_paths_are_not_found_and_other_methods_not_allowed() {
    for path in ["/", "/v1.0/users", "/v2.0/identityProtection/riskyUsers/dismiss", "/auditLogs/signIns/dismiss/"] {
        Call::new(path, users(0..1)).send([]).await.is_error(404, "notFound");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS, Method::HEAD, Method::TRACE] {
        let received = Call { method, ..Call::new(USERS, users(0..1)) }.send([]).await;
        received.is_error(405, "methodNotAllowed");
        assert_eq!(received.headers[ALLOW], "POST");
    }
}

#[tokio::test(start_paused = true)]
async fn other_bodies_are_rejected() {
    for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let call = Call::new(USERS, users(0..1)).header("content-type", content_type);
        call.send([]).await.is_error(415, "unsupportedMediaType");
    }
    let long = "[".repeat(1_000_000);
    for body in
        ["", "{", "null", r#"{"userIds":[]}"#, r#"{"userIds":["x"]}"#, r#"{"requestIds":[]}"#, "\u{feff}{}", &long]
    {
        Call::new(USERS, body.to_owned()).send([]).await.is_error(400, "badRequest");
    }
    let binary = Body { parts: vec![Bytes::from_static(b"{\"userIds\":[\"\xff\"]}")], rest: Rest::End };
    Call::new(USERS, binary).send([]).await.is_error(400, "badRequest");
}

#[tokio::test(start_paused = true)]
async fn a_body_over_one_mebibyte_is_too_large() {
    let announced = Call::new(USERS, String::new()).header("content-length", Some("1048577"));
    announced.send([]).await.is_error(413, "contentTooLarge");
    let chunks = || vec![Bytes::from(vec![b' '; 64 << 10]); 16];
    let chunked = Body { parts: [chunks(), vec![Bytes::from_static(b" ")]].concat(), rest: Rest::End };
    Call::new(USERS, chunked).send([]).await.is_error(413, "contentTooLarge");
    let endless =
        Body { parts: vec![Bytes::from(vec![b' '; 8 << 20])], rest: Rest::Trickle(Box::pin(sleep(Duration::ZERO))) };
    Call::new(USERS, endless).send([]).await.is_error(413, "contentTooLarge");
    let just = Body { parts: chunks(), rest: Rest::End };
    Call::new(USERS, just).send([]).await.is_error(400, "badRequest");
}

#[tokio::test(start_paused = true)]
async fn slow_and_truncated_bodies_are_rejected() {
    let partial = vec![Bytes::from(users(0..3)).slice(..40)];
    let slow = Body { parts: partial.clone(), rest: Rest::Trickle(Box::pin(sleep(Duration::ZERO))) };
    let start = tokio::time::Instant::now();
    Call::new(USERS, slow).send([]).await.is_error(408, "bodyTimeout");
    assert_eq!(start.elapsed().as_secs(), 10);
    let truncated = Body { parts: partial, rest: Rest::Reset };
    Call::new(USERS, truncated).send([]).await.is_error(400, "incompleteBody");
}

#[tokio::test(start_paused = true)]
async fn the_status_depends_on_the_outcomes() {
    let denied = || graph_error(403, &[], "Authorization_RequestDenied", "Insufficient privileges.");
    let throttled = || graph_error(429, &[("retry-after", "400")], "TooManyRequests", "Too many requests.");
    let cases: [(usize, Vec<Behavior>, u16, &str); 8] = [
        (120, vec![accepted(), not_found()], 207, "client-error"),
        (120, vec![not_found(), not_found()], 422, "client-error"),
        (61, vec![not_found(), Behavior::Silence], 207, "deadline-exceeded"),
        (60, vec![denied()], 502, "forbidden"),
        (60, vec![throttled()], 503, "throttled"),
        (60, vec![Behavior::Silence], 504, "deadline-exceeded"),
        (60, vec![respond(200, &[], "<html>Sign in</html>")], 502, "unexpected-status"),
        (60, vec![respond(302, &[("location", "https://a.test")], "")], 502, "unexpected-status"),
    ];
    for (ids, behaviors, status, kind) in cases {
        let call = Call::new(USERS, users(0..ids)).variable("GATEWAY_DEADLINE_MS", "5000");
        let received = call.variable("GATEWAY_ISOLATE_REFUSED", "false").send(behaviors).await;
        assert_eq!((received.status.as_u16(), received.body["cause"]["kind"].as_str()), (status, Some(kind)));
        let counted: u64 = received.body["ids"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
        assert_eq!(counted, ids as u64, "{kind}");
        assert_eq!(received.headers.get(RETRY_AFTER).is_some(), status == 503, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn refused_ids_are_reported_alone_with_their_reasons() {
    for (absent, status) in [(vec![7], 207), (vec![7, 100], 207), ((0..120).collect(), 422)] {
        let ids = absent.iter().map(|number| id(*number).parse().unwrap()).collect();
        let graph = Graph::new(Settings { absent: ids, ..Settings::default() });
        let call = Call::new(USERS, users(0..120)).variable("GATEWAY_DEADLINE_MS", "300000");
        let received = call.send_before(Arc::new(graph)).await;
        assert_eq!(received.status, status, "{}", received.body);
        let refused = received.body["refused"].as_array().unwrap();
        assert_eq!(refused.len(), absent.len(), "{}", received.body);
        for (batch, number) in refused.iter().zip(absent) {
            assert_eq!(batch["ids"], json!([id(number)]));
            assert!(batch["error"]["message"].as_str().unwrap().contains(&id(number)), "{batch}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_token_is_a_503() {
    let received = Call { token: None, ..Call::new(USERS, users(0..1)) }.send([]).await;
    assert_eq!((received.status.as_u16(), &received.body["cause"]["kind"]), (503, &json!("no-token")));
}

#[tokio::test(start_paused = true)]
async fn an_invalid_setting_is_named_without_its_value() {
    let settings = [
        ("GATEWAY_CLOUD", "canary-value"),
        ("GATEWAY_DEADLINE_MS", "canary-value"),
        ("GATEWAY_ENDPOINT", "https://user:canary-value@a.test"),
        ("GATEWAY_AUDIENCE", "http://canary-value.test"),
        ("GATEWAY_PATIENCE_MS", "canary-value"),
        ("GATEWAY_ISOLATE_REFUSED", "canary-value"),
        ("GATEWAY_TENANT", "canary-value with a space"),
    ];
    for (name, value) in settings {
        let received = Call::new(USERS, users(0..1)).variable(name, value).send([]).await;
        received.is_error(500, "misconfigured");
        let text = received.body.to_string();
        assert!(text.contains(name) && !text.contains("canary-value"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn settings_are_passed_to_the_plugin() {
    let call = Call::new(USERS, users(0..1)).variable("GATEWAY_CLOUD", "us-gov-l4");
    let received = call.send([accepted()]).await;
    assert_eq!(received.exchanges[0].request.uri().host(), Some("graph.microsoft.us"));
    let call = Call::new(USERS, users(0..1)).variable("GATEWAY_ENDPOINT", "http://127.0.0.1:8080");
    let call = call.variable("ENTRA_RISK_ENDPOINTS", "http://127.0.0.1:8080");
    let received = call.send([accepted()]).await;
    assert_eq!(received.exchanges[0].request.uri().authority().unwrap(), "127.0.0.1:8080");
    // Patience is never less than two windows.
    let call = Call::new(USERS, users(0..1)).variable("GATEWAY_PATIENCE_MS", "1");
    let received = call.send([graph_error(429, &[("retry-after", "3")], "TooManyRequests", "")]).await;
    assert_eq!(received.body["cause"]["kind"], "throttled");
}

#[test]
fn the_openapi_document_describes_the_four_paths() {
    let paths = document()["paths"].as_object().unwrap();
    let expected: BTreeSet<&str> = PATHS.iter().map(|(path, ..)| *path).collect();
    assert_eq!(paths.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    for (path, field, _) in PATHS {
        let name = paths[path]["post"]["requestBody"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let schema = &document()["components"]["requestBodies"][name]["content"]["application/json"]["schema"];
        let root = json!({ "allOf": [schema], "components": document()["components"] });
        let validator = jsonschema::validator_for(&root).unwrap();
        assert!(validator.is_valid(&json!({ field: [id(1)] })), "{path}");
        for wrong in [json!({ field: [] }), json!({ field: [1] }), json!({}), json!({ field: [id(1)], "a": 1 })] {
            assert!(!validator.is_valid(&wrong), "{path}: {wrong}");
        }
    }
}

#[test]
fn imports_are_those_of_the_worlds() {
    let expected = [
        "wasi:cli/environment@0.2.2",
        "wasi:clocks/monotonic-clock@0.2.2",
        "wasi:http/outgoing-handler@0.2.2",
        "wasi:http/types@0.2.2",
        "wasi:io/error@0.2.2",
        "wasi:io/poll@0.2.2",
        "wasi:io/streams@0.2.2",
        "wasi:random/random@0.2.2",
    ];
    assert_eq!(imports("entra-risk-gateway"), expected);
}
