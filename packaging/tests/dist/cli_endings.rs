//! How runs end: the ids that remain, the log, and the exit code.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use graph_model::{Behavior, Reply, Request, Service, TransportError};
use host_test::script::{accepted, graph_error, respond};
use serde_json::Value;

use crate::shell::{Shell, graph, id, ids};

/// A Microsoft Graph that accepts so many requests, and then does always the same.
struct Ending {
    accepted: AtomicUsize,
    then: Behavior,
}

impl Service for Ending {
    fn serve(&self, _: Duration, _: Request) -> Reply {
        let accepts =
            self.accepted.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        Reply::at_once(if accepts { accepted() } else { self.then.clone() })
    }
}

fn service(accepted: usize, then: &Behavior) -> Arc<Ending> {
    Arc::new(Ending { accepted: AtomicUsize::new(accepted), then: then.clone() })
}

/// The lines of a log: the outcome and the ids of each.
#[track_caller]
pub(crate) fn log(text: &str) -> Vec<(String, Vec<String>)> {
    assert!(text.is_empty() || text.ends_with('\n'), "an incomplete line");
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let ids = line["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        (line["outcome"].as_str().unwrap().to_owned(), ids)
    };
    text.lines().map(line).collect()
}

fn behaviors() -> [(&'static str, Behavior); 7] {
    let denied = graph_error(403, &[], "Authorization_RequestDenied", "Insufficient privileges.");
    [
        ("401", graph_error(401, &[], "InvalidAuthenticationToken", "Access token is empty.")),
        ("403", denied),
        ("429", graph_error(429, &[("retry-after", "10")], "TooManyRequests", "Too many requests.")),
        ("302", respond(302, &[("location", "https://login.test/")], "")),
        ("503", graph_error(503, &[], "serviceNotAvailable", "The service is unavailable.")),
        ("time-out", Behavior::Silence),
        ("connection refused", Behavior::Failed(TransportError::ConnectionRefused)),
    ]
}

#[tokio::test(start_paused = true)]
async fn remaining_contains_the_ids_worth_sending_again() {
    for (name, then) in behaviors() {
        for (terminal, accepted) in [(false, 0), (false, 7), (true, 0), (true, 7), (false, 20), (true, 20)] {
            let shell = Shell::new().file("ids.txt", ids(0..3_000)).terminal_if(terminal);
            let line = "dismiss-risky-users --file ids.txt --remaining ids.txt --log log.jsonl --max-in-flight 1";
            let run = shell.run_before(line, service(accepted, &then)).await;
            assert_ne!(run.code, 0, "{name}");
            assert_eq!(shell.read("ids.txt"), ids(accepted * 60..3_000), "{name} after {accepted}");
            let log = log(&shell.read("log.jsonl"));
            let mut logged: Vec<&String> = log.iter().flat_map(|(_, ids)| ids).collect();
            logged.sort();
            let expected: Vec<String> = (0..3_000).map(id).collect();
            assert_eq!(logged, expected.iter().collect::<Vec<_>>(), "{name}: each id once");
            let accepted_ids: BTreeSet<_> =
                log.iter().filter(|(kind, _)| kind == "accepted").flat_map(|l| &l.1).collect();
            assert_eq!(accepted_ids.len(), accepted * 60, "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refused_ids_do_not_remain() {
    for terminal in [false, true] {
        let shell = Shell::new().file("ids.txt", ids(0..3_000)).terminal_if(terminal);
        let line = "dismiss-risky-users --file ids.txt --remaining left.txt --refused refused.txt --log log.jsonl";
        let run = shell.run_before(line, graph([7, 2_900])).await;
        assert_eq!((run.code, shell.read("left.txt").as_str()), (1, ""));
        assert_eq!(shell.read("refused.txt"), format!("{}\n{}\n", id(7), id(2_900)));
        let log = log(&shell.read("log.jsonl"));
        let refused: Vec<_> = log.iter().filter(|(kind, _)| kind == "refused").map(|(_, ids)| ids.as_slice()).collect();
        assert_eq!(refused, [[id(7)], [id(2_900)]]);
        assert_eq!(log.iter().map(|(_, ids)| ids.len()).sum::<usize>(), 3_000);
    }
}

#[tokio::test(start_paused = true)]
async fn ids_that_were_refused_together_remain() {
    let shell = Shell::new().file("ids.txt", ids(0..121));
    let line = "dismiss-risky-users --file ids.txt --remaining ids.txt --no-isolate-refused";
    let run = shell.run_before(line, graph([3, 120])).await;
    assert_eq!((run.code, shell.read("ids.txt")), (1, ids(0..60)), "the last one was refused alone");
}

#[tokio::test(start_paused = true)]
async fn exit_code_3_means_that_nothing_could_be_done() {
    for (name, then) in behaviors() {
        let barred = ["401", "403", "connection refused"].contains(&name);
        let shell = Shell::new().input(ids(0..120));
        let line = "dismiss-risky-users - --max-in-flight 1";
        let run = shell.run_before(line, service(0, &then)).await;
        assert_eq!(run.code, if barred { 3 } else { 1 }, "{name}: {}", run.stdout);
        let run = shell.run_before(line, service(1, &then)).await;
        assert_eq!(run.code, 1, "{name} after an accepted request");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_line_names_action_time_and_request() {
    let shell = Shell::new().file("log.jsonl", "{\"time\":\"2026-11-20T09:00:00.000Z\"}\n");
    shell.run(&format!("dismiss-risky-users {} --log log.jsonl", id(1)), [accepted()]).await;
    let text = shell.read("log.jsonl");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "appended");
    let line = &lines[1];
    assert_eq!(line["time"], "2026-11-21T09:00:00.000Z");
    assert_eq!((&line["action"], &line["outcome"]), (&"dismiss-risky-users".into(), &"accepted".into()));
    assert_eq!(line["requestId"], host_test::script::REQUEST_ID);
    assert!(line["clientRequestId"].as_str().is_some_and(|id| id.len() == 36));
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_many_ids_is_several_log_lines() {
    let shell = Shell::new().file("ids.txt", ids(0..2_500));
    let line = "dismiss-sign-ins --file ids.txt --ids-per-request 2500 --log log.jsonl";
    assert_eq!(shell.run(line, [accepted()]).await.code, 0);
    let log = log(&shell.read("log.jsonl"));
    assert_eq!(log.iter().map(|(_, ids)| ids.len()).collect::<Vec<_>>(), [1_000, 1_000, 500]);
    assert!(log.iter().flat_map(|(_, ids)| ids).eq((0..2_500).map(id).collect::<Vec<_>>().iter()));
}

/// A Microsoft Graph that responds once with an unexpected status, and then accepts.
struct Hiccup(AtomicUsize);

impl Service for Hiccup {
    fn serve(&self, _: Duration, _: Request) -> Reply {
        let is_first = self.0.fetch_add(1, Ordering::SeqCst) == 0;
        Reply::at_once(if is_first { respond(302, &[("location", "https://login.test/")], "") } else { accepted() })
    }
}

#[tokio::test(start_paused = true)]
async fn one_unexpected_status_does_not_end_a_run() {
    let shell = Shell::new().file("ids.txt", ids(0..600));
    let run = shell.run_before("dismiss-risky-users --file ids.txt", Arc::new(Hiccup(AtomicUsize::new(0)))).await;
    let counts = "dismiss-risky-users: 540 of 600 ids accepted, 0 refused, 60 not-applied, 0 unknown\n";
    assert!(run.code == 1 && run.stdout.starts_with(counts), "{}", run.stdout);
}
