//! `wasmtime serve` with the gateway as a process, and its audit log.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use host_test::plugin::CANARY;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use wasmtime::error::Context;
use wasmtime::{Result, ensure};

/// The key of the gateway.
pub(crate) const KEY: &str = "key-canary-that-must-never-show";

/// The flags and the variable that keep one instance. Source: `deploy/README.md`.
const ONE_INSTANCE: &str = "--max-concurrent-requests 1 --max-instance-reuse-count 1000000000 \
                            --idle-instance-timeout 60s --max-concurrent-connections 100";
const ONE_THREAD: (&str, &str) = ("TOKIO_WORKER_THREADS", "1");

/// How long to wait for the last lines of the log.
const LOG_TIMEOUT: Duration = Duration::from_secs(120);

/// How the host instantiates the gateway.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Instances {
    One,
    PerRequest,
}

/// `wasmtime serve`, killed when dropped.
pub(crate) struct Gateway {
    process: Child,
    address: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Gateway {
    /// Starts the gateway on a free port and waits until it prints its address.
    pub(crate) fn start(wasmtime: &str, file: &str, endpoint: &str, instances: Instances) -> Result<Gateway> {
        let mut command = Command::new(wasmtime);
        command.args(["serve", "-S", "cli", "--addr", "127.0.0.1:0", "--no-logging-prefix"]);
        if instances == Instances::One {
            command.args(ONE_INSTANCE.split_whitespace()).env(ONE_THREAD.0, ONE_THREAD.1);
        }
        let variables = [
            ("GATEWAY_KEY", KEY),
            ("GRAPH_TOKEN", CANARY),
            ("ENTRA_RISK_ENDPOINT", endpoint),
            ("ENTRA_RISK_ALLOWED_ENDPOINTS", endpoint),
        ];
        for (name, value) in variables {
            command.args(["--env", &format!("{name}={value}")]);
        }
        let process = command.arg(file).stderr(Stdio::piped()).spawn().with_context(|| wasmtime.to_owned())?;
        let mut gateway = Gateway { process, address: String::new(), log: Arc::default() };
        let mut stderr = BufReader::new(gateway.process.stderr.take().context("its standard error")?);
        let mut line = String::new();
        stderr.read_line(&mut line)?;
        let address = line.split("http://").nth(1).with_context(|| line.clone())?;
        gateway.address = address.trim_end().trim_end_matches('/').to_owned();
        let log = Arc::clone(&gateway.log);
        thread::spawn(move || collect(stderr, &log));
        Ok(gateway)
    }

    /// Its address: host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The resident memory of the process, from Linux.
    pub(crate) fn memory(&self) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.unwrap_or("unknown").trim().to_owned()
    }

    /// The outcome of every id in the log, as soon as it contains this number of ids. Fails if a
    /// line is damaged, if an id is in two lines, or if a line contains a secret.
    pub(crate) async fn logged(&self, ids: usize) -> Result<BTreeMap<String, String>> {
        let start = Instant::now();
        loop {
            let outcomes = outcomes(&self.log.lock().unwrap_or_else(PoisonError::into_inner))?;
            if outcomes.len() >= ids || start.elapsed() > LOG_TIMEOUT {
                return Ok(outcomes);
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Fails if the process has already exited; then the requests have failed before.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads the log until the process ends.
fn collect(stderr: BufReader<ChildStderr>, log: &Mutex<Vec<String>>) {
    for line in stderr.lines().map_while(Result::ok) {
        log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

fn outcomes(log: &[String]) -> Result<BTreeMap<String, String>> {
    let mut outcomes = BTreeMap::new();
    for line in log {
        ensure!(!line.contains(KEY) && !line.contains(CANARY), "the log contains a secret");
        // wasmtime's own messages do not begin like this.
        if !line.starts_with('{') {
            ensure!(!line.contains("xRequestId"), "a damaged line: {line}");
            continue;
        }
        let line: Value = serde_json::from_str(line).with_context(|| format!("a damaged line: {line}"))?;
        if line["event"] == "batch" {
            for id in line["ids"].as_array().context("ids")? {
                let id = id.as_str().context("an id")?.to_owned();
                let outcome = line["outcome"].as_str().context("an outcome")?.to_owned();
                ensure!(outcomes.insert(id.clone(), outcome).is_none(), "{id} is logged twice");
            }
        }
    }
    Ok(outcomes)
}
