//! Microsoft Graph on the loopback interface: for a command, which finds it in `GRAPH_ENDPOINT`, or until it is stopped.
//! It takes any token, answers in 200 ms, keeps the documented limits, and knows every id but the one of zeros.

use std::ffi::OsString;
use std::future::pending;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use host_test::graph::{Graph, Settings};
use host_test::server::Server;
use tokio::task::spawn_blocking;
use uuid::Uuid;

/// Serves Microsoft Graph on the loopback interface.
#[derive(Parser)]
struct Arguments {
    /// The port, 0 for any that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// A command to run meanwhile, with the service's address in GRAPH_ENDPOINT. Its exit code is that of this one.
    #[arg(trailing_var_arg = true)]
    command: Vec<OsString>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let Arguments { port, command } = Arguments::parse();
    let settings = Settings { absent: [Uuid::nil()].into(), ..Settings::default() };
    let server = Server::start(Arc::new(Graph::new(settings)), port).await?;
    let [program, arguments @ ..] = command.as_slice() else {
        println!("{}", server.endpoint());
        return pending().await;
    };
    let mut command = Command::new(program);
    command.args(arguments).env("GRAPH_ENDPOINT", server.endpoint());
    let status = spawn_blocking(move || command.status()).await?.with_context(|| format!("{}", program.display()))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
