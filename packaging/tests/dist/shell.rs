//! The command in its own directory, as a shell runs it: arguments, files, pipes and a terminal.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use graph_model::{Behavior, Graph, Service, Settings};
use host_test::clock::WallClock;
use host_test::host::{Host, Outbound, RecordedExchange};
use host_test::plugin::{CANARY, canary};
use host_test::script::Script;
use tempfile::TempDir;
use tokio::time::Instant;
use wasmtime::{ResourceLimiter, Store};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx};

use crate::compositions::command;
use crate::streams::{Failing, Keyboard, Output, Screen};
use crate::token_adapter::ENVIRONMENT;

/// The command in its own directory.
pub(crate) struct Shell {
    directory: PathBuf,
    /// Removes the directory.
    _temporary: Option<TempDir>,
    input: Bytes,
    /// Standard input is a terminal.
    input_terminal: bool,
    /// Standard error is a terminal.
    terminal: bool,
    /// Standard output fails.
    failing: Option<Failing>,
    /// Variables besides those of every run.
    variables: Vec<(&'static str, String)>,
    token: String,
}

/// The result of a run.
pub(crate) struct Completed {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Each text that was written to standard error in one piece, and when, since the start of the
    /// run.
    pub(crate) written: Vec<(Duration, String)>,
    pub(crate) exchanges: Vec<RecordedExchange>,
    /// The bytes of all linear memories at the end, which never shrink. For one run at a time.
    pub(crate) memory: usize,
}

/// The variable with the endpoints that a token may be sent to.
pub(crate) const ALLOWED_ENDPOINTS: &str = "ENTRA_RISK_ALLOWED_ENDPOINTS";

/// The date at the start of every run, since 1970: 2026-11-21T09:00:00Z.
pub(crate) const START: Duration = Duration::from_secs(1_795_251_600);

impl Shell {
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        Shell { directory: temporary.path().to_owned(), _temporary: Some(temporary), ..Shell::at(PathBuf::new()) }
    }

