//! The command as users run it, with arguments, files, pipes and a terminal, and a scripted Microsoft Graph.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use graph_model::{Behavior, Graph, Reply, Request, Service, Settings};
use host_test::host::{Exchange, Host, Outbound};
use host_test::plugin::{CANARY, canary};
use host_test::script::{Script, accepted, graph_error, respond};
use serde_json::{Value, json};
use tokio::io::AsyncWrite;
use tokio::time::{Instant, timeout};
use wasmtime::Store;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx};

use crate::compositions::{command, imports};

/// The command in its own directory.
struct Shell {
    directory: tempfile::TempDir,
    input: Bytes,
    terminal: bool,
}

/// The result of a run.
struct Completed {
    code: i32,
    stdout: String,
    stderr: String,
    exchanges: Vec<Exchange>,
}

/// Standard error that is a terminal, or not.
struct Screen(MemoryOutputPipe, bool);

/// A Microsoft Graph that is down.
struct Outage;

impl Service for Outage {
    fn serve(&self, _: Duration, _: Request) -> Reply {
        Reply::at_once(graph_error(503, &[], "serviceNotAvailable", "The service is unavailable."))
    }
}

impl IsTerminal for Screen {
    fn is_terminal(&self) -> bool {
        self.1
    }
}

impl StdoutStream for Screen {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        self.0.async_stream()
    }
}

impl Shell {
    fn new() -> Self {
        Shell { directory: tempfile::tempdir().unwrap(), input: Bytes::new(), terminal: false }
    }

    fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.path(name), content).unwrap();
        self
    }

    fn input(self, input: impl Into<Bytes>) -> Self {
        Shell { input: input.into(), ..self }
    }

    fn terminal(self) -> Self {
        Shell { terminal: true, ..self }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        Path::join(self.directory.path(), name)
    }

    #[track_caller]
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs a command line, split at spaces, with a Microsoft Graph that follows this script.
    async fn run(&self, line: &str, behaviors: impl IntoIterator<Item = Behavior>) -> Completed {
        self.run_before(line, Script::at_once(behaviors)).await
    }

    /// Runs a command line with this Microsoft Graph.
    async fn run_before(&self, line: &str, graph: Arc<dyn Service>) -> Completed {
        let (stdout, stderr) = (MemoryOutputPipe::new(1 << 24), MemoryOutputPipe::new(1 << 24));
        let mut wasi = WasiCtx::builder();
        wasi.env("GRAPH_TOKEN", CANARY)
            .env("ENTRA_RISK_ENDPOINTS", "https://a.test:8443")
            .arg("entra-risk")
            .args(&line.split_whitespace().collect::<Vec<_>>());
        wasi.stdin(MemoryInputPipe::new(self.input.clone()));
        wasi.stdout(stdout.clone()).stderr(Screen(stderr.clone(), self.terminal));
        wasi.preopened_dir(self.directory.path(), ".", FsPerms::ReadWrite).unwrap();
        let host = Host::with(&mut wasi, Outbound::InProcess(graph), canary(), 1);
        let mut store = Store::new(command().engine(), host);
        let command = CommandPre::new(command().clone()).unwrap().instantiate_async(&mut store).await.unwrap();
        let code = match command.wasi_cli_run().call_run(&mut store).await {
            Ok(Ok(())) => 0,
            Ok(Err(())) => 1,
            Err(error) => error.downcast_ref::<I32Exit>().expect("the command trapped").0,
        };
        let [stdout, stderr] = [stdout, stderr].map(|pipe| String::from_utf8(pipe.contents().into()).unwrap());
        assert!(!format!("{stdout}{stderr}").contains(CANARY), "the output contains the token");
        Completed { code, stdout, stderr, exchanges: store.data().exchanges() }
    }
}

impl Completed {
    #[track_caller]
    fn is(&self, code: i32, stdout: &str, stderr: &str) {
        assert_eq!((self.code, self.stdout.as_str(), self.stderr.as_str()), (code, stdout, stderr));
    }

    #[track_caller]
    fn is_usage_error(&self, message: &str) {
        self.is(2, "", &format!("entra-risk: {message}\nSee entra-risk --help.\n"));
        assert!(self.exchanges.is_empty());
    }
}

fn id(number: usize) -> String {
    format!("8f0e4c0b-6ec1-4c1e-a9b8-{number:012x}")
}

fn ids(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| id(number) + "\n").collect()
}

/// A Microsoft Graph in whose tenant these users are absent.
fn graph(absent: impl IntoIterator<Item = usize>) -> Arc<Graph> {
    let absent = absent.into_iter().map(|number| id(number).parse().unwrap()).collect();
    Arc::new(Graph::new(Settings { absent, ..Settings::default() }))
}

