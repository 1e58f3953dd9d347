//! Managed identities: the endpoints of App Service, Container Apps and virtual machines.

use std::time::Duration;

use graph_model::{Behavior, Reply, TransportError};
use host_test::bindings::credentials::TokenRequest;
use host_test::script::{Script, respond};
use tokio::time::advance;

use crate::token_adapter::{Adapter, DEFAULT_CREDENTIAL, request, token_body, token_reply};

const SECOND: Duration = Duration::from_secs(1);

const APP_SERVICE: &[(&str, &str)] =
    &[("IDENTITY_ENDPOINT", "http://localhost:42356/msi/token"), ("IDENTITY_HEADER", "canary-853b9a84")];

const CLIENT_ID: (&str, &str) = ("AZURE_CLIENT_ID", "5a5b8f4c-31ab-4c4f-8d2a-3c0d9a2f6f10");

async fn start(environment: &[(&str, &str)], replies: impl IntoIterator<Item = Reply>) -> Adapter {
    let environment = [&[("ENTRA_RISK_CREDENTIAL", "managed-identity")], environment].concat();
    Adapter::start(DEFAULT_CREDENTIAL, &environment, Script::new(replies)).await
}

/// A response of App Service, which has no `expires_in`.
fn app_service_reply(value: &str, expires_on: u64) -> Reply {
    let body = format!(
        r#"{{"access_token":"{value}","expires_on":"{expires_on}","resource":"https://graph.microsoft.com",
            "token_type":"Bearer","client_id":"{}"}}"#,
        CLIENT_ID.1
    );
    Reply::at_once(respond(200, &[("date", "Sat, 21 Nov 2026 09:00:00 GMT")], body))
}

/// The date of these responses in seconds since 1970.
const DATE: u64 = 1_795_251_600;

