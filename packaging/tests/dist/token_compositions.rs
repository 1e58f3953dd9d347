//! The command and the gateway with each credential: one id is dismissed with its token, and none
//! is sent to an endpoint that is not listed.

use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use graph_model::{Reply, Request};
use host_test::host::{Host, Outbound, RecordedExchange};
use host_test::plugin::canary;
use host_test::script::{Script, accepted};
use http_body_util::{BodyExt, Full};
use tempfile::TempDir;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxBuilder};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{Error, WasiHttpView};

use crate::compositions::{command, gateway};
use crate::token_adapter::{ENVIRONMENT, token_reply};

const USER: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11";
const KEY: &str = "a-key-of-the-gateway-with-32-bytes";

/// What an operator configures.
struct Configured {
    variables: &'static [(&'static str, &'static str)],
    /// Where tokens are requested.
    issuer: Option<&'static str>,
}

const CREDENTIALS: [Configured; 5] = [
    Configured { variables: &[("GRAPH_TOKEN", "a")], issuer: None },
    Configured { variables: ENVIRONMENT, issuer: Some("login.microsoftonline.com") },
    Configured {
        variables: &[
            ("AZURE_TENANT_ID", "contoso.com"),
            ("AZURE_CLIENT_ID", "app"),
            ("AZURE_FEDERATED_TOKEN_FILE", "/tokens/assertion"),
        ],
        issuer: Some("login.microsoftonline.com"),
    },
    Configured {
        variables: &[("IDENTITY_ENDPOINT", "http://localhost:42356/msi/token"), ("IDENTITY_HEADER", "canary-853b9a84")],
        issuer: Some("localhost"),
    },
    Configured { variables: &[("ENTRA_RISK_CREDENTIAL", "managed-identity")], issuer: Some("169.254.169.254") },
];

/// The environment and the files of a credential.
fn wasi(variables: &[(&str, &str)]) -> (WasiCtxBuilder, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("assertion"), "canary.jwt").unwrap();
    let mut wasi = WasiCtx::builder();
    wasi.envs(variables).preopened_dir(folder.path(), "/tokens", FsPerms::ReadOnly).unwrap();
    (wasi, folder)
}

/// Runs the command. Returns whether every id was accepted, and what was sent.
async fn run_command(wasi: &mut WasiCtxBuilder, endpoint: &str, script: Arc<Script>) -> (bool, Vec<RecordedExchange>) {
    wasi.args(&["entra-risk", "dismiss-risky-users", USER, "--endpoint", endpoint]);
    let command = command();
    let mut store = Store::new(command.engine(), Host::with(wasi, Outbound::InProcess(script), canary(), 1));
    let command = CommandPre::new(command.clone()).unwrap().instantiate_async(&mut store).await.unwrap();
    let accepted = match command.wasi_cli_run().call_run(&mut store).await {
        Ok(result) => result.is_ok(),
        Err(error) => error.downcast_ref::<I32Exit>().expect("the command trapped").0 == 0,
    };
    (accepted, store.data().exchanges())
}

/// Sends a request to the gateway. Returns whether every id was accepted, and what was sent.
async fn run_gateway(wasi: &mut WasiCtxBuilder, endpoint: &str, script: Arc<Script>) -> (bool, Vec<RecordedExchange>) {
    wasi.env("GATEWAY_KEY", KEY).env("ENTRA_RISK_ENDPOINT", endpoint);
    let gateway = gateway();
    let mut store = Store::new(gateway.engine(), Host::with(wasi, Outbound::InProcess(script), canary(), 1));
    let body = Full::new(Bytes::from(format!(r#"{{"userIds":["{USER}"]}}"#))).map_err(|never| match never {});
    let request = http::Request::post("http://gateway.test/identityProtection/riskyUsers/dismiss")
        .header("x-api-key", KEY)
        .header("content-type", "application/json")
        .body(body.map_err(|error: Error| error))
        .unwrap();
    let (sender, receiver) = oneshot::channel();
    let request = store.data_mut().http().new_incoming_request(Scheme::Http, request).unwrap();
    let out = store.data_mut().http().new_response_outparam(sender).unwrap();
    let gateway = ProxyPre::new(gateway.clone()).unwrap().instantiate_async(&mut store).await.unwrap();
    let handled = gateway.wasi_http_incoming_handler().call_handle(&mut store, request, out);
    let received = async {
        let (head, body) = receiver.await.expect("a response").expect("no error").into_parts();
        drop(body.collect().await.expect("a whole body"));
        head.status == 200
    };
    let (handled, accepted) = tokio::join!(handled, received);
    handled.expect("the gateway trapped");
    (accepted, store.data().exchanges())
}

/// Runs both apps with each credential.
async fn run_each(endpoint: &str, listed: Option<&str>, check: impl Fn(&str, Option<&str>, bool, &[Request])) {
    let is_allowed = endpoint == "https://graph.microsoft.com" || listed.is_some();
    for Configured { variables, issuer } in CREDENTIALS {
        for app in ["entra-risk-cli", "entra-risk-gateway"] {
            let name = format!("{app} with {}", variables[0].0);
            let (mut wasi, _folder) = wasi(variables);
            if let Some(listed) = listed {
                wasi.env("ENTRA_RISK_ALLOWED_ENDPOINTS", listed);
            }
            let token = issuer.map(|_| token_reply("a", 3600));
            let replies = token.into_iter().chain([Reply::at_once(accepted())]);
            let script = Script::new(replies.take(if is_allowed { 2 } else { 0 }));
            let (accepted, exchanges) = match app {
                "entra-risk-cli" => run_command(&mut wasi, endpoint, script).await,
                _ => run_gateway(&mut wasi, endpoint, script).await,
            };
            let requests: Vec<Request> = exchanges.into_iter().map(|exchange| exchange.request).collect();
            check(&name, issuer, accepted, &requests);
        }
    }
}

fn goes_through(endpoint: &str) -> impl Fn(&str, Option<&str>, bool, &[Request]) {
    let endpoint = endpoint.to_owned();
    move |name, issuer, accepted, requests| {
        assert!(accepted, "{name}");
        let (last, before) = requests.split_last().unwrap();
        assert!(last.uri().to_string().starts_with(&format!("{endpoint}/")), "{name}");
        assert_eq!(last.headers()["authorization"], "Bearer a", "{name}");
        let issuers: Vec<&str> = before.iter().filter_map(|request| request.uri().host()).collect();
        assert_eq!(issuers, Vec::from_iter(issuer), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_credential_supplies_both_apps() {
    run_each("https://graph.microsoft.com", None, goes_through("https://graph.microsoft.com")).await;
}

#[tokio::test(start_paused = true)]
async fn tokens_of_every_credential_go_to_listed_endpoints() {
    let endpoint = "http://127.0.0.1:8000";
    run_each(endpoint, Some("https://a.test, http://127.0.0.1:8000/"), goes_through(endpoint)).await;
}

#[tokio::test(start_paused = true)]
async fn no_token_goes_to_another_endpoint() {
    run_each("https://a.test", None, |name, _, accepted, requests| {
        assert!(!accepted && requests.is_empty(), "{name}");
    })
    .await;
}
