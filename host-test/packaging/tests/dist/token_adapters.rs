//! The token adapters: their imports, and the tokens and errors they return for an environment and for the responses of
//! a token endpoint.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use graph_model::{Behavior, Reply, Request, TransportError};
use host_test::bindings::credentials::{Credential, TokenError, TokenRequest};
use host_test::host::{Exchange, Host, Outbound};
use host_test::plugin::canary;
use host_test::script::{Script, accepted, respond, response};
use wasmtime::Store;
use wasmtime::component::{Linker, TypedFunc};
use wasmtime_wasi::WasiCtx;

use crate::compositions::{component, imports, plugin_with};

const ENV_TOKEN: &str = "entra-risk-env-token";
const CLIENT_CREDENTIALS: &str = "entra-risk-client-credentials";

const SECRET: &str = "canary-7d1c+/=&";
const AUDIENCE: &str = "https://graph.microsoft.com";
const ENVIRONMENT: &[(&str, &str)] =
    &[("AZURE_TENANT_ID", "contoso.com"), ("AZURE_CLIENT_ID", "app"), ("AZURE_CLIENT_SECRET", SECRET)];

/// An adapter in its own host.
pub(crate) struct Adapter {
    store: Store<Host>,
    get_token: TypedFunc<(TokenRequest,), (Result<Credential, TokenError>,)>,
}

impl Adapter {
    async fn start(name: &str, environment: &[(&str, &str)], script: Arc<Script>) -> Adapter {
        let host = Host::with(WasiCtx::builder().envs(environment), Outbound::InProcess(script), canary(), 0);
        Adapter::start_in(host, name, |_| {}).await
    }

    /// Starts client-credentials in a host that is changed, with replacements for functions of WASI.
    pub(crate) async fn start_changed(
        script: Arc<Script>,
        change: impl FnOnce(Host) -> Host,
        replace: impl FnOnce(&mut Linker<Host>),
    ) -> Adapter {
        let host = Host::with(WasiCtx::builder().envs(ENVIRONMENT), Outbound::InProcess(script), canary(), 0);
        Adapter::start_in(change(host), CLIENT_CREDENTIALS, replace).await
    }

    async fn start_in(host: Host, name: &str, replace: impl FnOnce(&mut Linker<Host>)) -> Adapter {
        let component = component(name);
        let engine = component.engine();
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).unwrap();
        replace(&mut linker);
        let mut store = Store::new(engine, host);
        let instance = linker.instantiate_async(&mut store, component).await.unwrap();
        let interface = instance.get_export_index(&mut store, None, "entra:risk/credentials@0.1.0").unwrap();
        let function = instance.get_export_index(&mut store, Some(&interface), "get-token").unwrap();
        let get_token = instance.get_typed_func(&mut store, function).unwrap();
        Adapter { store, get_token }
    }

    /// Requests a token. Returns the token, or the error as `unavailable: ` or `denied: ` with its message, which must
    /// not contain the secret.
    pub(crate) async fn token(&mut self, refresh: bool, claims: Option<&str>) -> Result<String, String> {
        let [audience, endpoint] = [AUDIENCE; 2].map(str::to_owned);
        let request = TokenRequest { tenant: None, audience, endpoint, refresh, claims: claims.map(Into::into) };
        self.get(request).await
    }

    async fn get(&mut self, request: TokenRequest) -> Result<String, String> {
        let (result,) = self.get_token.call_async(&mut self.store, (request,)).await.expect("no trap");
        let result = match result {
            Ok(Credential::Bearer(token)) => Ok(token),
            Ok(Credential::AttachedByHost) => panic!("attached by the host"),
            Err(TokenError::Unavailable(why)) => Err(format!("unavailable: {why}")),
            Err(TokenError::Denied(why)) => Err(format!("denied: {why}")),
            Err(TokenError::Cancelled) => panic!("cancelled"),
        };
        assert!(!format!("{result:?}").contains("canary"), "{result:?}");
        result
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.store.data().exchanges().into_iter().map(|exchange| exchange.request).collect()
    }
}

async fn client_credentials(replies: impl IntoIterator<Item = Reply>) -> Adapter {
    Adapter::start(CLIENT_CREDENTIALS, ENVIRONMENT, Script::new(replies)).await
}

