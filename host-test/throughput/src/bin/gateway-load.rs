//! Measures the gateway in `wasmtime serve`, with a Microsoft Graph on the loopback interface: sends requests over
//! parallel connections, some with a wrong key, and prints percentiles of the response time. Fails if any response is
//! wrong.
//!
//! `cargo run --release -p throughput --bin gateway-load -- target/dist/entra-risk-gateway.wasm`

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::Parser;
use graph_model::{Reply, Request, Server, Service};
use host_test::plugin::CANARY;
use host_test::script::accepted;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

const KEY: &str = "key-canary-that-must-never-show";

#[derive(Parser)]
struct Arguments {
    /// The gateway composed with env-token.
    gateway: String,
    /// The wasmtime command.
    #[arg(long, default_value = "wasmtime")]
    wasmtime: String,
    /// The number of requests; every tenth has a wrong key.
    #[arg(long, default_value_t = 1000)]
    requests: u32,
    /// Concurrent connections.
    #[arg(long, default_value_t = 16)]
    connections: u32,
}

/// Accepts and counts all requests.
#[derive(Default)]
struct AcceptAll(AtomicU32);

impl Service for AcceptAll {
    fn serve(&self, _: Duration, _: Request) -> Reply {
        self.0.fetch_add(1, Ordering::Relaxed);
        Reply::at_once(accepted())
    }
}

/// `wasmtime serve`, killed when dropped.
struct Gateway(Child);

impl Drop for Gateway {
    fn drop(&mut self) {
        // Fails if the process has already exited; then the requests have failed before.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Arguments { gateway, wasmtime, requests, connections } = Arguments::parse();
    let graph = Arc::new(AcceptAll::default());
    let server = Server::start(Arc::clone(&graph) as Arc<dyn Service>, 0).await?;
    let (gateway, address) = serve(&wasmtime, &gateway, &server.endpoint())?;
    let before = memory(&gateway)?;

    let next = Arc::new(AtomicU32::new(0));
    let mut clients = JoinSet::new();
    let start = Instant::now();
    for _ in 0..connections {
        let (next, address) = (Arc::clone(&next), address.clone());
        clients.spawn(async move {
            let (mut client, connection) = handshake(TokioIo::new(TcpStream::connect(&address).await?)).await?;
            tokio::spawn(connection);
            let mut times = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return Ok(times);
                }
                times.push(timeout(Duration::from_secs(60), send(&mut client, number)).await.context("no response")??);
            }
        });
    }
    let results: Vec<Result<Vec<Duration>>> = clients.join_all().await;
    let elapsed = start.elapsed();
    let mut times: Vec<Duration> = results.into_iter().collect::<Result<Vec<_>>>()?.concat();
    times.sort();

    let (sent, wrong) = (graph.0.load(Ordering::Relaxed), requests.div_ceil(10));
    ensure!(times.len() == requests as usize, "{} of {requests} responses", times.len());
    ensure!(sent == requests - wrong, "{sent} requests reached Graph, of {requests} with {wrong} wrong keys");
    let percentile = |percent: usize| times.get((times.len() * percent / 100).min(times.len() - 1));
    println!(
        "{requests} requests over {connections} connections in {elapsed:.1?}, all as expected, {wrong} with a wrong key"
    );
    println!("p50 {:.1?}, p99 {:.1?}", percentile(50).unwrap_or(&elapsed), percentile(99).unwrap_or(&elapsed));
    println!("memory of wasmtime serve: {before} before, {} after", memory(&gateway)?);
    Ok(())
}

/// Starts the gateway on a free port and waits until it prints its address.
fn serve(wasmtime: &str, gateway: &str, endpoint: &str) -> Result<(Gateway, String)> {
    let mut command = Command::new(wasmtime);
    command.args(["serve", "-S", "cli", "--addr", "127.0.0.1:0", "--env", &format!("GATEWAY_KEY={KEY}")]);
    command.args([
        "--env",
        &format!("GRAPH_TOKEN={CANARY}"),
        "--env",
        &format!("GATEWAY_ENDPOINT={endpoint}"),
        "--env",
        &format!("ENTRA_RISK_ENDPOINTS={endpoint}"),
        gateway,
    ]);
    let mut child = Gateway(command.stderr(Stdio::piped()).spawn().with_context(|| wasmtime.to_owned())?);
    let stderr = child.0.stderr.take().context("its standard error")?;
    let mut line = String::new();
    BufReader::new(stderr).read_line(&mut line)?;
    let address = line.split("http://").nth(1).with_context(|| line.clone())?.trim_end().trim_end_matches('/');
    Ok((child, address.to_owned()))
}

/// Sends a request, every tenth with a wrong key, and measures the time to the end of the response.
async fn send(client: &mut SendRequest<Full<Bytes>>, number: u32) -> Result<Duration> {
    let wrong = number.is_multiple_of(10);
    let body = format!("{{\"userIds\":[\"8f0e4c0b-6ec1-4c1e-a9b8-{number:012x}\"]}}");
    let request = http::Request::post("/v1.0/identityProtection/riskyUsers/dismiss")
        .header("host", "gateway.test")
        .header("content-type", "application/json")
        .header("x-api-key", if wrong { "wrong" } else { KEY })
        .body(Full::from(body))?;
    let start = Instant::now();
    client.ready().await?;
    let response = client.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    let elapsed = start.elapsed();
    let text = String::from_utf8_lossy(&body);
    ensure!(status == if wrong { 401 } else { 200 }, "{number}: {status} {text}");
    ensure!(!text.contains(KEY) && !text.contains(CANARY), "{number}: the response contains a secret");
    Ok(elapsed)
}

/// The resident memory of the gateway's process, from Linux.
fn memory(gateway: &Gateway) -> Result<String> {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.0.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Ok(line.unwrap_or("unknown").trim().to_owned())
}
