//! The command in its own directory, as a shell runs it: arguments, files, pipes and a terminal.

use std::fs;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use graph_model::{Behavior, Graph, Service, Settings};
use host_test::host::{Exchange, Host, Outbound};
use host_test::plugin::{CANARY, canary};
use host_test::script::Script;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use wasmtime::Store;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError};
use wasmtime_wasi::{FsPerms, HostWallClock, I32Exit, WasiCtx, async_trait};

use crate::compositions::command;
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
}

/// The result of a run.
pub(crate) struct Completed {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// What was written to standard error at once, and when, since the start of the run.
    pub(crate) written: Vec<(Duration, String)>,
    pub(crate) exchanges: Vec<Exchange>,
}

/// Standard output or error, which may be a terminal, or fail.
struct Screen {
    output: Output,
    is_terminal: bool,
    failing: Option<Failing>,
}

/// What is written, and when.
#[derive(Clone)]
struct Output {
    pipe: MemoryOutputPipe,
    start: Instant,
    written: Arc<Mutex<Vec<(Duration, String)>>>,
}

/// A stream that cannot be written.
#[derive(Clone, Copy)]
pub(crate) enum Failing {
    /// It has no reader.
    Closed,
    /// It is a file on a full disk, in a runtime that adds a backtrace to its errors.
    Full,
}

/// Standard input, which is a terminal or not.
struct Keyboard(MemoryInputPipe, bool);

/// A clock in virtual time.
struct WallClock(Instant);

/// The date at the start of every run, in seconds since 1970: 2026-11-21T09:00:00Z.
const START: u64 = 1_795_251_600;

impl IsTerminal for Screen {
    fn is_terminal(&self) -> bool {
        self.is_terminal
    }
}

impl StdoutStream for Screen {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        self.output.pipe.async_stream()
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        match self.failing {
            Some(failing) => Box::new(failing),
            None => Box::new(self.output.clone()),
        }
    }
}

impl Output {
    fn new(start: Instant) -> Self {
        Output { pipe: MemoryOutputPipe::new(1 << 24), start, written: Arc::default() }
    }

    fn text(&self) -> String {
        String::from_utf8(self.pipe.contents().into()).unwrap()
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        self.written.lock().unwrap().push((self.start.elapsed(), text));
        self.pipe.write(bytes)
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        self.pipe.flush()
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        self.pipe.check_write()
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        self.pipe.ready().await;
    }
}

impl OutputStream for Failing {
    fn write(&mut self, _: Bytes) -> Result<(), StreamError> {
        self.check_write().map(drop)
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        self.check_write().map(drop)
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Err(match self {
            Failing::Closed => StreamError::Closed,
            Failing::Full => {
                StreamError::LastOperationFailed(wasmtime::Error::msg("disk full\nStack backtrace:\n 0: f"))
            }
        })
    }
}

#[async_trait]
impl Pollable for Failing {
    async fn ready(&mut self) {}
}

impl IsTerminal for Keyboard {
    fn is_terminal(&self) -> bool {
        self.1
    }
}

impl StdinStream for Keyboard {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        self.0.async_stream()
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        self.0.p2_stream()
    }
}

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_secs(START) + self.0.elapsed()
    }
}

impl Shell {
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        Shell { directory: temporary.path().to_owned(), _temporary: Some(temporary), ..Shell::at(PathBuf::new()) }
    }

    /// A shell in a directory that exists.
    pub(crate) fn at(directory: PathBuf) -> Self {
        let input = Bytes::new();
        Shell { directory, _temporary: None, input, input_terminal: false, terminal: false, failing: None }
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

    /// Runs a command line, split at spaces, with a Microsoft Graph that follows this script.
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
        let (stdout, stderr) = (Output::new(Instant::now()), Output::new(Instant::now()));
        let mut wasi = WasiCtx::builder();
        wasi.env("GRAPH_TOKEN", CANARY).env("ENTRA_RISK_ALLOWED_ENDPOINTS", "https://a.test:8443");
        wasi.envs(ENVIRONMENT)
            .env("ENTRA_RISK_CREDENTIAL", credential)
            .arg("entra-risk")
            .args(&line.split_whitespace().collect::<Vec<_>>());
        wasi.stdin(Keyboard(MemoryInputPipe::new(self.input.clone()), self.input_terminal));
        wasi.stdout(Screen { output: stdout.clone(), is_terminal: false, failing: self.failing });
        wasi.stderr(Screen { output: stderr.clone(), is_terminal: self.terminal, failing: None });
        wasi.wall_clock(WallClock(Instant::now()));
        wasi.preopened_dir(&self.directory, ".", FsPerms::ReadWrite).unwrap();
        wasi.preopened_dir("/dev", "/dev", FsPerms::ReadWrite).unwrap();
        let host = Host::with(&mut wasi, Outbound::InProcess(graph), canary(), 1);
        let mut store = Store::new(command.engine(), host);
        let command = CommandPre::new(command.clone()).unwrap().instantiate_async(&mut store).await.unwrap();
        let code = match command.wasi_cli_run().call_run(&mut store).await {
            Ok(Ok(())) => 0,
            Ok(Err(())) => 1,
            Err(error) => error.downcast_ref::<I32Exit>().expect("the command trapped").0,
        };
        let written = stderr.written.lock().unwrap().clone();
        let [stdout, stderr] = [stdout, stderr].map(|output| output.text());
        assert!(!format!("{stdout}{stderr}").contains(CANARY), "the output contains the token");
        for entry in fs::read_dir(&self.directory).unwrap() {
            let path = entry.unwrap().path();
            // Reading a FIFO would wait for a writer.
            let text = if path.is_file() { fs::read(path).unwrap_or_default() } else { Vec::new() };
            assert!(!String::from_utf8_lossy(&text).contains(CANARY), "a file contains the token");
        }
        Completed { code, stdout, stderr, written, exchanges: store.data().exchanges() }
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

/// A future that is dropped instead of polled once more than `polls` times: its process is killed
/// between two calls of the host.
pub(crate) struct Killed<F> {
    pub(crate) future: Pin<Box<F>>,
    pub(crate) polls: usize,
}

impl<F: Future> Future for Killed<F> {
    /// None if it was killed; otherwise the output, and the polls that were left.
    type Output = Option<(F::Output, usize)>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(polls) = self.polls.checked_sub(1) else { return Poll::Ready(None) };
        self.polls = polls;
        self.future.as_mut().poll(context).map(|output| Some((output, polls)))
    }
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
