//! `--verify`: what the command says about the effect of an action, after a run and later.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use graph_model::{Collection, Entry, Graph, Reply, Request, Service, Settings};
use host_test::script::graph_error;
use http::Method;
use serde_json::Value;
use tokio::time::Instant;

use crate::cli_listing::{entries, graph};
use crate::shell::Shell;

/// Users at risk, none of whom is deleted.
fn users(count: usize) -> Vec<Entry> {
    let mut users = entries(Collection::RiskyUsers, count);
    users.iter_mut().for_each(|user| user.is_deleted = false);
    users
}

/// The ids of entries, a line each.
fn ids(entries: &[Entry]) -> String {
    entries.iter().map(|entry| format!("{}\n", entry.id)).collect()
}

/// A log without the lines of batches: what ids have become.
fn verified(log: &str) -> Vec<(String, Vec<String>)> {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let verified = lines.filter_map(|line| {
        let ids = line["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        Some((line["verification"].as_str()?.to_owned(), ids))
    });
    verified.collect()
}

#[tokio::test(start_paused = true)]
async fn exactly_those_that_never_change_are_found_in_time() {
    let mut users = users(5_000);
    for (number, user) in users.iter_mut().take(1_000).enumerate() {
        let unchanged = [100, 500, 999].contains(&number);
        user.changes_after = (!unchanged).then(|| Duration::from_millis(number as u64 * 240));
    }
    let never: BTreeSet<String> = [100, 500, 999].map(|number: usize| users[number].id.to_string()).into();
    let shell = Shell::new().file("ids.txt", ids(&users[..1_000]));
    let line = "dismiss-risky-users --file ids.txt --verify --log log.jsonl --json";
    let start = Instant::now();
    let run = shell.run_before(line, Arc::new(Graph::new(graph(Collection::RiskyUsers, users)))).await;
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.code, &report["ids"]["accepted"]), (4, &1_000.into()), "{}", run.stderr);
    let found = |list: &str| -> BTreeSet<String> {
        report["verification"][list].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((found("unchanged"), found("processing").len(), found("done").len()), (never.clone(), 0, 997));
    let reads = run.exchanges.iter().filter(|exchange| exchange.request.method() == Method::GET).count();
    println!("{reads} reads, {:?} with the run", start.elapsed());
    // 17 batches take 16 s, and at first 10 pages are at risk.
    assert!(start.elapsed() <= Duration::from_secs(16 + 310) && reads <= 200, "{reads} in {:?}", start.elapsed());
    let log = verified(&shell.read("log.jsonl"));
    let [(done, changed), (other, unchanged)] = log.as_slice() else { panic!("{log:?}") };
    assert_eq!((done.as_str(), changed.len(), other.as_str()), ("done", 997, "unchanged"));
    assert_eq!(unchanged.iter().cloned().collect::<BTreeSet<_>>(), never);
}

#[tokio::test(start_paused = true)]
async fn a_run_ends_as_soon_as_every_state_has_changed() {
    let users = users(30);
    let shell = Shell::new().file("ids.txt", ids(&users));
    let graph = Arc::new(Graph::new(graph(Collection::RiskyUsers, users)));
    let run = shell.run_before("dismiss-risky-users --file ids.txt --verify", graph.clone()).await;
    let text = "dismiss-risky-users: 30 of 30 ids accepted\n\
                verified: 30 of 30 accepted ids are in the state that the action leads to\n";
    run.is(0, text, "");
    assert!(run.exchanges.len() <= 3, "one batch, and the list until it is certain: {}", run.exchanges.len());
    shell.run_before("dismiss-risky-users --file ids.txt --verify --quiet", graph).await.is(0, "", "");
}

