//! The assertion in a file, as Kubernetes keeps it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use graph_model::Reply;
use host_test::script::{Script, respond};
use tempfile::TempDir;
use wasmtime_wasi::{FsPerms, WasiCtx};

use crate::token_adapter::{Adapter, DEFAULT_CREDENTIAL, token_reply};

const FILE: &str = "/var/run/secrets/azure/tokens/azure-identity-token";

/// The variables that the workload identity webhook of Kubernetes sets.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("AZURE_TENANT_ID", "72f988bf-86f1-41af-91ab-2d7cd011db47"),
    ("AZURE_CLIENT_ID", "app"),
    ("AZURE_FEDERATED_TOKEN_FILE", FILE),
    ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/"),
];

async fn start(folder: &Path, replies: impl IntoIterator<Item = Reply>) -> Adapter {
    let mut wasi = WasiCtx::builder();
    wasi.envs(ENVIRONMENT);
    wasi.preopened_dir(folder, "/var/run/secrets/azure/tokens", FsPerms::ReadOnly).unwrap();
    Adapter::start_with(DEFAULT_CREDENTIAL, &mut wasi, Script::new(replies)).await
}

/// Writes the file as a projected volume does: a link to a file in a folder that is a link, and is
/// replaced.
fn project(folder: &TempDir, version: &str, assertion: &str) {
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path(version)).unwrap();
    fs::write(path(version).join("azure-identity-token"), assertion).unwrap();
    symlink(version, path("..data_tmp")).unwrap();
    fs::rename(path("..data_tmp"), path("..data")).unwrap();
    if !path("azure-identity-token").exists() {
        symlink("..data/azure-identity-token", path("azure-identity-token")).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_request_contains_the_assertion() {
    let folder = tempfile::tempdir().unwrap();
    project(&folder, "..1", "canary.1\n");
    let mut adapter = start(folder.path(), [token_reply("a", 3600)]).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    let [request] = adapter.requests().try_into().unwrap();
    assert_eq!(request.method(), "POST");
    let url = "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/oauth2/v2.0/token";
    assert_eq!(request.uri(), url);
    assert_eq!(
        String::from_utf8_lossy(request.body()),
        "client_id=app&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&grant_type=client_credentials\
         &claims=%7B%22access_token%22%3A%7B%22xms_cc%22%3A%7B%22values%22%3A%5B%22cp1%22%5D%7D%7D%7D\
         &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
         &client_assertion=canary.1"
    );
}

#[tokio::test(start_paused = true)]
async fn the_file_is_read_for_each_token() {
    let folder = tempfile::tempdir().unwrap();
    project(&folder, "..1", "canary.1");
    let mut adapter = start(folder.path(), ["a", "b", "c"].map(|value| token_reply(value, 3600))).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    project(&folder, "..2", "canary.2");
    assert_eq!(adapter.token().await.as_deref(), Ok("a"));
    tokio::time::advance(Duration::from_secs(3301)).await;
    assert_eq!(adapter.token().await.as_deref(), Ok("b"));
    project(&folder, "..3", "canary.3");
    assert_eq!(adapter.fresh_token(None).await.as_deref(), Ok("c"));
    for (request, assertion) in adapter.requests().iter().zip(["canary.1", "canary.2", "canary.3"]) {
        assert!(request.body().ends_with(format!("&client_assertion={assertion}").as_bytes()), "{assertion}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_assertion_is_denied_with_the_variable() {
    let folder = tempfile::tempdir().unwrap();
    project(&folder, "..1", "canary.1");
    let expired = respond(401, &[], r#"{"error":"invalid_client","error_codes":[700024]}"#);
    let mut adapter = start(folder.path(), [Reply::at_once(expired)]).await;
    let expected = "denied: workload-identity: AZURE_FEDERATED_TOKEN_FILE has expired: its platform must renew it \
                    (AADSTS700024, invalid_client, 401 from login.microsoftonline.com)";
    assert_eq!(adapter.token().await.unwrap_err(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_file_without_an_assertion_is_denied_without_its_content() {
    let contents: [(&[u8], &str); 4] = [
        (b"", "the file contains no assertion"),
        (b"canary canary", "the file contains no assertion"),
        (b"canary\xff", "the file contains no assertion"),
        (&[b'a'; 65_537], "it has more than 65536 bytes"),
    ];
    for (content, expected) in contents {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("azure-identity-token"), content).unwrap();
        let mut adapter = start(folder.path(), []).await;
        let why = adapter.token().await.unwrap_err();
        assert!(
            why.starts_with("denied: workload-identity: AZURE_FEDERATED_TOKEN_FILE") && why.contains(expected),
            "{why}"
        );
    }
}

/// Opening a FIFO waits for a writer, and opening a folder succeeds.
#[tokio::test]
async fn anything_but_a_regular_file_is_denied_at_once() {
    let make: [fn(&Path); 3] = [
        |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
        |path| {
            assert!(Command::new("mkfifo").arg(path.with_file_name("fifo")).status().unwrap().success());
            symlink("fifo", path).unwrap();
        },
        |path| fs::create_dir(path).unwrap(),
    ];
    for make in make {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("azure-identity-token");
        make(&path);
        let mut adapter = start(folder.path(), []).await;
        let token = tokio::time::timeout(Duration::from_secs(10), adapter.token()).await;
        if token.is_err() {
            // The host waits in another thread, which must end.
            fs::write(path, "").unwrap();
        }
        let why = token.expect("in time").unwrap_err();
        assert_eq!(
            why,
            format!("denied: workload-identity: AZURE_FEDERATED_TOKEN_FILE: {FILE}: it is not a regular file")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_read_is_denied_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let mut adapter = start(folder.path(), []).await;
    let missing = adapter.token().await.unwrap_err();
    assert_eq!(missing, format!("denied: workload-identity: AZURE_FEDERATED_TOKEN_FILE: {FILE}: no such file"));
    // A link that leaves the granted directory.
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("assertion"), "canary").unwrap();
    symlink(outside.path().join("assertion"), folder.path().join("azure-identity-token")).unwrap();
    let escaped = adapter.token().await.unwrap_err();
    assert_eq!(
        escaped,
        format!("denied: workload-identity: AZURE_FEDERATED_TOKEN_FILE: {FILE}: the host does not permit reading it")
    );
    let mut adapter = Adapter::start(DEFAULT_CREDENTIAL, ENVIRONMENT, Script::new([])).await;
    let not_granted = adapter.token().await.unwrap_err();
    let expected = "the host grants no such directory (--dir)";
    assert_eq!(not_granted, format!("denied: workload-identity: AZURE_FEDERATED_TOKEN_FILE: {FILE}: {expected}"));
    let named = [&ENVIRONMENT[..2], &[("ENTRA_RISK_CREDENTIAL", "workload-identity")]].concat();
    let mut adapter = Adapter::start(DEFAULT_CREDENTIAL, &named, Script::new([])).await;
    let not_set = adapter.token().await.unwrap_err();
    assert!(not_set.starts_with("denied: workload-identity: AZURE_FEDERATED_TOKEN_FILE is not set"), "{not_set}");
}