fn not_found() -> Behavior {
    graph_error(404, &[], "Request_ResourceNotFound", "Resource does not exist.")
}

#[tokio::test(start_paused = true)]
async fn a_thousand_accepted_ids_are_summarized_in_one_line() {
    let shell = Shell::new().file("ids.txt", ids(0..1000));
    let run = shell.run("dismiss-risky-users --file ids.txt", vec![accepted(); 17]).await;
    run.is(0, "dismiss-risky-users: 1000 of 1000 ids accepted\n", "");
}

#[tokio::test(start_paused = true)]
async fn a_terminal_shows_progress_and_the_rate_limit_is_kept() {
    let shell = Shell::new().file("ids.txt", ids(0..1000)).terminal();
    let run = shell.run("dismiss-risky-users --file ids.txt", vec![accepted(); 17]).await;
    assert_eq!(run.stdout, "dismiss-risky-users: 1000 of 1000 ids accepted\n");
    let lines: Vec<&str> = run.stderr.split("\r\x1b[K").collect();
    assert_eq!(
        lines,
        [
            "",
            "dismiss-risky-users: 0 of 1000 ids, 0 not accepted",
            "dismiss-risky-users: 300 of 1000 ids, 0 not accepted, about 9 s remaining",
            "dismiss-risky-users: 600 of 1000 ids, 0 not accepted, about 6 s remaining",
            "dismiss-risky-users: 900 of 1000 ids, 0 not accepted, about 1 s remaining",
            "dismiss-risky-users: 1000 of 1000 ids, 0 not accepted, about 0 s remaining",
            "",
        ]
    );
    for pair in run.exchanges.windows(2) {
        assert!(pair[1].sent - pair[0].sent >= Duration::from_secs(1), "a slice exceeds the rate limit");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_prints_the_requests() {
    let actions = ["dismiss-sign-ins", "confirm-sign-ins-safe", "confirm-sign-ins-compromised", "dismiss-risky-users"];
    let options = ["", "--ids-per-request 2", "--cloud us-gov-l5 --api-version beta", "--endpoint https://a.test:8443"];
    for action in actions {
        for options in options {
            let line = format!("{action} {options} {} {} {}", id(1), id(2), id(3));
            let planned = Shell::new().run(&format!("{line} --dry-run"), []).await;
            let requests = if options.contains("--ids-per-request") { 2 } else { 1 };
            let sent = Shell::new().run(&line, vec![accepted(); requests]).await;
            let sent: String = sent
                .exchanges
                .iter()
                .map(|Exchange { request, .. }| {
                    let body = str::from_utf8(request.body()).unwrap();
                    format!("{} {}\n{body}\n", request.method(), request.uri())
                })
                .collect();
            assert_eq!(planned.stdout, sent, "{line}");
            assert_eq!(planned.code, 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn remaining_ids_can_be_run_again() {
    let line =
        "dismiss-risky-users --file ids.txt --ids-per-request 1 --max-attempts 1 --remaining left.txt --refused r.txt";
    let shell = Shell::new().file("ids.txt", ids(0..4)).file("left.txt", ids(7..70));
    let run = shell.run(line, [accepted(), not_found(), Behavior::Silence, accepted()]).await;
    assert_eq!(run.code, 1);
    assert!(run.stdout.starts_with("dismiss-risky-users: 2 of 4 ids accepted, 1 refused, 0 not-applied, 1 unknown\n"));
    assert_eq!((shell.read("left.txt"), shell.read("r.txt")), (ids(2..3), ids(1..2)));

    let again = shell.run("dismiss-risky-users --file left.txt --remaining left.txt", [accepted()]).await;
    again.is(0, "dismiss-risky-users: 1 of 1 ids accepted\n", "");
    assert_eq!(shell.read("left.txt"), "");
    let nothing = shell.run("dismiss-risky-users --file left.txt", []).await;
    nothing.is(0, "dismiss-risky-users: 0 of 0 ids accepted\n", "");
}

#[tokio::test(start_paused = true)]
async fn refused_ids_are_found_and_listed_each_with_its_reason() {
    for terminal in [false, true] {
        let shell = Shell { terminal, ..Shell::new().file("ids.txt", ids(0..400)) };
        let line = "dismiss-risky-users --file ids.txt --remaining left.txt --refused r.txt";
        let run = shell.run_before(line, graph([7, 300])).await;
        assert_eq!(run.code, 1);
        let lines: Vec<&str> = run.stdout.lines().collect();
        let [counts, "", reason, advice, first, second] = lines[..] else { panic!("{}", run.stdout) };
        assert_eq!(counts, "dismiss-risky-users: 398 of 400 ids accepted, 2 refused, 0 not-applied, 0 unknown");
        assert_eq!(reason, "2 refused: client-error, HTTP 404 Request_ResourceNotFound");
        assert_eq!(advice, "  Probably unknown in the tenant or not at risk: do not run again unchanged.");
        for (line, id) in [(first, id(7)), (second, id(300))] {
            let expected = format!("    {id}: Resource '{id}' does not exist or is not at risk. (request-id ");
            assert!(line.starts_with(&expected), "{line}");
        }
        assert_eq!((shell.read("left.txt").as_str(), shell.read("r.txt")), ("", [id(7), id(300)].join("\n") + "\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn without_isolation_a_refused_request_is_listed_as_a_whole() {
    let shell = Shell::new().file("ids.txt", ids(0..120));
    let line = "dismiss-risky-users --file ids.txt --no-isolate-refused --remaining left.txt --refused r.txt";
    let run = shell.run(line, [not_found(), accepted()]).await;
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("Run again without --no-isolate-refused to find it."), "{}", run.stdout);
    assert_eq!((shell.read("left.txt"), shell.read("r.txt")), (ids(0..60), ids(0..60)));
}

#[tokio::test(start_paused = true)]
async fn an_outage_ends_the_run_when_patience_is_over() {
    for terminal in [false, true] {
        let shell = Shell { terminal, ..Shell::new().file("ids.txt", ids(0..10_000)) };
        let start = Instant::now();
        let run = shell.run_before("dismiss-risky-users --file ids.txt --remaining left.txt", Arc::new(Outage)).await;
        assert_eq!((run.code, shell.read("left.txt")), (1, ids(0..10_000)));
        // The call ends early if the next attempt would come too late.
        assert!((165..=190).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        let counts = "dismiss-risky-users: 0 of 10000 ids accepted, 0 refused, ";
        assert!(run.stdout.starts_with(counts), "{}", run.stdout);
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_run_keeps_the_remaining_ids() {
    let shell = Shell::new().file("ids.txt", ids(0..600)).terminal();
    let run = shell.run("dismiss-risky-users --file ids.txt --remaining left.txt", vec![accepted(); 7]);
    timeout(Duration::from_millis(6_500), run).await.err().expect("interrupted");
    assert_eq!(shell.read("left.txt"), ids(300..600), "only the first slice is accepted");
}

#[tokio::test(start_paused = true)]
async fn a_403_ends_the_run() {
    for terminal in [false, true] {
        let shell = Shell { terminal, ..Shell::new().file("ids.txt", ids(0..600)) };
        let denied = graph_error(403, &[], "Authorization_RequestDenied", "Insufficient privileges.");
        let line = "dismiss-risky-users --file ids.txt --remaining left.txt --max-in-flight 1";
        let run = shell.run(line, [accepted(), denied]).await;
        assert_eq!(run.code, 1);
        let first = "dismiss-risky-users: 60 of 600 ids accepted, 0 refused, 540 not-applied, 0 unknown\n\n\
                     60 not-applied: forbidden, HTTP 403 Authorization_RequestDenied: Insufficient privileges.\n";
        assert!(run.stdout.starts_with(first), "{}", run.stdout);
        assert!(run.stdout.contains("Grant IdentityRiskyUser.ReadWrite.All"), "{}", run.stdout);
        assert!(run.stdout.contains("480 not-applied: not-attempted"), "{}", run.stdout);
        assert_eq!(shell.read("left.txt"), ids(60..600));
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_covers_all_slices() {
    for terminal in [false, true] {
        let shell = Shell { terminal, ..Shell::new().file("ids.txt", ids(0..600)) };
        let run = shell.run("dismiss-risky-users --file ids.txt --deadline 7500ms", vec![accepted(); 8]).await;
        assert_eq!(run.code, 1);
        let first = "dismiss-risky-users: 480 of 600 ids accepted, 0 refused, 120 not-applied, 0 unknown\n\n\
                     120 not-applied: not-attempted";
        assert!(run.stdout.starts_with(first), "{}", run.stdout);
    }
}

#[tokio::test(start_paused = true)]
async fn json_reports_every_id() {
    let shell = Shell::new().input(ids(0..3));
    let run = shell.run("dismiss-sign-ins --json --ids-per-request 1", [accepted(), not_found(), accepted()]).await;
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["ids"], json!({"accepted": 2, "refused": 1, "notApplied": 0, "unknown": 0}));
    assert_eq!(report["refused"][0]["ids"], json!([id(1)]));
    assert_eq!(report["refused"][0]["error"]["graph"]["code"], "Request_ResourceNotFound");
    assert_eq!(report["cause"]["kind"], "client-error");
}

#[tokio::test(start_paused = true)]
async fn ids_come_from_arguments_files_columns_and_pipes() {
    let shell = Shell::new().file("ids.csv", format!("name,id\nA,{}\nB,{}\n", id(2), id(1)));
    let shell = shell.input(format!("id\r\n{}\r\n", id(3)));
    let line = format!("dismiss-sign-ins {} - --file ids.csv --column ID", id(1));
    let run = shell.run(&line, [accepted()]).await;
    let repeated = "entra-risk: 1 repeated ids are sent once\n";
    run.is(0, "dismiss-sign-ins: 3 of 3 ids accepted\n", repeated);
    let body = json!({"requestIds": [id(1), id(2), id(3)]}).to_string();
    assert_eq!(run.exchanges[0].request.body(), body.as_bytes());
}

#[tokio::test(start_paused = true)]
async fn usage_errors_name_the_argument_and_send_nothing() {
    let shell = Shell::new().file("ids.txt", format!("{}\nx\n", id(1))).file("taken", "");
    let cases = [
        ("".to_owned(), "expected an action".to_owned()),
        (
            "dismiss-risky-users --file ids.txt".to_owned(),
            "ids.txt:2: expected an id (a hyphenated GUID); got \"x\"".to_owned(),
        ),
        ("dismiss-risky-users x".to_owned(), "argument: expected an id (a hyphenated GUID); got \"x\"".to_owned()),
        ("dismiss-risky-users --file none.txt".to_owned(), "none.txt: No such file or directory".to_owned()),
        (
            "dismiss-risky-users --file /etc/ids.txt".to_owned(),
            "/etc/ids.txt: the runtime grants no directory that contains it; grant one, for example with wasmtime run \
             --dir ."
                .to_owned(),
        ),
        (
            format!("dismiss-risky-users {} --remaining taken/left.txt", id(1)),
            "taken/left.txt: Not a directory or a symbolic link to a directory".to_owned(),
        ),
    ];
    for (line, message) in cases {
        shell.run(&line, []).await.is_usage_error(&message);
    }
    let refused = shell.run(&format!("dismiss-risky-users {} --endpoint http://a.test", id(1)), []).await;
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    assert!(refused.stderr.contains("endpoint"), "{}", refused.stderr);
}

#[tokio::test(start_paused = true)]
async fn help_and_version_are_printed() {
    let help = Shell::new().run("--help", []).await;
    assert!(help.code == 0 && help.stdout.contains("Usage: entra-risk ACTION") && help.stderr.is_empty());
    assert_eq!(Shell::new().run("dismiss-sign-ins -h", []).await.stdout, help.stdout);
    Shell::new().run("-V", []).await.is(0, concat!("entra-risk ", env!("CARGO_PKG_VERSION"), "\n"), "");
}

#[tokio::test(start_paused = true)]
async fn control_characters_of_responses_are_not_printed() {
    let page = respond(400, &[], r#"{"error":{"code":"\u001b]0;owned\u0007","message":"a\u001b[2Jb\nc"}}"#);
    let run = Shell::new().run(&format!("dismiss-sign-ins {}", id(1)), [page]).await;
    assert_eq!(run.code, 1);
    assert!(!run.stdout.contains(|c: char| c.is_control() && c != '\n'), "{:?}", run.stdout);
}

#[test]
fn imports_are_those_of_the_worlds() {
    let expected = [
        "wasi:cli/environment@0.2.2",
        "wasi:cli/exit@0.2.2",
        "wasi:cli/stderr@0.2.2",
        "wasi:cli/stdin@0.2.2",
        "wasi:cli/stdout@0.2.2",
        "wasi:cli/terminal-input@0.2.2",
        "wasi:cli/terminal-output@0.2.2",
        "wasi:cli/terminal-stderr@0.2.2",
        "wasi:cli/terminal-stdin@0.2.2",
        "wasi:clocks/monotonic-clock@0.2.2",
        "wasi:filesystem/preopens@0.2.2",
        "wasi:filesystem/types@0.2.2",
        "wasi:http/outgoing-handler@0.2.2",
        "wasi:http/types@0.2.2",
        "wasi:io/error@0.2.2",
        "wasi:io/poll@0.2.2",
        "wasi:io/streams@0.2.2",
        "wasi:random/random@0.2.2",
    ];
    assert_eq!(imports("entra-risk-cli"), expected);
}
