//! The same command again, after a run that was killed or has ended, and two runs with the same
//! list.

use std::fs;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use graph_model::{Graph, Service, Settings};
use host_test::script::accepted;

use crate::shell::{Completed, Shell, id, ids};

const LINE: &str = "dismiss-risky-users --file users.csv --remaining left.txt";

/// The file beside `left.txt` that names the input.
const MARK: &str = ".left.txt.entra-risk-input";

fn table(numbers: Range<usize>) -> String {
    format!("id,name\n{}", numbers.map(|number| id(number) + ",x\n").collect::<String>())
}

fn graph() -> Arc<Graph> {
    let latency = Duration::from_millis(200);
    Arc::new(Graph::new(Settings { latency: latency..=latency, ..Settings::default() }))
}

/// The ids that were applied, in this order.
fn applied(graph: &Graph) -> Vec<String> {
    graph.arrivals(0).into_iter().filter(|arrival| arrival.applied).flat_map(|arrival| arrival.ids).collect()
}

fn numbered(numbers: Range<usize>) -> Vec<String> {
    numbers.map(id).collect()
}

/// A shell in which a run with 300 ids was killed after 240 of them.
async fn killed() -> Shell {
    let shell = Shell::new().file("users.csv", table(0..300));
    let graph = graph();
    let run = shell.run_before(LINE, Arc::clone(&graph) as Arc<dyn Service>);
    assert!(tokio::time::timeout(Duration::from_millis(3_500), run).await.is_err(), "the run ended before");
    assert_eq!((applied(&graph), shell.read("left.txt")), (numbered(0..240), ids(240..300)));
    shell
}

async fn run(shell: &Shell, line: &str) -> (Completed, Vec<String>) {
    let graph = graph();
    let run = shell.run_before(line, Arc::clone(&graph) as Arc<dyn Service>).await;
    (run, applied(&graph))
}

#[tokio::test(start_paused = true)]
async fn a_killed_run_is_continued_by_the_same_command() {
    let shell = killed().await;
    let planned = shell.run(&format!("{LINE} --dry-run --json"), []).await;
    assert!(planned.code == 0 && planned.stdout.contains("\"ids\":60,"), "{}", planned.stdout);
    let (continued, sent) = run(&shell, LINE).await;
    let note = "entra-risk: left.txt: 60 of 300 ids of this input remain; --restart begins anew\n";
    continued.is(0, "dismiss-risky-users: 60 of 60 ids accepted\n", note);
    assert_eq!((sent, shell.read("left.txt").as_str()), (numbered(240..300), ""));

    let (finished, sent) = run(&shell, LINE).await;
    let note = "entra-risk: left.txt: earlier runs processed all 300 ids of this input; --restart begins anew\n";
    finished.is(0, "dismiss-risky-users: nothing to do: no ids\n", note);
    assert!(sent.is_empty());
    let (again, sent) = run(&shell, &format!("{LINE} --restart")).await;
    again.is(0, "dismiss-risky-users: 300 of 300 ids accepted\n", "");
    assert_eq!(sent, numbered(0..300));
}

#[tokio::test(start_paused = true)]
async fn the_list_of_another_input_is_neither_continued_nor_dropped() {
    let shell = killed().await.file("others.csv", table(0..299));
    let ways_out = "process them with --file left.txt, name another file, or drop them with --restart";
    let others = |others| {
        format!(
            "--remaining left.txt: contains 60 ids of another input or action, {others} of them not in this one; {ways_out}"
        )
    };
    let cases = [
        (LINE.replace("users.csv", "others.csv"), others(1)),
        (LINE.replace("dismiss-risky-users", "dismiss-risky-agents"), others(0)),
        (format!("{LINE} --except others.csv"), others(59)),
    ];
    for (line, message) in &cases {
        for dry_run in ["", " --dry-run"] {
            shell.run(&format!("{line}{dry_run}"), []).await.is_usage_error(message);
        }
    }
    assert_eq!(shell.read("left.txt"), ids(240..300));
    // Ids that someone adds to the list are not part of the input.
    let shell = shell.file("left.txt", ids(290..301));
    let added = "--remaining left.txt: contains 11 ids of another input or action, 1 of them not in this one";
    shell.run(LINE, []).await.is_usage_error(&format!("{added}; {ways_out}"));
    // The list itself can be processed, and it can be dropped.
    let (rest, sent) = run(&shell, "dismiss-risky-users --file left.txt --remaining left.txt").await;
    assert_eq!((rest.code, sent), (0, numbered(290..301)));
    let shell = shell.file("left.txt", ids(0..1));
    let (other, sent) = run(&shell, &format!("{} --restart", cases[0].0)).await;
    assert_eq!((other.code, sent.len(), shell.read("left.txt").as_str()), (0, 299, ""));
}

