//! The token adapters: their imports, the requests for an application with a secret or an
//! assertion, and the cache.

use std::time::Duration;

use graph_model::Reply;
use host_test::bindings::actions::{Error, ErrorKind, Failure};
use host_test::bindings::credentials::TokenRequest;
use host_test::host::RecordedExchange;
use host_test::script::{Script, accepted, respond};
use packaging::workspace;
use wit_parser::{Resolve, WorldItem};

use crate::compositions::imports;
use crate::token_adapter::{Acting, Adapter, DEFAULT_CREDENTIAL, ENV_TOKEN, ENVIRONMENT, GRAPH, request, token_reply};

#[test]
fn imports_are_exact() {
    assert_eq!(imports(ENV_TOKEN), ["wasi:cli/environment@0.2.2"]);
    let expected = [
        "wasi:cli/environment@0.2.2",
        "wasi:clocks/monotonic-clock@0.2.2",
        // The type of a time, which a description of a file contains.
        "wasi:clocks/wall-clock@0.2.2",
        "wasi:filesystem/preopens@0.2.2",
        "wasi:filesystem/types@0.2.2",
        "wasi:http/outgoing-handler@0.2.2",
        "wasi:http/types@0.2.2",
        "wasi:io/error@0.2.2",
        "wasi:io/poll@0.2.2",
        "wasi:io/streams@0.2.2",
    ];
    assert_eq!(imports(DEFAULT_CREDENTIAL), expected);
}

/// The WIT of each adapter documents its imports; the component is not generated from it.
#[test]
fn imports_are_those_of_the_documented_worlds() {
    for name in [ENV_TOKEN, DEFAULT_CREDENTIAL] {
        let folder = name.trim_start_matches("entra-risk-");
        let mut resolve = Resolve::default();
        resolve.push_path(workspace().join("wit")).unwrap();
        let (package, _) = resolve.push_path(workspace().join("adapters").join(folder).join("wit")).unwrap();
        let world = resolve.select_world(&[package], Some(folder)).unwrap();
        let world = &resolve.worlds[world];
        let documented: Vec<String> = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
        for import in imports(name) {
            assert!(documented.contains(&import), "{name} imports {import}");
        }
        let is_documented = |item: &WorldItem| matches!(item, WorldItem::Interface { .. });
        assert!(world.exports.values().all(is_documented) && world.exports.len() == 1, "{name}");
    }
}

#[tokio::test]
async fn env_token_returns_the_variable() {
    let mut adapter = Adapter::start(ENV_TOKEN, &[("GRAPH_TOKEN", "a.b.c")], Script::new([])).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a.b.c"));
    assert!(adapter.fresh_token(None).await.unwrap_err().starts_with("denied: Microsoft Graph rejected"));
    let mut adapter = Adapter::start(ENV_TOKEN, &[], Script::new([])).await;
    assert!(adapter.token().await.unwrap_err().starts_with("denied: GRAPH_TOKEN is not set"));
}

#[tokio::test(start_paused = true)]
async fn the_first_token_request_is_as_documented() {
    let mut adapter = Adapter::client_secret([token_reply("a", 3599)]).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
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
    let environment = [ENVIRONMENT, &[("ENTRA_RISK_ALLOWED_ENDPOINTS", "https://graph.example")]].concat();
    let script = Script::new(["a", "b", "c"].map(|value| token_reply(value, 3600)));
    let mut adapter = Adapter::start(DEFAULT_CREDENTIAL, &environment, script).await;
    let with = |tenant: Option<&str>, audience: &str| TokenRequest {
        tenant: tenant.map(str::to_owned),
        audience: audience.to_owned(),
        endpoint: audience.to_owned(),
        ..request()
    };
    for _ in 0..2 {
        assert_eq!(adapter.get(with(None, GRAPH)).await.as_deref(), Ok("a"));
        assert_eq!(adapter.get(with(Some("fabrikam.com"), GRAPH)).await.as_deref(), Ok("b"));
        assert_eq!(adapter.get(with(None, "https://graph.microsoft.us")).await.as_deref(), Ok("c"));
    }
    let urls: Vec<String> = adapter.requests().iter().map(|request| request.uri().to_string()).collect();
    let expected = [
        "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token",
        "https://login.microsoftonline.com/fabrikam.com/oauth2/v2.0/token",
        "https://login.microsoftonline.us/contoso.com/oauth2/v2.0/token",
    ];
    assert_eq!(urls, expected);
    let unknown = adapter.get(with(None, "https://graph.example")).await.unwrap_err();
    assert!(unknown.starts_with("denied: client-secret: no token endpoint is known for this audience"), "{unknown}");
}

#[tokio::test(start_paused = true)]
async fn an_assertion_replaces_the_secret() {
    let environment = [&ENVIRONMENT[..2], &[("AZURE_FEDERATED_TOKEN", "canary.jwt")]].concat();
    let mut adapter = Adapter::start(DEFAULT_CREDENTIAL, &environment, Script::new([token_reply("a", 3599)])).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    let body = String::from_utf8_lossy(adapter.requests()[0].body()).into_owned();
    let assertion = "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
                     &client_assertion=canary.jwt";
    assert!(body.ends_with(assertion), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_actions_share_one_token_request() {
    let behaviors = (0..100).map(|_| Reply::at_once(accepted()));
    let script = Script::new([token_reply("a", 3600)].into_iter().chain(behaviors));
    let mut acting = Acting::start(script).await;
    for _ in 0..100 {
        let result = acting.dismiss().await;
        assert!(result.is_ok(), "{result:?}");
    }
    let exchanges = acting.exchanges();
    let to_graph = |exchange: &&RecordedExchange| {
        exchange.request.headers().get("authorization").is_some_and(|it| it == "Bearer a")
    };
    assert_eq!((exchanges.len(), exchanges.iter().filter(to_graph).count()), (101, 100));
}

/// The plugin cuts texts to 128 bytes: what to do must be within them.
#[tokio::test(start_paused = true)]
async fn the_plugin_reports_what_to_do() {
    let body = r#"{"error":"invalid_client","error_codes":[7000215],"error_description":"canary"}"#;
    let script = Script::new([Reply::at_once(respond(401, &[], body))]);
    let mut acting = Acting::start(script).await;
    let result = acting.dismiss().await;
    let Err(Failure { cause: Error { kind: ErrorKind::NoToken, message: why, .. }, .. }) = result else {
        panic!("{result:?}");
    };
    let expected = "AZURE_CLIENT_SECRET is wrong: set it to the secret's value, not its id (AADSTS7000215, ";
    assert!(why.contains(expected), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_cached_until_shortly_before_it_expires() {
    let mut adapter = Adapter::client_secret([token_reply("a", 3600), token_reply("b", 3600)]).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    tokio::time::advance(Duration::from_secs(3299)).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("b"));
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_is_replaced_with_the_requested_claims() {
    let mut adapter = Adapter::client_secret([token_reply("a", 3600), token_reply("b", 3600)]).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
    assert_eq!(adapter.fresh_token(Some(claims)).await.as_deref(), Ok("b"));
    assert_eq!(adapter.token().await.as_deref(), Ok("b"));
    let body = String::from_utf8_lossy(adapter.requests()[1].body()).into_owned();
    let merged = "%22nbf%22%3A%7B%22essential%22%3Atrue%2C%22value%22%3A%221%22%7D%2C%22xms_cc%22";
    assert!(body.contains(merged), "{body}");
}
