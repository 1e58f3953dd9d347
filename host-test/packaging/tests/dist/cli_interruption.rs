//! Runs that are killed at random moments: between any two calls of the host, among them those that write the files.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use graph_model::{Graph, Settings};
use host_test::clock::virtual_time;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::cli_endings::log;
use crate::shell::{Killed, Shell, id, ids};

const IDS: usize = 10_000;
const KILLS: usize = 25;
const LINE: &str = "dismiss-risky-users --file left.txt --remaining left.txt --log log.jsonl";

fn graph() -> Arc<Graph> {
    let latency = Duration::from_secs(1);
    let absent = [17, 4_711, 9_999].map(|number| id(number).parse().unwrap()).into();
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
        assert!(moments.len() > KILLS / 3, "different moments: {moments:?}");
    }
}

/// Each id is in the log, accepted or refused, or in the list of those that remain; what the log says is true.
#[track_caller]
fn check(shell: &Shell, applied: &BTreeSet<String>, all: &BTreeSet<String>) {
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
    assert!(accepted.is_subset(applied), "accepted in the log, but not applied");
}
