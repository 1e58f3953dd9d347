//! Where the adapters let a token go: to Microsoft Graph, and to the endpoints in
//! `ENTRA_RISK_ALLOWED_ENDPOINTS`.

use std::fs;

use host_test::bindings::credentials::TokenRequest;
use host_test::script::Script;
use tempfile::{TempDir, tempdir};
use wasmtime_wasi::{FsPerms, WasiCtx};

use crate::token_adapter::{Adapter, DEFAULT_CREDENTIAL, ENV_TOKEN, ENVIRONMENT, request, token_reply};

/// The adapters, each with the credentials that it has.
const ADAPTERS: [(&str, &str); 6] = [
    (ENV_TOKEN, "graph-token"),
    (DEFAULT_CREDENTIAL, "graph-token"),
    (DEFAULT_CREDENTIAL, "client-secret"),
    (DEFAULT_CREDENTIAL, "client-assertion"),
    (DEFAULT_CREDENTIAL, "workload-identity"),
    (DEFAULT_CREDENTIAL, "managed-identity"),
];

/// Starts an adapter with everything that it needs for a token for so many audiences, which is `a`.
async fn start((name, credential): (&str, &str), folder: &TempDir, listed: Option<&str>, audiences: usize) -> Adapter {
    fs::write(folder.path().join("assertion"), "canary.jwt").unwrap();
    let mut wasi = WasiCtx::builder();
    wasi.envs(ENVIRONMENT).env("GRAPH_TOKEN", "a").env("AZURE_FEDERATED_TOKEN", "canary.jwt");
    wasi.env("AZURE_FEDERATED_TOKEN_FILE", "/tokens/assertion").env("ENTRA_RISK_CREDENTIAL", credential);
    wasi.preopened_dir(folder.path(), "/tokens", FsPerms::ReadOnly).unwrap();
    if let Some(listed) = listed {
        wasi.env("ENTRA_RISK_ALLOWED_ENDPOINTS", listed);
    }
    let count = if credential == "graph-token" { 0 } else { audiences };
    let replies: Vec<_> = (0..count).map(|_| token_reply("a", 3600)).collect();
    Adapter::start_with(name, &mut wasi, Script::new(replies)).await
}

fn request_for(endpoint: &str) -> TokenRequest {
    TokenRequest { endpoint: endpoint.to_owned(), ..request() }
}

#[tokio::test(start_paused = true)]
async fn tokens_go_to_microsoft_graph_of_every_cloud() {
    let folder = tempdir().unwrap();
    for credential in ADAPTERS {
        let mut adapter = start(credential, &folder, None, 4).await;
        for endpoint in [
            "https://graph.microsoft.com",
            "https://graph.microsoft.us",
            "https://dod-graph.microsoft.us",
            "https://microsoftgraph.chinacloudapi.cn",
        ] {
            let request = TokenRequest { audience: endpoint.to_owned(), ..request_for(endpoint) };
            assert_eq!(adapter.get(request).await.as_deref(), Ok("a"), "{credential:?} {endpoint}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_go_to_listed_endpoints() {
    let folder = tempdir().unwrap();
    for credential in ADAPTERS {
        let mut adapter =
            start(credential, &folder, Some("https://A.test:443/,http://127.0.0.1:8000 http://[::1]"), 1).await;
        for endpoint in ["https://a.test", "http://127.0.0.1:8000", "http://[::1]", "https://graph.microsoft.com"] {
            assert_eq!(adapter.get(request_for(endpoint)).await.as_deref(), Ok("a"), "{credential:?} {endpoint}");
        }
    }
}

/// No token is even requested.
#[tokio::test(start_paused = true)]
async fn no_token_goes_to_another_endpoint() {
    let folder = tempdir().unwrap();
    for credential in ADAPTERS {
        for listed in [None, Some(""), Some("https://a.test:8443 https://c.test http://localhost:8000")] {
            let mut adapter = start(credential, &folder, listed, 0).await;
            for endpoint in [
                // Another cloud than that of the token.
                "https://graph.microsoft.us",
                "https://a.test",
                "https://b.test",
                "http://localhost:8001",
                "http://127.0.0.1:8000",
                "https://graph.microsoft.com:8443",
                "https://graph.microsoft.com.a.test",
            ] {
                let why = adapter.get(request_for(endpoint)).await.unwrap_err();
                let expected = format!(
                    "denied: ENTRA_RISK_ALLOWED_ENDPOINTS does not list {endpoint}: add it if the token may be sent there"
                );
                assert_eq!(why, expected, "{credential:?} {listed:?}");
            }
        }
    }
}

/// Not even to the endpoints that the other entries name.
#[tokio::test(start_paused = true)]
async fn a_list_with_an_entry_that_is_not_an_endpoint_permits_nothing() {
    let folder = tempdir().unwrap();
    for credential in ADAPTERS {
        for entry in ["http://localhost:80:80", "https://*.test", "https://user:canary@b.test", "https://b.test/path"] {
            let mut adapter = start(credential, &folder, Some(&format!("https://a.test {entry}")), 1).await;
            for endpoint in ["https://a.test", "https://b.test", "http://localhost:80", "http://localhost"] {
                let why = adapter.get(request_for(endpoint)).await.unwrap_err();
                let expected =
                    "denied: ENTRA_RISK_ALLOWED_ENDPOINTS contains an address that is not valid: must be a host";
                assert!(why.starts_with(expected), "{credential:?} {entry}: {why}");
            }
            assert_eq!(adapter.token().await.as_deref(), Ok("a"), "{credential:?}: Microsoft Graph needs no entry");
        }
    }
}

/// A cached token is no exception.
#[tokio::test(start_paused = true)]
async fn no_cached_token_goes_to_another_endpoint() {
    let folder = tempdir().unwrap();
    for credential in ADAPTERS {
        let mut adapter = start(credential, &folder, None, 1).await;
        assert_eq!(adapter.token().await.as_deref(), Ok("a"), "{credential:?}");
        assert!(adapter.get(request_for("https://a.test")).await.is_err(), "{credential:?}");
    }
}