    /// A shell in a directory that exists.
    pub(crate) fn at(directory: PathBuf) -> Self {
        let input = Bytes::new();
        let (variables, token) = (Vec::new(), CANARY.to_owned());
        let (input_terminal, terminal, failing) = (false, false, None);
        Shell { directory, _temporary: None, input, input_terminal, terminal, failing, variables, token }
    }

    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.path(name), content).unwrap();
        self
    }

    pub(crate) fn input(self, input: impl Into<Bytes>) -> Self {
        Shell { input: input.into(), ..self }
    }

    pub(crate) fn terminal(self) -> Self {
        self.terminal_if(true)
    }

    pub(crate) fn terminal_if(self, terminal: bool) -> Self {
        Shell { terminal, ..self }
    }

    /// A shell in whose terminal this is typed.
    pub(crate) fn typed(self, input: &str) -> Self {
        Shell { input: input.to_owned().into(), input_terminal: true, terminal: true, ..self }
    }

    pub(crate) fn failing_output(self, failing: Failing) -> Self {
        Shell { failing: Some(failing), ..self }
    }

    pub(crate) fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// A shell with this access token.
    pub(crate) fn token(self, token: impl Into<String>) -> Self {
        Shell { token: token.into(), ..self }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The content of a file that may not exist.
    pub(crate) fn read_or_empty(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Runs a command line, split at spaces outside quotes, with a Microsoft Graph that follows
    /// this script.
    pub(crate) async fn run(&self, line: &str, behaviors: impl IntoIterator<Item = Behavior>) -> Completed {
        self.run_before(line, Script::at_once(behaviors)).await
    }

    /// Runs a command line with this Microsoft Graph.
    pub(crate) async fn run_before(&self, line: &str, graph: Arc<dyn Service>) -> Completed {
        self.run_with("graph-token", line, graph).await
    }

    /// Runs a command line with the credential of this name and this Microsoft Graph.
    pub(crate) async fn run_with(&self, credential: &str, line: &str, graph: Arc<dyn Service>) -> Completed {
        let command = command();
        let (stdout, stderr) = (Output::new(), Output::new());
        let mut wasi = WasiCtx::builder();
        wasi.env("GRAPH_TOKEN", &self.token).envs(&self.variables);
        if self.variables.iter().all(|(name, _)| *name != ALLOWED_ENDPOINTS) {
            wasi.env(ALLOWED_ENDPOINTS, "https://a.test:8443");
        }
        wasi.envs(ENVIRONMENT).env("ENTRA_RISK_CREDENTIAL", credential).arg("entra-risk").args(&arguments(line));
        wasi.stdin(Keyboard { input: MemoryInputPipe::new(self.input.clone()), is_terminal: self.input_terminal });
        wasi.stdout(Screen { output: stdout.clone(), is_terminal: false, failing: self.failing });
        wasi.stderr(Screen { output: stderr.clone(), is_terminal: self.terminal, failing: None });
        wasi.wall_clock(WallClock::at(Instant::now(), START));
        wasi.preopened_dir(&self.directory, ".", FsPerms::ReadWrite).unwrap();
        wasi.preopened_dir("/dev", "/dev", FsPerms::ReadWrite).unwrap();
        let host = Host::with(&mut wasi, Outbound::InProcess(graph), canary(), 1);
        let mut store = Store::new(command.engine(), host);
        MEMORY.set(0);
        store.limiter(|_| Box::leak(Box::new(Meter)));
        let command = CommandPre::new(command.clone()).unwrap().instantiate_async(&mut store).await.unwrap();
        let code = match command.wasi_cli_run().call_run(&mut store).await {
            Ok(Ok(())) => 0,
            Ok(Err(())) => 1,
            Err(error) => error.downcast_ref::<I32Exit>().expect("the command trapped").0,
        };
        let written = stderr.written();
        let [stdout, stderr] = [stdout, stderr].map(|output| output.text());
        let is_shown = |text: &str| !self.token.is_empty() && text.contains(&self.token);
        assert!(!is_shown(&stdout) && !is_shown(&stderr), "the output contains the token");
        for entry in fs::read_dir(&self.directory).unwrap() {
            let path = entry.unwrap().path();
            // Reading a FIFO would wait for a writer.
            let text = if path.is_file() { fs::read(path).unwrap_or_default() } else { Vec::new() };
            assert!(!is_shown(&String::from_utf8_lossy(&text)), "a file contains the token");
        }
        Completed { code, stdout, stderr, written, exchanges: store.data().exchanges(), memory: MEMORY.get() }
    }
}

thread_local! {
    /// The bytes of the linear memories of the run on this thread.
    pub(crate) static MEMORY: Cell<usize> = const { Cell::new(0) };
}

/// Adds up the linear memories of a store.
pub(crate) struct Meter;

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        MEMORY.set(MEMORY.get() + desired - current);
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

impl Completed {
    #[track_caller]
    pub(crate) fn is(&self, code: i32, stdout: &str, stderr: &str) {
        assert_eq!((self.code, self.stdout.as_str(), self.stderr.as_str()), (code, stdout, stderr));
    }

    #[track_caller]
    pub(crate) fn is_usage_error(&self, message: &str) {
        self.is(2, "", &format!("entra-risk: {message}\nSee entra-risk --help.\n"));
        assert!(self.exchanges.is_empty());
    }
}

/// The arguments of a command line.
fn arguments(line: &str) -> Vec<&str> {
    let parts = (0..).zip(line.split('"'));
    parts
        .flat_map(|(number, part)| if number % 2 == 1 { vec![part] } else { part.split_whitespace().collect() })
        .collect()
}

pub(crate) fn id(number: usize) -> String {
    format!("8f0e4c0b-6ec1-4c1e-a9b8-{number:012x}")
}

pub(crate) fn ids(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| id(number) + "\n").collect()
}

/// A Microsoft Graph in whose tenant these users are absent.
pub(crate) fn graph(absent: impl IntoIterator<Item = usize>) -> Arc<Graph> {
    let absent = absent.into_iter().map(|number| id(number).parse().unwrap()).collect();
    Arc::new(Graph::new(Settings { absent, ..Settings::default() }))
}