pub(crate) fn token_reply(value: &str, expires_in: u32) -> Reply {
    let body = format!(r#"{{"token_type":"Bearer","expires_in":{expires_in},"access_token":"{value}"}}"#);
    Reply::at_once(respond(200, &[("content-type", "application/json")], body))
}

#[test]
fn imports_are_those_of_the_worlds() {
    assert_eq!(imports(ENV_TOKEN), ["wasi:cli/environment@0.2.2"]);
    let expected = [
        "wasi:cli/environment@0.2.2",
        "wasi:clocks/monotonic-clock@0.2.2",
        "wasi:http/outgoing-handler@0.2.2",
        "wasi:http/types@0.2.2",
        "wasi:io/error@0.2.2",
        "wasi:io/poll@0.2.2",
        "wasi:io/streams@0.2.2",
    ];
    assert_eq!(imports(CLIENT_CREDENTIALS), expected);
}

#[tokio::test]
async fn env_token_returns_the_variable() {
    let mut adapter = Adapter::start(ENV_TOKEN, &[("GRAPH_TOKEN", "a.b.c")], Script::new([])).await;
    assert_eq!(adapter.token(false, None).await.as_deref(), Ok("a.b.c"));
    assert!(adapter.token(true, None).await.unwrap_err().starts_with("denied: Microsoft Graph rejected"));
    let mut adapter = Adapter::start(ENV_TOKEN, &[], Script::new([])).await;
    assert!(adapter.token(false, None).await.unwrap_err().starts_with("denied: GRAPH_TOKEN is not set"));
}

#[tokio::test(start_paused = true)]
async fn the_first_token_request_is_as_documented() {
    let mut adapter = client_credentials([token_reply("a", 3599)]).await;
    assert_eq!(adapter.token(false, None).await.as_deref(), Ok("a"));
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
async fn each_tenant_and_audience_has_its_own_token() {
    let mut adapter = client_credentials(["a", "b", "c"].map(|value| token_reply(value, 3600))).await;
    let request = |tenant: Option<&str>, audience: &str| TokenRequest {
        tenant: tenant.map(str::to_owned),
        audience: audience.to_owned(),
        endpoint: audience.to_owned(),
        refresh: false,
        claims: None,
    };
    for _ in 0..2 {
        assert_eq!(adapter.get(request(None, AUDIENCE)).await.as_deref(), Ok("a"));
        assert_eq!(adapter.get(request(Some("fabrikam.com"), AUDIENCE)).await.as_deref(), Ok("b"));
        assert_eq!(adapter.get(request(None, "https://graph.microsoft.us")).await.as_deref(), Ok("c"));
    }
    let urls: Vec<String> = adapter.requests().iter().map(|request| request.uri().to_string()).collect();
    let expected = [
        "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token",
        "https://login.microsoftonline.com/fabrikam.com/oauth2/v2.0/token",
        "https://login.microsoftonline.us/contoso.com/oauth2/v2.0/token",
    ];
    assert_eq!(urls, expected);
    let unknown = adapter.get(request(None, "https://graph.example")).await.unwrap_err();
    assert!(unknown.starts_with("denied: no token endpoint is known for this audience"), "{unknown}");
}

#[tokio::test(start_paused = true)]
async fn an_assertion_replaces_the_secret() {
    let environment = [&ENVIRONMENT[..2], &[("AZURE_FEDERATED_TOKEN", "canary.jwt")]].concat();
    let mut adapter = Adapter::start(CLIENT_CREDENTIALS, &environment, Script::new([token_reply("a", 3599)])).await;
    assert_eq!(adapter.token(false, None).await.as_deref(), Ok("a"));
    let body = String::from_utf8_lossy(adapter.requests()[0].body()).into_owned();
    let assertion = "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
                     &client_assertion=canary.jwt";
    assert!(body.ends_with(assertion), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_actions_share_one_token_request() {
    let behaviors = (0..100).map(|_| Reply::at_once(accepted()));
    let script = Script::new([token_reply("a", 3600)].into_iter().chain(behaviors));
    let host = Host::with(WasiCtx::builder().envs(ENVIRONMENT), Outbound::InProcess(script), canary(), 0);
    let plugin = plugin_with(CLIENT_CREDENTIALS);
    let mut store = Store::new(plugin.engine(), host);
    let plugin = plugin.instantiate_async(&mut store).await.unwrap();
    let ids = ["8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11".to_owned()];
    for _ in 0..100 {
        let result = plugin.entra_risk_actions().call_dismiss_risky_users(&mut store, &ids, None).await.unwrap();
        assert!(result.is_ok(), "{result:?}");
    }
    let exchanges = store.data().exchanges();
    let to_graph =
        |exchange: &&Exchange| exchange.request.headers().get("authorization").is_some_and(|it| it == "Bearer a");
    assert_eq!((exchanges.len(), exchanges.iter().filter(to_graph).count()), (101, 100));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_cached_until_shortly_before_it_expires() {
    let mut adapter = client_credentials([token_reply("a", 3600), token_reply("b", 3600)]).await;
    assert_eq!(adapter.token(false, None).await.as_deref(), Ok("a"));
    tokio::time::advance(Duration::from_secs(3299)).await;
    assert_eq!(adapter.token(false, None).await.as_deref(), Ok("a"));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(adapter.token(false, None).await.as_deref(), Ok("b"));
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_is_replaced_with_the_requested_claims() {
    let mut adapter = client_credentials([token_reply("a", 3600), token_reply("b", 3600)]).await;
    assert_eq!(adapter.token(false, None).await.as_deref(), Ok("a"));
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
    assert_eq!(adapter.token(true, Some(claims)).await.as_deref(), Ok("b"));
    assert_eq!(adapter.token(false, None).await.as_deref(), Ok("b"));
    let body = String::from_utf8_lossy(adapter.requests()[1].body()).into_owned();
    let merged = "%22nbf%22%3A%7B%22essential%22%3Atrue%2C%22value%22%3A%221%22%7D%2C%22xms_cc%22";
    assert!(body.contains(merged), "{body}");
}

#[tokio::test(start_paused = true)]
async fn transient_errors_are_unavailable_and_others_denied() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(127), "}".repeat(127));
    let wrong_secret = r#"{"error":"invalid_client","error_codes":[7000215],"error_description":"canary"}"#;
    let huge = Bytes::from(vec![b'a'; 200_000]);
    let cases: Vec<(Behavior, &str)> = vec![
        (
            respond(401, &[], wrong_secret),
            "denied: login.microsoftonline.com returned 401 invalid_client AADSTS7000215",
        ),
        (respond(400, &[], ""), "denied: login.microsoftonline.com returned 400: check AZURE_TENANT_ID"),
        (respond(302, &[("location", "https://a.test")], ""), "denied: login.microsoftonline.com returned 302, a redi"),
        (respond(429, &[], ""), "unavailable: login.microsoftonline.com returned 429"),
        (respond(500, &[], "canary"), "unavailable: login.microsoftonline.com returned 500"),
        (respond(200, &[], "<html>canary"), "unavailable: login.microsoftonline.com returned 200 without a usable"),
        (respond(200, &[], deep), "unavailable: login.microsoftonline.com returned 200 without a usable"),
        (
            respond(200, &[], "[".repeat(100_000)),
            "unavailable: login.microsoftonline.com returned 200 without a usable",
        ),
        (respond(200, &[], huge.clone()), "unavailable: the response from login.microsoftonline.com is too large"),
        (
            Behavior::Endless(response(200, &[], huge)),
            "unavailable: the response from login.microsoftonline.com is too large",
        ),
        (Behavior::Stalled(response(200, &[], "{")), "unavailable: no response from login.microsoftonline.com in 30 s"),
        (
            Behavior::Truncated(response(200, &[], "{")),
            "unavailable: no response from login.microsoftonline.com (connection f",
        ),
        (Behavior::Silence, "unavailable: no response from login.microsoftonline.com in 30 s"),
        (Behavior::Reset, "unavailable: no response from login.microsoftonline.com (connection failed)"),
        (
            Behavior::Failed(TransportError::ConnectionRefused),
            "unavailable: no response from login.microsoftonline.com (connection refused)",
        ),
        (
            Behavior::Failed(TransportError::HttpRequestDenied),
            "denied: the host's policy for outbound requests denies requests to login.microsoftonline.com",
        ),
        (Behavior::Failed(TransportError::TlsCertificateError), "denied: the host does not trust the certificate of"),
    ];
    for (behavior, expected) in cases {
        let mut adapter = client_credentials([Reply::at_once(behavior), token_reply("a", 3599)]).await;
        let why = adapter.token(false, None).await.unwrap_err();
        assert!(why.starts_with(expected), "{why}");
        // The failure does not affect the next call.
        assert_eq!(adapter.token(false, None).await.as_deref(), Ok("a"), "after {why}");
    }
}

#[tokio::test]
async fn without_configuration_no_request_is_sent() {
    let mut adapter = Adapter::start(CLIENT_CREDENTIALS, &[], Script::new([])).await;
    let why = adapter.token(false, None).await.unwrap_err();
    assert!(why.starts_with("denied: AZURE_TENANT_ID is not set"), "{why}");
}