#[tokio::test(start_paused = true)]
async fn app_service_gets_the_documented_request() {
    for (client_id, suffix) in [(None, String::new()), (Some(CLIENT_ID), format!("&client_id={}", CLIENT_ID.1))] {
        let environment: Vec<_> = APP_SERVICE.iter().copied().chain(client_id).collect();
        let mut adapter = start(&environment, [app_service_reply("a", DATE + 86_400)]).await;
        assert_eq!(adapter.token().await.as_deref(), Ok("a"));
        let [request] = adapter.requests().try_into().unwrap();
        assert_eq!(request.method(), "GET");
        let url = "http://localhost:42356/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fgraph.microsoft.com";
        assert_eq!(request.uri().to_string(), format!("{url}{suffix}"));
        assert_eq!(request.headers()["x-identity-header"], "canary-853b9a84");
        assert!(!request.headers().contains_key("metadata"));
        assert!(request.body().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn virtual_machines_get_the_documented_request() {
    for (client_id, suffix) in [(None, String::new()), (Some(CLIENT_ID), format!("&client_id={}", CLIENT_ID.1))] {
        let environment: Vec<_> = client_id.into_iter().collect();
        let mut adapter = start(&environment, [token_reply("a", 3600)]).await;
        assert_eq!(adapter.token().await.as_deref(), Ok("a"));
        let [request] = adapter.requests().try_into().unwrap();
        assert_eq!(request.method(), "GET");
        let url = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01\
                   &resource=https%3A%2F%2Fgraph.microsoft.com";
        assert_eq!(request.uri().to_string(), format!("{url}{suffix}"));
        assert_eq!(request.headers()["metadata"], "true");
        assert!(request.body().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_of_app_service_is_kept_until_shortly_before_expires_on() {
    let replies = [app_service_reply("a", DATE + 86_400), app_service_reply("b", DATE + 172_800)];
    let mut adapter = start(APP_SERVICE, replies).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    advance(86_099 * SECOND).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    advance(2 * SECOND).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("b"));
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_virtual_machine_has_its_lifetime_as_a_string() {
    let reply = |value: &str| {
        token_body(&format!(
            r#""access_token":"{value}","refresh_token":"","expires_in":"3599","expires_on":"1506484173",
               "not_before":"1506480273","resource":"https://graph.microsoft.com","token_type":"Bearer""#
        ))
    };
    let mut adapter = start(&[], [reply("a"), reply("b")]).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    advance(3298 * SECOND).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    advance(2 * SECOND).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("b"));
}

#[tokio::test(start_paused = true)]
async fn failures_of_a_virtual_machine_are_repeated_also_404_and_410() {
    for status in [404, 410, 429, 500, 503] {
        let failures = [status; 2].map(|status| Reply::at_once(respond(status, &[], "canary")));
        let mut adapter = start(&[], failures.into_iter().chain([token_reply("a", 3600)])).await;
        assert_eq!(adapter.token().await.as_deref(), Ok("a"), "{status}");
    }
    let failures = (0..3).map(|_| Reply::at_once(Behavior::Failed(TransportError::ConnectionRefused)));
    let why = start(&[], failures).await.token().await.unwrap_err();
    assert!(
        why.starts_with("unavailable: managed-identity: no response from 169.254.169.254 (connection-refused)"),
        "{why}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_identity_is_denied_with_what_to_do() {
    let cases = [
        (&[][..], 400, r#"{"error":"invalid_request","error_description":"Identity not found, canary"}"#),
        (APP_SERVICE, 400, r#"{"statusCode":400,"message":"No Managed Identity found for canary."}"#),
        (APP_SERVICE, 404, ""),
    ];
    for (environment, status, body) in cases {
        let mut adapter = start(environment, [Reply::at_once(respond(status, &[], body))]).await;
        let why = adapter.token().await.unwrap_err();
        let expected = "denied: managed-identity: assign a managed identity to this resource, or set AZURE_CLIENT_ID to that of one (";
        assert!(why.starts_with(expected), "{why}");
    }
    let redirect = Reply::at_once(respond(302, &[("location", "https://a.test")], ""));
    let why = start(APP_SERVICE, [redirect]).await.token().await.unwrap_err();
    assert_eq!(why, "denied: managed-identity: localhost:42356 returned 302, a redirect: check IDENTITY_ENDPOINT");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_to_an_invalid_endpoint() {
    for (url, header, expected) in [
        (
            "http://a.test/msi/token",
            "canary",
            "denied: managed-identity: IDENTITY_ENDPOINT is not valid: the address must begin with https",
        ),
        (
            "http://localhost:40342/metadata",
            "",
            "denied: managed-identity: IDENTITY_ENDPOINT is set without IDENTITY_HEADER",
        ),
        (
            "http://localhost/msi/token",
            "canary\ncanary",
            "denied: managed-identity: the host rejects a request to localhost",
        ),
    ] {
        let mut adapter = start(&[("IDENTITY_ENDPOINT", url), ("IDENTITY_HEADER", header)], []).await;
        let why = adapter.token().await.unwrap_err();
        assert!(why.starts_with(expected), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_tenant_gets_no_token() {
    let mut adapter = start(&[("AZURE_TENANT_ID", "contoso.com")], [token_reply("a", 3600)]).await;
    let with = |tenant: &str| TokenRequest { tenant: Some(tenant.to_owned()), ..request() };
    assert_eq!(adapter.get(with("contoso.com")).await.as_deref(), Ok("a"));
    let why = adapter.get(with("fabrikam.com")).await.unwrap_err();
    assert!(why.starts_with("denied: managed-identity: the option tenant must equal AZURE_TENANT_ID"), "{why}");
}

/// The endpoints have no parameter for claims, and return what they have.
#[tokio::test(start_paused = true)]
async fn a_rejected_token_is_requested_again() {
    let mut adapter = start(&[], [token_reply("a", 3600), token_reply("b", 3600)]).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    assert_eq!(adapter.fresh_token(Some("{}")).await.as_deref(), Ok("b"));
    assert_eq!(adapter.token().await.as_deref(), Ok("b"));
}
