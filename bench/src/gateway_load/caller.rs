//! A caller of the gateway: one connection, one request at a time.

use std::time::Duration;

use bytes::Bytes;
use host_test::plugin::CANARY;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use wasmtime::error::Context;
use wasmtime::{Result, ensure};

use super::gateway::KEY;

/// A call ends by its deadline, and with one request at a time it waits for others.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(120);

/// A connection to the gateway.
pub(crate) struct Caller {
    requests: SendRequest<Full<Bytes>>,
    connection: JoinHandle<()>,
}

impl Caller {
    /// Connects.
    pub(crate) async fn connect(address: &str) -> Result<Caller> {
        let (requests, connection) = handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
        // An error of the connection is also one of its request.
        let connection = tokio::spawn(async move { drop(connection.await) });
        Ok(Caller { requests, connection })
    }

    /// Dismisses the risk of users, and measures the time to the end of the response.
    pub(crate) async fn call(&mut self, ids: &[String], key_is_valid: bool) -> Result<(StatusCode, Duration)> {
        let start = Instant::now();
        self.requests.ready().await?;
        let response = self.requests.send_request(request(ids, key_is_valid)?);
        let response = timeout(RESPONSE_TIMEOUT, response).await.context("no response")??;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&body);
        ensure!(!text.contains(KEY) && !text.contains(CANARY), "the response contains a secret");
        Ok((status, start.elapsed()))
    }

    /// Sends the same request, and closes the connection after some time without reading the
    /// response.
    pub(crate) async fn hang_up(mut self, ids: &[String], after: Duration) -> Result<()> {
        self.requests.ready().await?;
        let response = self.requests.send_request(request(ids, true)?);
        drop(timeout(after, response).await);
        self.connection.abort();
        // The task must end before the connection is closed.
        sleep(Duration::ZERO).await;
        Ok(())
    }
}

/// Ids of users: those of this request differ from those of any other.
pub(crate) fn ids(request: u32, count: u32) -> Vec<String> {
    (0..count).map(|index| format!("8f0e4c0b-6ec1-4c1e-a9b8-{request:06x}{index:06x}")).collect()
}

fn request(ids: &[String], key_is_valid: bool) -> Result<http::Request<Full<Bytes>>> {
    let request = http::Request::post("/v1.0/identityProtection/riskyUsers/dismiss")
        .header("host", "gateway.test")
        .header("content-type", "application/json")
        .header("x-api-key", if key_is_valid { KEY } else { "wrong" })
        .body(Full::from(json!({ "userIds": ids }).to_string()))?;
    Ok(request)
}
