//! Runs that end at random moments: killed between any two calls of the host, among them those that write the files, and
//! processes ended by SIGTERM.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use graph_model::{Graph, Settings};
use host_test::clock::virtual_time;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::cli_endings::log;
use crate::compositions::{COMPILED_COMMAND, command};
use crate::shell::{Killed, Shell, id, ids};

const IDS: usize = 3_000;
const KILLS: usize = 25;
const LINE: &str = "dismiss-risky-users --file left.txt --remaining left.txt --log log.jsonl";

fn graph() -> Arc<Graph> {
    let latency = Duration::from_secs(1);
    let absent = [17, 1_234, 2_999].map(|number| id(number).parse().unwrap()).into();
    Arc::new(Graph::new(Settings { latency: latency..=latency, absent, ..Settings::default() }))
}

fn shell(terminal: bool) -> Shell {
    Shell::new().file("left.txt", ids(0..IDS)).terminal_if(terminal)
}

/// Runs the command for at most so many polls. Returns the polls, if it was not killed.
fn run(shell: &Shell, applied: &mut BTreeSet<String>, polls: usize) -> Option<usize> {
    // A new one each time, because its clock starts with the run.
    let graph = graph();
    let run = Killed { future: Box::pin(shell.run_before(LINE, graph.clone())), polls };
    // Dropping the runtime waits for the call of the operating system in which it was killed.
    let result = virtual_time(run).map(|(_, left)| polls - left);
    applied.extend(graph.applied().into_keys().map(|(_, id)| id.to_string()));
    result
}

#[test]
fn a_killed_run_loses_no_id() {
    let random = &mut StdRng::seed_from_u64(7);
    let all: BTreeSet<String> = (0..IDS).map(id).collect();
    for terminal in [false, true] {
        let polls = run(&shell(terminal), &mut BTreeSet::new(), usize::MAX).unwrap();
        let mut moments = BTreeSet::new();
        for _ in 0..KILLS {
            let (shell, applied) = (shell(terminal), &mut BTreeSet::new());
            let mut most = random.random_range(1..polls);
            let mut runs = 0;
            // Killed up to three times, and run again with what remains.
            while run(&shell, applied, most).is_none() {
                check(&shell, applied, &all);
                runs += 1;
                moments.insert(shell.read_or_empty("log.jsonl").len());
                most = if runs < 3 { random.random_range(1..polls) } else { usize::MAX };
            }
            check(&shell, applied, &all);
            assert_eq!(shell.read("left.txt"), "");
        }
        assert!(moments.len() >= 5, "different moments: {moments:?}");
    }
}

/// The variables of a process that `child` runs in.
const DIRECTORY: &str = "ENTRA_RISK_TEST_DIRECTORY";
const TERMINAL: &str = "ENTRA_RISK_TEST_TERMINAL";

/// Not a test: the body of the processes that the next test ends. Without the variables it does nothing.
#[test]
#[ignore = "the body of other processes"]
fn child() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let shell = Shell::at(directory.into()).terminal_if(env::var_os(TERMINAL).is_some());
    command();
    println!("started");
    run(&shell, &mut BTreeSet::new(), usize::MAX);
}

fn start(shell: &Shell, compiled: &Path, terminal: bool) -> Child {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--ignored", "--exact", "cli_interruption::child", "--nocapture"]);
    child.env(DIRECTORY, shell.path("")).env(COMPILED_COMMAND, compiled).stdout(Stdio::piped());
    if terminal {
        child.env(TERMINAL, "1");
    }
    let mut child = child.spawn().unwrap();
    let mut output = Vec::new();
    while !output.ends_with(b"started\n") {
        let mut byte = [0];
        child.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
        output.extend(byte);
    }
    child
}

#[test]
fn a_run_ended_by_sigterm_loses_no_id() {
    let random = &mut StdRng::seed_from_u64(8);
    let all: BTreeSet<String> = (0..IDS).map(id).collect();
    let folder = tempfile::tempdir().unwrap();
    let compiled = folder.path().join("command");
    fs::write(&compiled, command().component().serialize().unwrap()).unwrap();
    for terminal in [false, true] {
        let whole = shell(terminal);
        let mut child = start(&whole, &compiled, terminal);
        let begin = Instant::now();
        assert!(child.wait().unwrap().success());
        let time = begin.elapsed();
        assert_eq!(whole.read("left.txt"), "");
        let mut moments = BTreeSet::new();
        for _ in 0..KILLS {
            let shell = shell(terminal);
            let mut child = start(&shell, &compiled, terminal);
            thread::sleep(time.mul_f64(random.random()));
            let ended = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
            assert!(ended.success());
            child.wait().unwrap();
            check_files(&shell, &all);
            moments.insert(shell.read_or_empty("log.jsonl").len());
        }
        assert!(moments.len() >= 5, "different moments: {moments:?}");
    }
}

/// Each id is in the log, accepted or refused, or in the list of those that remain; what the log says is true.
#[track_caller]
fn check(shell: &Shell, applied: &BTreeSet<String>, all: &BTreeSet<String>) {
    assert!(check_files(shell, all).is_subset(applied), "accepted in the log, but not applied");
}

/// Returns the ids that are accepted in the log.
#[track_caller]
fn check_files(shell: &Shell, all: &BTreeSet<String>) -> BTreeSet<String> {
    let left = shell.read("left.txt");
    assert!(left.is_empty() || left.ends_with('\n'));
    let left: BTreeSet<String> = left.lines().map(str::to_owned).collect();
    let log = log(&shell.read_or_empty("log.jsonl"));
    let with = |outcome: &str| -> BTreeSet<String> {
        log.iter().filter(|(kind, _)| kind == outcome).flat_map(|(_, ids)| ids.clone()).collect()
    };
    let (accepted, refused) = (with("accepted"), with("refused"));
    let union: BTreeSet<String> = [&left, &accepted, &refused].into_iter().flatten().cloned().collect();
    assert_eq!(union.len(), all.len());
    assert!(union == *all);
    accepted
}
