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
fn run(shell: &Shell, graph: &Arc<Graph>, polls: usize) -> Option<usize> {
    let run = Killed { future: Box::pin(shell.run_before(LINE, graph.clone())), polls };
    // Dropping the runtime waits for the call of the operating system in which it was killed.
    virtual_time(run).map(|(_, left)| polls - left)
}

#[test]
fn a_killed_run_loses_no_id() {
    let random = &mut StdRng::seed_from_u64(7);
    let all: BTreeSet<String> = (0..IDS).map(id).collect();
    for terminal in [false, true] {
        let polls = run(&shell(terminal), &graph(), usize::MAX).unwrap();
        let mut logged_lines = BTreeSet::new();
        for _ in 0..KILLS {
            let (shell, graph) = (shell(terminal), graph());
            let killed_after = random.random_range(1..polls);
            run(&shell, &graph, killed_after);
            check(&shell, &graph, &all);
            logged_lines.insert(shell.read_or_empty("log.jsonl").lines().count());
            // Run again with what remains.
            let mut runs = 1;
            while run(&shell, &graph, if runs < 3 { random.random_range(1..polls) } else { usize::MAX }).is_none() {
                check(&shell, &graph, &all);
                runs += 1;
            }
            check(&shell, &graph, &all);
            assert_eq!(shell.read("left.txt"), "");
        }
        assert!(logged_lines.len() > 5, "killed at different moments: {logged_lines:?}");
    }
}

/// Each id is in the log, accepted or refused, or in the list of those that remain; what the log says is true.
#[track_caller]
fn check(shell: &Shell, graph: &Graph, all: &BTreeSet<String>) {
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
    let applied: BTreeSet<String> = graph.applied().into_keys().map(|(_, id)| id.to_string()).collect();
    assert!(accepted.is_subset(&applied), "accepted in the log, but not applied");
}