#[tokio::test(start_paused = true)]
async fn those_that_are_processed_and_those_that_are_not_are_listed() {
    let mut users = users(3);
    users[0].changes_after = Some(Duration::from_secs(1_000));
    users[1].changes_after = None;
    let (slow, never) = (users[0].id, users[1].id);
    let shell = Shell::new().file("ids.csv", format!("id,name\n{slow},Ann\n{never},Bob\n{},Cy\n", users[2].id));
    let graph = Arc::new(Graph::new(graph(Collection::RiskyUsers, users)));
    let line = "dismiss-risky-users --file ids.csv --label name --verify --verify-for 20s";
    let run = shell.run_before(line, graph).await;
    let text = format!(
        "dismiss-risky-users: 3 of 3 ids accepted\n\
         verified: 1 of 3 accepted ids are in the state that the action leads to, 1 still processing, 1 unchanged\n\
         \x20 The state may follow later: look again with entra-risk verify.\n\n\
         1 still processing\n    {slow} Ann\n\n1 unchanged\n    {never} Bob\n"
    );
    run.is(4, &text, "");
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_is_done_when_it_is_listed_as_confirmed() {
    for action in ["confirm-sign-ins-safe", "confirm-sign-ins-compromised", "dismiss-sign-ins"] {
        let mut sign_ins = entries(Collection::SignIns, 4);
        sign_ins[3].changes_after = None;
        let shell = Shell::new().file("ids.txt", ids(&sign_ins));
        let graph = Arc::new(Graph::new(graph(Collection::SignIns, sign_ins)));
        let run = shell.run_before(&format!("{action} --file ids.txt --verify --verify-for 1m"), graph).await;
        assert!(run.code == 4 && run.stdout.contains("\nverified: 3 of 4 accepted ids "), "{action}: {}", run.stdout);
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_of_an_earlier_run_is_verified() {
    let users = users(8);
    let shell = Shell::new().file("ids.txt", ids(&users));
    let graph = Arc::new(Graph::new(graph(Collection::RiskyUsers, users)));
    let line = "dismiss-risky-users --file ids.txt --log log.jsonl";
    assert_eq!(shell.run_before(line, graph.clone()).await.code, 0);
    let verify = "verify dismiss-risky-users --log log.jsonl";
    let run = shell.run_before(verify, graph.clone()).await;
    run.is(0, "verified: 8 of 8 accepted ids are in the state that the action leads to\n", "");
    assert!(run.exchanges.iter().all(|exchange| exchange.request.method() == Method::GET));
    let json = shell.run_before(&format!("{verify} --json"), graph.clone()).await;
    let found: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, found["done"].as_array().unwrap().len(), &found["error"]), (0, 8, &Value::Null));
    let log = shell.read("log.jsonl");
    assert_eq!(verified(&log).len(), 2, "a line for each look: {log}");
    // What ids have become is not their outcome.
    let again = shell.run_before("dismiss-risky-users --file log.jsonl", graph.clone()).await;
    let note = "entra-risk: 8 ids of earlier runs have another outcome than not-applied or unknown\n";
    again.is(0, "dismiss-risky-users: nothing to do: no ids\n", note);
    let other = shell.run_before("verify confirm-risky-users-safe --log log.jsonl", graph.clone()).await;
    assert!(other.code == 2 && other.stderr.contains("is about the action"), "{}", other.stderr);
    let list = shell.run_before("verify dismiss-risky-users --log ids.txt", graph.clone()).await;
    list.is_usage_error("ids.txt: expected the log of a run of dismiss-risky-users");
    let report = shell.run_before("dismiss-risky-users --file ids.txt --json", graph.clone()).await.stdout;
    let shell = Shell::new().file("report.json", report);
    let report = shell.run_before("verify dismiss-risky-users --log report.json", graph).await;
    report.is_usage_error("report.json: expected the log of a run of dismiss-risky-users");
}

#[tokio::test(start_paused = true)]
async fn exit_code_1_takes_precedence() {
    let mut users = users(2);
    users[0].is_deleted = true;
    users[1].changes_after = None;
    let shell = Shell::new().file("ids.txt", ids(&users));
    let graph = Arc::new(Graph::new(graph(Collection::RiskyUsers, users)));
    let run = shell.run_before("dismiss-risky-users --file ids.txt --verify --verify-for 9s", graph).await;
    assert!(run.code == 1 && run.stdout.contains("\nverified: 0 of 1 accepted ids "), "{}", run.stdout);
}

#[tokio::test(start_paused = true)]
async fn without_the_permission_to_read_the_action_is_performed_and_a_message_says_the_rest() {
    let users = users(2);
    let shell = Shell::new().file("ids.txt", ids(&users));
    let settings = graph(Collection::RiskyUsers, users);
    let graph = Arc::new(Graph::new(Settings { read_permission: Some("read".to_owned()), ..settings }));
    let run = shell.run_before("dismiss-risky-users --file ids.txt --verify --log log.jsonl", graph.clone()).await;
    let begin = "dismiss-risky-users: 2 of 2 ids accepted\n\
                 not verified: the list of risky-users was not read to its end: forbidden, HTTP 403: ";
    assert!(run.stdout.starts_with(begin), "{}", run.stdout);
    assert!(run.stdout.contains("Reading needs IdentityRiskyUser.Read.All"), "{}", run.stdout);
    assert_eq!((run.code, verified(&shell.read("log.jsonl"))), (4, Vec::new()));
    let alone = shell.run_before("verify dismiss-risky-users --log log.jsonl", graph).await;
    assert!(alone.code == 3 && alone.stdout.starts_with("not verified: "), "{}", alone.stdout);
}

/// A Microsoft Graph whose lists cannot be read after the second one.
struct TwoLists(Graph, AtomicUsize);

impl Service for TwoLists {
    fn serve(&self, now: Duration, request: Request) -> Reply {
        if request.method() == Method::GET && self.1.fetch_add(1, Ordering::SeqCst) >= 2 {
            return Reply::at_once(graph_error(400, &[], "BadRequest", "Not now."));
        }
        self.0.serve(now, request)
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_before_a_list_could_not_be_read_is_kept() {
    let mut users = users(3);
    users[2].changes_after = None;
    let shell = Shell::new().file("ids.txt", ids(&users));
    let graph = Arc::new(TwoLists(Graph::new(graph(Collection::RiskyUsers, users)), AtomicUsize::new(0)));
    let run = shell.run_before("dismiss-risky-users --file ids.txt --verify --log log.jsonl", graph).await;
    let end = "\n  2 ids are known to be in the state that the action leads to.\n";
    assert!(run.code == 4 && run.stdout.contains("not verified: ") && run.stdout.ends_with(end), "{}", run.stdout);
    let log = verified(&shell.read("log.jsonl"));
    assert!(matches!(log.as_slice(), [(done, ids)] if done == "done" && ids.len() == 2), "{log:?}");
}
