//! `graph` serves the faithful Microsoft Graph on the loopback interface, to any client.

use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Parser;
use host_test::exchange::{Reply, Request, Service};
use host_test::graph::{Graph, Limit, Settings};
use host_test::server::Server;
use tokio::task::spawn_blocking;
use uuid::Uuid;

/// Serves a faithful Microsoft Graph on the loopback interface: the four actions on risk, with their limits, and with
/// faults on demand. Prints its address, and a line for each request; stops by a signal.
#[derive(Parser)]
struct Arguments {
    /// The port; 0 takes one that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The beginning of each token that is good; without it any token is.
    #[arg(long, default_value = "", hide_default_value = true)]
    token: String,
    /// Milliseconds to the answer.
    #[arg(long, default_value_t = 200)]
    latency_ms: u64,
    /// Milliseconds to the slowest answer, where answers differ.
    #[arg(long)]
    slowest_ms: Option<u64>,
    /// The share of requests that something happens to, 0 to 1.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    faults: f64,
    /// Faults are drawn from this.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Requests in a second for users, and in 10 seconds for sign-ins, in place of the documented limits.
    #[arg(long)]
    limit: Option<usize>,
    /// Stops by itself after so many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    time: Option<u64>,
    /// An id that the tenant does not have: a request with it is refused. May be given again.
    #[arg(long, value_name = "ID")]
    absent: Vec<Uuid>,
    /// A command to run meanwhile, with the service's address in GRAPH_ENDPOINT: its exit code is that of this one.
    #[arg(trailing_var_arg = true, conflicts_with = "time")]
    command: Vec<OsString>,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "not a number from 0 to 1".into())
}

/// Tells of each request.
struct Telling(Graph);

impl Service for Telling {
    fn serve(&self, now: Duration, request: Request) -> Reply {
        let what = format!("{} {}", request.method(), request.uri().path());
        let (reply, arrival) = self.0.tell(now, request);
        println!("{arrival} {what}");
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
    });
    let server = Server::start(Arc::new(Telling(graph)), arguments.port).await?;
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
