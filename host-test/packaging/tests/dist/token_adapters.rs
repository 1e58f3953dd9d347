//! The token adapters as components: what they ask of their host, and what they make of an environment and of a token
//! endpoint's answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use host_test::bindings::credentials::{Credential, TokenError, TokenRequest};
use host_test::dist::{CLIENT_CREDENTIALS, ENV_TOKEN};
use host_test::exchange::{Fate, Reply, Request};
use host_test::front;
use host_test::host::{Exchange, Host, Way};
use host_test::plugin::canary;
use host_test::script::{Script, accepted, answer, response};
use wasmtime::component::{Component, Linker, TypedFunc};
use wasmtime::{Engine, Store};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

const SECRET: &str = "canary-7d1c+/=&";
const AUDIENCE: &str = "https://graph.microsoft.com";
const ENVIRONMENT: &[(&str, &str)] =
    &[("AZURE_TENANT_ID", "contoso.com"), ("AZURE_CLIENT_ID", "app"), ("AZURE_CLIENT_SECRET", SECRET)];

/// An adapter in a host of its own.
struct Adapter {
    store: Store<Host>,
    get_token: TypedFunc<(TokenRequest,), (Result<Credential, TokenError>,)>,
}

impl Adapter {
    async fn start(file: &str, environment: &[(&str, &str)], script: Arc<Script>) -> Adapter {
        let engine = Engine::default();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).unwrap();
        let host = Host::with(WasiCtx::builder().envs(environment), Way::Stub(script), canary(), 0);
        let mut store = Store::new(&engine, host);
        let component = Component::from_file(&engine, file).unwrap();
        let instance = linker.instantiate_async(&mut store, &component).await.unwrap();
        let interface = instance.get_export_index(&mut store, None, "entra:risk/credentials@0.1.0").unwrap();
        let function = instance.get_export_index(&mut store, Some(&interface), "get-token").unwrap();
        let get_token = instance.get_typed_func(&mut store, function).unwrap();
        Adapter { store, get_token }
    }

    /// Asks for a token: the token, or `unavailable: ` or `denied: ` and why, which never holds the secret.
    async fn ask(&mut self, refresh: bool, claims: Option<&str>) -> Result<String, String> {
        let request = TokenRequest { audience: AUDIENCE.into(), refresh, claims: claims.map(Into::into) };
        let (answer,) = self.get_token.call_async(&mut self.store, (request,)).await.expect("no trap");
        let answer = match answer {
            Ok(Credential::Bearer(token)) => Ok(token),
            Ok(Credential::AttachedByHost) => panic!("attached by the host"),
            Err(TokenError::Unavailable(why)) => Err(format!("unavailable: {why}")),
            Err(TokenError::Denied(why)) => Err(format!("denied: {why}")),
        };
        assert!(!format!("{answer:?}").contains("canary"), "{answer:?}");
        answer
    }

    fn requests(&self) -> Vec<Request> {
        self.store.data().exchanges().into_iter().map(|exchange| exchange.request).collect()
    }
}

async fn client_credentials(replies: impl IntoIterator<Item = Reply>) -> Adapter {
    Adapter::start(CLIENT_CREDENTIALS, ENVIRONMENT, Script::new(replies)).await
}