#[tokio::test(start_paused = true)]
async fn an_empty_or_deleted_list_begins_anew_with_another_input() {
    let shell = Shell::new().file("users.csv", table(0..60));
    assert_eq!(run(&shell, LINE).await.1, numbered(0..60));
    let shell = shell.file("users.csv", table(0..61));
    let (other, sent) = run(&shell, LINE).await;
    other.is(0, "dismiss-risky-users: 61 of 61 ids accepted\n", "");
    assert_eq!(sent, numbered(0..61));
    fs::remove_file(shell.path("left.txt")).unwrap();
    assert_eq!(run(&shell, LINE).await.1, numbered(0..61));
    // The input is named by its ids, in whatever file and case they are.
    let shell = shell.file("users.txt", ids(0..61).to_uppercase());
    assert!(run(&shell, &LINE.replace("users.csv", "users.txt")).await.1.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_killed_before_it_named_its_input_begins_anew() {
    for mark in [None, Some(""), Some("{\"action\":\"dism")] {
        let shell = Shell::new().file("users.csv", table(0..60)).file("left.txt", ids(0..60));
        let shell = match mark {
            Some(mark) => shell.file(MARK, mark),
            None => shell,
        };
        let (completed, sent) = run(&shell, LINE).await;
        completed.is(0, "dismiss-risky-users: 60 of 60 ids accepted\n", "");
        assert_eq!(sent, numbered(0..60));
    }
}

#[tokio::test(start_paused = true)]
async fn no_file_but_a_mark_is_overwritten_in_its_place() {
    let shell = Shell::new().file("users.csv", table(0..1)).file("kept", "kept\n");
    std::os::unix::fs::symlink("kept", shell.path(MARK)).unwrap();
    assert_eq!(shell.run(LINE, [accepted()]).await.code, 0);
    assert_eq!(shell.read("kept"), "kept\n", "a link is not followed");
    let name = shell.read(MARK);
    assert!(name.starts_with("{\"action\":\"dismiss-risky-users\",\"ids\":1,\"sha256\":\""), "{name}");
    fs::remove_file(shell.path(MARK)).unwrap();
    fs::create_dir(shell.path(MARK)).unwrap();
    let message = "left.txt: a folder has the name of the file next to it that names the input";
    shell.run(LINE, []).await.is_usage_error(message);
    let line = format!("dismiss-risky-users {} --log {MARK} --remaining left.txt", id(1));
    fs::remove_dir(shell.path(MARK)).unwrap();
    let same = format!(
        "--log {MARK} and the file that names the input of --remaining left.txt: expected two files; got the same one"
    );
    shell.run(&line, []).await.is_usage_error(&same);
}

#[tokio::test(start_paused = true)]
async fn a_run_stops_when_another_one_is_at_work_on_its_list() {
    let shell = Shell::new().file("users.csv", table(0..3_000));
    for option in ["", "--restart"] {
        let line = format!("{LINE} --log log.jsonl {option}");
        let early = shell.run_before(&line, graph());
        let late = async {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            shell.run_before(&line, graph()).await
        };
        let (early, late) = tokio::join!(early, late);
        let (stopped, other) = if early.code == 1 { (early, late) } else { (late, early) };
        let message = "entra-risk: left.txt: was changed since this run wrote it: another run is at work on it\n";
        assert!(stopped.code == 1 && stopped.stderr.ends_with(message), "{option}: {}", stopped.stderr);
        assert!(stopped.exchanges.len() < 10, "{option}: {} requests", stopped.exchanges.len());
        assert_eq!((other.code, shell.read("left.txt").as_str()), (0, ""), "{option}: {}", other.stderr);
    }
}
