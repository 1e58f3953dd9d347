//! Runs that end at random moments: killed between any two calls of the host, among them those that
//! write the files, and processes ended by SIGKILL.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{env, fs};

use graph_model::{Graph, Reply, Request, Service, Settings};
use host_test::clock::virtual_time;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::cli_endings::log;
use crate::compositions::{COMPILED_COMMAND, command};
use crate::shell::{Shell, id, ids};

/// A future that is dropped instead of polled once more than `polls` times: its process is killed
/// between two calls of the host.
struct Killed<F> {
    future: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for Killed<F> {
    /// None if it was killed; otherwise the output, and the polls that remained.
    type Output = Option<(F::Output, usize)>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(polls) = self.polls.checked_sub(1) else { return Poll::Ready(None) };
        self.polls = polls;
        self.future.as_mut().poll(context).map(|output| Some((output, polls)))
    }
}

const IDS: usize = 3_000;
const KILLS: usize = 25;
const SIGKILLS: usize = 50;
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

/// The variable that tells the test to be such a process, and in which directory.
const DIRECTORY: &str = "ENTRA_RISK_TEST_DIRECTORY";

/// The time between two notes of the time.
const TICK: Duration = Duration::from_millis(50);

/// A Microsoft Graph that responds in 3 s, and notes on standard output what it applies and when it
/// has responded. What is noted outlives the process.
struct Noted(Graph);

impl Service for Noted {
    fn serve(&self, now: Duration, request: Request) -> Reply {
        let (reply, arrival) = self.0.serve_recorded(now, request);
        if arrival.applied {
            println!("applied {} {}", (now + reply.after).as_millis(), arrival.ids.join(" "));
        }
        reply
    }
}

/// The body of a process that the test starts and ends: runs the command in this directory.
fn run_noted(directory: OsString) {
    let shell = Shell::at(directory.into());
    command();
    println!("started");
    virtual_time(async {
        let start = tokio::time::Instant::now();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                println!("time {}", start.elapsed().as_millis());
            }
        });
        let latency = Duration::from_secs(3);
        let graph = Graph::new(Settings { latency: latency..=latency, ..Settings::default() });
        shell.run_before(LINE, Arc::new(Noted(graph))).await;
    });
}

fn start(shell: &Shell, compiled: &Path) -> Child {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "cli_interruption::a_run_ended_by_sigkill_has_every_response_in_its_log", "--nocapture"]);
    child.env(DIRECTORY, shell.path("")).env(COMPILED_COMMAND, compiled).stdout(Stdio::piped()).stderr(Stdio::null());
    child.spawn().unwrap()
}

/// What a process noted: when each id that was applied had its response, and the latest time.
struct Notes {
    responded: BTreeMap<String, Duration>,
    time: Duration,
}

/// Runs the command in a process of its own, ends it after it has noted this much, and returns its
/// notes and how much it noted. Without a number, it ends by itself.
fn run_process(shell: &Shell, compiled: &Path, after: Option<usize>) -> (Notes, usize) {
    let mut child = start(shell, compiled);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap_or_default());
    let mut lines = lines.skip_while(|line| line != "started").skip(1);
    let mut noted: Vec<String> = lines.by_ref().take(after.unwrap_or(usize::MAX)).collect();
    if after.is_some() {
        child.kill().unwrap();
    }
    noted.extend(lines);
    let status = child.wait().unwrap();
    assert!(after.is_some() || status.success());
    let mut notes = Notes { responded: BTreeMap::new(), time: Duration::ZERO };
    for line in &noted {
        let mut words = line.split(' ');
        let (word, time) = (words.next(), words.next().and_then(|time| time.parse().ok().map(Duration::from_millis)));
        match (word, time) {
            (Some("applied"), Some(responded)) => {
                notes.responded.extend(words.map(|id| (id.to_owned(), responded)));
            }
            (Some("time"), Some(time)) => notes.time = time,
            _ => {}
        }
    }
    (notes, noted.len())
}

#[test]
fn a_run_ended_by_sigkill_has_every_response_in_its_log() {
    if let Some(directory) = env::var_os(DIRECTORY) {
        return run_noted(directory);
    }
    let random = &mut StdRng::seed_from_u64(8);
    let all: BTreeSet<String> = (0..IDS).map(id).collect();
    let folder = tempfile::tempdir().unwrap();
    let compiled = folder.path().join("command");
    fs::write(&compiled, command().component().serialize().unwrap()).unwrap();
    let whole = shell(false);
    let (notes, most) = run_process(&whole, &compiled, None);
    assert_eq!((whole.read("left.txt").as_str(), notes.responded.len()), ("", IDS));
    let mut moments = BTreeSet::new();
    let (mut in_flight, mut just_answered) = (0, 0);
    for _ in 0..SIGKILLS {
        let shell = shell(false);
        let (notes, _) = run_process(&shell, &compiled, Some(random.random_range(0..most)));
        let logged = check_files(&shell, &all);
        for (id, responded) in notes.responded.iter().filter(|(id, _)| !logged.contains(*id)) {
            // The process ended at most a tick after the time that it noted last.
            match *responded >= notes.time {
                true => in_flight += 1,
                false => just_answered += 1,
            }
            let limit = notes.time.saturating_sub(Duration::from_millis(100) - TICK);
            assert!(*responded >= limit, "{id}: responded at {responded:?}, not in the log at {:?}", notes.time);
        }
        moments.insert(notes.time);
    }
    println!(
        "{SIGKILLS} kills at {} moments: not in the log were {in_flight} applied ids in flight, and {just_answered} just \
         answered",
        moments.len()
    );
}

/// Each id is in the log, accepted or refused, or in the list of those that remain; what the log
/// says is true.
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