fn token(value: &str, expires_in: u32) -> Reply {
    let body = format!(r#"{{"token_type":"Bearer","expires_in":{expires_in},"access_token":"{value}"}}"#);
    Reply::at_once(answer(200, &[("content-type", "application/json")], body))
}

#[test]
fn each_asks_for_what_its_world_names_and_no_more() {
    assert_eq!(front::imports(ENV_TOKEN), ["wasi:cli/environment@0.2.2"]);
    let mut imports = front::imports(CLIENT_CREDENTIALS);
    imports.sort();
    let expected = [
        "wasi:cli/environment@0.2.2",
        "wasi:clocks/monotonic-clock@0.2.2",
        "wasi:http/outgoing-handler@0.2.2",
        "wasi:http/types@0.2.2",
        "wasi:io/error@0.2.2",
        "wasi:io/poll@0.2.2",
        "wasi:io/streams@0.2.2",
    ];
    assert_eq!(imports, expected);
}

#[tokio::test]
async fn the_environment_gives_its_token_once_it_is_set() {
    let mut adapter = Adapter::start(ENV_TOKEN, &[("GRAPH_TOKEN", "a.b.c")], Script::new([])).await;
    assert_eq!(adapter.ask(false, None).await.as_deref(), Ok("a.b.c"));
    assert!(adapter.ask(true, None).await.unwrap_err().starts_with("denied: Microsoft Graph refused"));
    let mut adapter = Adapter::start(ENV_TOKEN, &[], Script::new([])).await;
    assert!(adapter.ask(false, None).await.unwrap_err().starts_with("denied: GRAPH_TOKEN is not set"));
}

#[tokio::test(start_paused = true)]
async fn the_first_token_is_asked_for_as_documented() {
    let mut adapter = client_credentials([token("a", 3599)]).await;
    assert_eq!(adapter.ask(false, None).await.as_deref(), Ok("a"));
    let [request] = adapter.requests().try_into().unwrap();
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri(), "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token");
    assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(request.headers()["content-length"], request.body().len().to_string());
    assert_eq!(
        String::from_utf8_lossy(request.body()),
        "client_id=app&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&grant_type=client_credentials\
         &claims=%7B%22access_token%22%3A%7B%22xms_cc%22%3A%7B%22values%22%3A%5B%22cp1%22%5D%7D%7D%7D\
         &client_secret=canary-7d1c%2B%2F%3D%26"
    );
}

