//! Which credential default-credential uses, and what it says about one that does not work.

use graph_model::{Behavior, Reply, TransportError};
use host_test::script::{Script, respond};
use tokio::time::{Duration, Instant};

use crate::token_adapter::{Adapter, DEFAULT_CREDENTIAL, ENVIRONMENT, token_reply};

const TOKEN: (&str, &str) = ("GRAPH_TOKEN", "a.b.c");
const ASSERTION: (&str, &str) = ("AZURE_FEDERATED_TOKEN", "canary.jwt");
const FILE: (&str, &str) = ("AZURE_FEDERATED_TOKEN_FILE", "/tokens/assertion");
const IDENTITY: [(&str, &str); 2] =
    [("IDENTITY_ENDPOINT", "http://localhost:42356/msi/token"), ("IDENTITY_HEADER", "canary-853b9a84")];

async fn start(environment: &[(&str, &str)], replies: impl IntoIterator<Item = Reply>) -> Adapter {
    Adapter::start(DEFAULT_CREDENTIAL, environment, Script::new(replies)).await
}

/// The request for a token that is sent with this environment: its address and body.
async fn request_with(environment: &[(&str, &str)]) -> String {
    let mut adapter = start(environment, [token_reply("requested", 3600)]).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("requested"));
    let [request] = adapter.requests().try_into().unwrap();
    format!("{} {}", request.uri(), String::from_utf8_lossy(request.body()))
}

/// What is returned with this environment without a request.
async fn without_request(environment: &[(&str, &str)]) -> String {
    let token = start(environment, []).await.token().await;
    token.unwrap_or_else(|why| why)
}

const MISSING_FILE: &str = "denied: workload-identity: AZURE_FEDERATED_TOKEN_FILE: /tokens/assertion: ";

#[tokio::test(start_paused = true)]
async fn the_documented_order_holds() {
    let application = &ENVIRONMENT[..2];
    let all = [&[TOKEN][..], ENVIRONMENT, &[ASSERTION, FILE], &IDENTITY].concat();
    assert_eq!(without_request(&all).await, "a.b.c");
    assert!(request_with(&all[1..]).await.contains("&client_secret=canary"));
    let without_secret = [application, &[ASSERTION, FILE], &IDENTITY].concat();
    assert!(request_with(&without_secret).await.contains("&client_assertion=canary.jwt"));
    assert!(without_request(&[application, &[FILE], &IDENTITY].concat()).await.starts_with(MISSING_FILE));
    assert!(request_with(&[application, &IDENTITY].concat()).await.starts_with("http://localhost:42356/msi/token?"));
}

#[tokio::test(start_paused = true)]
async fn a_named_credential_is_used_whatever_else_is_configured() {
    let named =
        |name| [&[TOKEN][..], ENVIRONMENT, &[ASSERTION, FILE], &IDENTITY, &[("ENTRA_RISK_CREDENTIAL", name)]].concat();
    assert_eq!(without_request(&named("graph-token")).await, "a.b.c");
    assert!(request_with(&named("client-secret")).await.contains("&client_secret=canary"));
    assert!(request_with(&named("client-assertion")).await.contains("&client_assertion=canary.jwt"));
    assert!(without_request(&named("workload-identity")).await.starts_with(MISSING_FILE));
    assert!(request_with(&named("managed-identity")).await.starts_with("http://localhost:42356/msi/token?"));
    let unknown = without_request(&named("ManagedIdentityCredential")).await;
    assert!(
        unknown.starts_with("denied: ENTRA_RISK_CREDENTIAL names no credential: expected graph-token"),
        "{unknown}"
    );
}

/// No request is sent: a part of a credential is never a reason to try the next one.
#[tokio::test(start_paused = true)]
async fn a_credential_that_is_configured_in_part_is_denied_with_what_it_lacks() {
    let secret = ENVIRONMENT[2];
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[secret], "denied: client-secret: AZURE_TENANT_ID is not set"),
        (&[secret, ENVIRONMENT[0]], "denied: client-secret: AZURE_CLIENT_ID is not set"),
        (&[ASSERTION, IDENTITY[0], IDENTITY[1]], "denied: client-assertion: AZURE_TENANT_ID is not set"),
        (&[IDENTITY[0]], "denied: managed-identity: IDENTITY_ENDPOINT is set without IDENTITY_HEADER"),
        (&[("ENTRA_RISK_CREDENTIAL", "client-secret")], "denied: client-secret: AZURE_CLIENT_SECRET is not set"),
        (&[("ENTRA_RISK_CREDENTIAL", "workload-identity")], "denied: workload-identity: AZURE_FEDERATED_TOKEN_FILE is"),
        (&[("ENTRA_RISK_CREDENTIAL", "graph-token")], "denied: graph-token: GRAPH_TOKEN is not set"),
        (
            &[("GRAPH_TOKEN", "System.Security.SecureString")],
            "denied: graph-token: GRAPH_TOKEN holds the name of a type",
        ),
        (
            &[("AZURE_CLIENT_CERTIFICATE_PATH", "/cert.pem")],
            "denied: AZURE_CLIENT_CERTIFICATE_PATH is set, a credential that is not supported",
        ),
    ];
    for (environment, expected) in cases {
        let mut adapter = start(environment, []).await;
        let why = adapter.token().await.unwrap_err();
        assert!(why.starts_with(expected), "{why}");
        assert!(adapter.requests().is_empty(), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_chosen_credential_ends_there() {
    let environment = [ENVIRONMENT, &IDENTITY].concat();
    let refused = respond(401, &[], r#"{"error":"invalid_client","error_codes":[7000222]}"#);
    let mut adapter = start(&environment, [Reply::at_once(refused)]).await;
    let why = adapter.token().await.unwrap_err();
    assert!(why.starts_with("denied: client-secret: the secret in AZURE_CLIENT_SECRET has expired"), "{why}");
    assert_eq!(adapter.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_virtual_machine_needs_no_configuration() {
    let refusal = Reply::at_once(respond(400, &[], r#"{"error":"bad_request_102"}"#));
    let mut adapter = start(&[], [refusal, token_reply("a", 3600), token_reply("b", 3600)]).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    assert_eq!(adapter.fresh_token(None).await.as_deref(), Ok("b"), "asked once whether it is there");
    let [probe, first, _] = adapter.requests().try_into().unwrap();
    assert_eq!(probe.uri(), "http://169.254.169.254/metadata/identity/oauth2/token");
    assert!(!probe.headers().contains_key("metadata") && first.headers().contains_key("metadata"));
}

#[tokio::test(start_paused = true)]
async fn without_configuration_and_virtual_machine_the_variables_are_named() {
    for (behavior, seconds) in [
        (Behavior::Silence, 1),
        (Behavior::Failed(TransportError::ConnectionRefused), 0),
        (Behavior::Failed(TransportError::HttpRequestDenied), 0),
    ] {
        let mut adapter = start(&ENVIRONMENT[..2], [Reply::at_once(behavior)]).await;
        let began = Instant::now();
        let why = adapter.token().await.unwrap_err();
        assert!(why.starts_with("denied: no credential is configured, and no virtual machine's identity"), "{why}");
        assert_eq!(began.elapsed(), Duration::from_secs(seconds), "{why}");
    }
}
