//! `graph-model` serves the model of Microsoft Graph on the loopback interface, for any client.

use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Parser;
use graph_model::{Graph, Limit, Reply, Request, Server, Service, Settings};
use tokio::task::spawn_blocking;
use uuid::Uuid;

/// Serves a model of Microsoft Graph on the loopback interface: the four actions on risk with their service limits, and
/// faults on demand. Prints its address and a line for each request. Runs until a signal stops it.
#[derive(Parser)]
struct Arguments {
    /// The port; 0 selects a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Accept only tokens that begin with this [default: any token].
    #[arg(long, default_value = "", hide_default_value = true)]
    token: String,
    /// Milliseconds until the response.
    #[arg(long, default_value_t = 200)]
    latency_ms: u64,
    /// Milliseconds until the slowest response [default: --latency-ms].
    #[arg(long)]
    slowest_ms: Option<u64>,
    /// The share of requests that suffer a fault, 0 to 1.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    faults: f64,
    /// The seed from which faults are drawn.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Requests per second for users, and per 10 seconds for sign-ins, instead of the documented limits.
    #[arg(long)]
    limit: Option<usize>,
    /// Stop after this many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    time: Option<u64>,
    /// An id that the tenant does not have: a request with it is refused. May be repeated.
    #[arg(long, value_name = "ID")]
    absent: Vec<Uuid>,
    /// A command to run with the service's address in GRAPH_ENDPOINT; the server stops and exits with the command's
    /// exit code.
    #[arg(trailing_var_arg = true, conflicts_with = "time")]
    command: Vec<OsString>,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a number from 0 to 1".into())
}

/// Prints a line for each request.
struct Logging(Graph);

impl Service for Logging {
    fn serve(&self, now: Duration, request: Request) -> Reply {
        let target = format!("{} {}", request.method(), request.uri().path());
        let (reply, arrival) = self.0.serve_recorded(now, request);
        println!("{arrival} {target}");
        reply
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let latency = Duration::from_millis(arguments.latency_ms);
    let slowest = arguments.slowest_ms.map_or(latency, Duration::from_millis).max(latency);
    let limit = |documented: Limit| Limit { requests: arguments.limit.unwrap_or(documented.requests), ..documented };
    let graph = Graph::new(Settings {
        token: Some(arguments.token),
        users: limit(Limit::USERS),
        sign_ins: limit(Limit::SIGN_INS),
        latency: latency..=slowest,
        faults: arguments.faults,
        seed: arguments.seed,
        absent: arguments.absent.into_iter().collect(),
        epoch: SystemTime::now(),
        ..Settings::default()
    });
    let server = Server::start(Arc::new(Logging(graph)), arguments.port).await?;
    if let [program, own @ ..] = arguments.command.as_slice() {
        let mut command = Command::new(program);
        command.args(own).env("GRAPH_ENDPOINT", server.endpoint());
        let status = spawn_blocking(move || command.status()).await??;
        return Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from));
    }
    println!("{}", server.endpoint());
    match arguments.time {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
    Ok(ExitCode::SUCCESS)
}