#[tokio::test(start_paused = true)]
async fn an_assertion_stands_for_the_secret() {
    let environment = [&ENVIRONMENT[..2], &[("AZURE_FEDERATED_TOKEN", "canary.jwt")]].concat();
    let mut adapter = Adapter::start(CLIENT_CREDENTIALS, &environment, Script::new([token("a", 3599)])).await;
    assert_eq!(adapter.ask(false, None).await.as_deref(), Ok("a"));
    let body = String::from_utf8_lossy(adapter.requests()[0].body()).into_owned();
    let assertion = "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
                     &client_assertion=canary.jwt";
    assert!(body.ends_with(assertion), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_actions_take_one_token_request() {
    let fates = (0..100).map(|_| Reply::at_once(accepted()));
    let script = Script::new([token("a", 3600)].into_iter().chain(fates));
    let host = Host::with(WasiCtx::builder().envs(ENVIRONMENT), Way::Stub(script), canary(), 0);
    let plugin = front::plugin_with(CLIENT_CREDENTIALS);
    let mut store = Store::new(plugin.engine(), host);
    let plugin = plugin.instantiate_async(&mut store).await.unwrap();
    let ids = ["8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11".to_owned()];
    for _ in 0..100 {
        let said = plugin.entra_risk_actions().call_dismiss_risky_users(&mut store, &ids, None).await.unwrap();
        assert!(said.is_ok(), "{said:?}");
    }
    let exchanges = store.data().exchanges();
    let to_graph =
        |exchange: &&Exchange| exchange.request.headers().get("authorization").is_some_and(|it| it == "Bearer a");
    assert_eq!((exchanges.len(), exchanges.iter().filter(to_graph).count()), (101, 100));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_kept_until_it_is_about_to_expire() {
    let mut adapter = client_credentials([token("a", 3600), token("b", 3600)]).await;
    assert_eq!(adapter.ask(false, None).await.as_deref(), Ok("a"));
    tokio::time::advance(Duration::from_secs(3299)).await;
    assert_eq!(adapter.ask(false, None).await.as_deref(), Ok("a"));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(adapter.ask(false, None).await.as_deref(), Ok("b"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_replaced_with_the_claims_asked_for() {
    let mut adapter = client_credentials([token("a", 3600), token("b", 3600)]).await;
    assert_eq!(adapter.ask(false, None).await.as_deref(), Ok("a"));
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
    assert_eq!(adapter.ask(true, Some(claims)).await.as_deref(), Ok("b"));
    assert_eq!(adapter.ask(false, None).await.as_deref(), Ok("b"));
    let body = String::from_utf8_lossy(adapter.requests()[1].body()).into_owned();
    let merged = "%22nbf%22%3A%7B%22essential%22%3Atrue%2C%22value%22%3A%221%22%7D%2C%22xms_cc%22";
    assert!(body.contains(merged), "{body}");
}

#[tokio::test(start_paused = true)]
async fn errors_that_pass_are_told_from_errors_that_stay() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(127), "}".repeat(127));
    let wrong_secret = r#"{"error":"invalid_client","error_codes":[7000215],"error_description":"canary"}"#;
    let huge = Bytes::from(vec![b'a'; 200_000]);
    let cases: Vec<(Fate, &str)> = vec![
        (answer(401, &[], wrong_secret), "denied: login.microsoftonline.com answered 401 invalid_client AADSTS7000215"),
        (answer(400, &[], ""), "denied: login.microsoftonline.com answered 400: check AZURE_TENANT_ID"),
        (answer(302, &[("location", "https://a.test")], ""), "denied: login.microsoftonline.com answered 302, a redi"),
        (answer(429, &[], ""), "unavailable: login.microsoftonline.com answered 429"),
        (answer(500, &[], "canary"), "unavailable: login.microsoftonline.com answered 500"),
        (answer(200, &[], "<html>canary"), "unavailable: login.microsoftonline.com answered 200 without a usable"),
        (answer(200, &[], deep), "unavailable: login.microsoftonline.com answered 200 without a usable"),
        (answer(200, &[], "[".repeat(100_000)), "unavailable: login.microsoftonline.com answered 200 without a usable"),
        (answer(200, &[], huge.clone()), "unavailable: login.microsoftonline.com answered more than any token"),
        (Fate::Endless(response(200, &[], huge)), "unavailable: login.microsoftonline.com answered more than any"),
        (Fate::Stalled(response(200, &[], "{")), "unavailable: no answer from login.microsoftonline.com in 30 s"),
        (Fate::Truncated(response(200, &[], "{")), "unavailable: no answer from login.microsoftonline.com (the conn"),
        (Fate::Silence, "unavailable: no answer from login.microsoftonline.com in 30 s"),
        (Fate::Reset, "unavailable: no answer from login.microsoftonline.com (the connection broke)"),
        (Fate::Failed(ErrorCode::ConnectionRefused), "unavailable: no answer from login.microsoftonline.com (connect"),
        (Fate::Failed(ErrorCode::HttpRequestDenied), "denied: the host's policy for outbound requests refuses"),
        (Fate::Failed(ErrorCode::TlsCertificateError), "denied: login.microsoftonline.com has no certificate"),
    ];
    for (fate, expected) in cases {
        let mut adapter = client_credentials([Reply::at_once(fate), token("a", 3599)]).await;
        let why = adapter.ask(false, None).await.unwrap_err();
        assert!(why.starts_with(expected), "{why}");
        // Nothing is left behind that would stand in the way of the next call.
        assert_eq!(adapter.ask(false, None).await.as_deref(), Ok("a"), "after {why}");
    }
}

#[tokio::test]
async fn without_configuration_nothing_is_sent() {
    let mut adapter = Adapter::start(CLIENT_CREDENTIALS, &[], Script::new([])).await;
    let why = adapter.ask(false, None).await.unwrap_err();
    assert!(why.starts_with("denied: AZURE_TENANT_ID is not set"), "{why}");
}
