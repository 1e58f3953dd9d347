//! The files that the command reads and writes, and what it does if it cannot.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use graph_model::{Behavior, Graph, Reply, Request, Service, Settings};
use host_test::script::accepted;
use serde_json::Value;

use crate::cli::not_found;
use crate::cli_endings::log;
use crate::shell::{Shell, graph, id, ids};
use crate::streams::Failing;

/// A Microsoft Graph that accepts everything, and removes a folder at the first request.
struct Remover(std::path::PathBuf);

impl Service for Remover {
    fn serve(&self, _: Duration, _: Request) -> Reply {
        let _ = fs::remove_dir_all(&self.0);
        Reply::at_once(accepted())
    }
}

#[tokio::test(start_paused = true)]
async fn every_invalid_id_is_reported_with_its_place() {
    let shell = Shell::new().file("a.txt", format!("{}\nx\n\ny\n", id(1))).file("b.txt", "z\n".repeat(30));
    let run = shell.run("dismiss-risky-users w --file a.txt --file b.txt", []).await;
    let error =
        |place: &str, got: &str| format!("{place}: expected an id (a hyphenated GUID, not all zeros); got \"{got}\"\n");
    let mut expected = error("argument", "w") + &error("a.txt:2", "x") + &error("a.txt:4", "y");
    expected.extend((1..=17).map(|line| error(&format!("b.txt:{line}"), "z")));
    let hint =
        "for CSV, name the column with --column; the file needs a header, and ids in its first line are no header";
    run.is_usage_error(&format!("{expected}and 13 more invalid ids\n{hint}"));
}

#[tokio::test(start_paused = true)]
async fn csv_files_that_would_lose_ids_are_refused() {
    let cases = [
        ("id,name\n1,\"Ann\n2,Bob\n", "t.csv:2: a field begins with a quote here, but does not end with one"),
        (
            "id,name\n1,\"Ann\n2,Bob\n3,\"Carl\"\n",
            "t.csv:2: a field begins with a quote here, but does not end with one",
        ),
        ("id,ID\n1,2\n", "t.csv: the header has 2 columns \"id\": rename all but one"),
        ("a,b\n1,2\n", "t.csv: unknown column \"id\"; the header has \"a\", \"b\""),
        ("name,id\nAnn;1\n", "t.csv:2: expected at least 2 fields, up to \"id\"; got 1"),
        (
            "name,id,manager\rAnn,1,2\rDoe, Jane,3,4\r",
            "t.csv:3: expected at most 3 fields, as in the header; got 4: a field that contains a delimiter must be quoted",
        ),
    ];
    for (text, message) in cases {
        Shell::new()
            .file("t.csv", text)
            .run("dismiss-risky-users --file t.csv --column id", [])
            .await
            .is_usage_error(message);
    }
}

#[tokio::test(start_paused = true)]
async fn csv_records_without_an_id_are_noted() {
    let shell = Shell::new().file("t.csv", format!("id,name\n{},Ann\n,Bob\n,Carl\n", id(1)));
    let line = "dismiss-risky-users --file t.csv --column id";
    let run = shell.run(line, [accepted()]).await;
    run.is(0, "dismiss-risky-users: 1 of 1 ids accepted\n", "entra-risk: 2 records of t.csv have no \"id\"\n");
    shell.run(&format!("{line} --quiet"), [accepted()]).await.is(0, "", "");
}

#[tokio::test(start_paused = true)]
async fn refused_ids_of_earlier_runs_are_kept_until_they_are_accepted() {
    let shell = Shell::new().file("ids.txt", ids(0..4));
    let line =
        "dismiss-risky-users --file ids.txt --remaining ids.txt --refused r.txt --ids-per-request 1 --max-attempts 1";
    shell.run(line, [accepted(), not_found(), Behavior::Silence, accepted()]).await;
    assert_eq!((shell.read("ids.txt"), shell.read("r.txt")), (ids(2..3), ids(1..2)));
    shell.run(line, [Behavior::Silence]).await;
    assert_eq!((shell.read("ids.txt"), shell.read("r.txt")), (ids(2..3), ids(1..2)));
    shell.run(line, [not_found()]).await;
    assert_eq!((shell.read("ids.txt"), shell.read("r.txt")), (String::new(), ids(1..3)));
    // Refused again: in the file once.
    let again = format!("dismiss-risky-users {} --refused r.txt", id(2));
    shell.run(&again, [not_found()]).await;
    assert_eq!(shell.read("r.txt"), ids(1..3));
    let again = format!("dismiss-risky-users {} --refused r.txt", id(1).to_uppercase());
    shell.run(&again, [accepted()]).await;
    assert_eq!(shell.read("r.txt"), ids(2..3));
}

#[tokio::test(start_paused = true)]
async fn a_list_of_another_run_is_not_overwritten() {
    let shell = Shell::new().file("ids.txt", ids(0..2)).file("ids.csv", format!("id\n{}\n", id(0)));
    let shell = shell.file("left.txt", ids(1..4)).file("note.txt", "# kept\nkept\n");
    let other = "--remaining left.txt: contains";
    let ways_out = "process them with --file left.txt, name another file, or drop them with --restart";
    let lost = |flag| format!("{flag} note.txt: contains lines that are not ids and would be lost; name another file");
    let cases = [
        (
            "--file ids.txt --remaining left.txt",
            format!("{other} 3 ids of another input or action, 2 of them not in this one; {ways_out}"),
        ),
        (
            "--file ids.csv --column id --remaining left.txt",
            format!("{other} 3 ids of another input or action, 3 of them not in this one; {ways_out}"),
        ),
        ("--file ids.txt --remaining note.txt", lost("--remaining")),
        ("--file ids.txt --remaining note.txt --restart", lost("--remaining")),
        ("--file ids.txt --refused note.txt", lost("--refused")),
    ];
    for dry_run in ["", " --dry-run"] {
        for (line, message) in &cases {
            shell.run(&format!("dismiss-risky-users {line}{dry_run}"), []).await.is_usage_error(message);
        }
    }
    assert_eq!((shell.read("left.txt"), shell.read("note.txt")), (ids(1..4), "# kept\nkept\n".to_owned()));
    let line =
        "dismiss-risky-users --file ids.txt --file left.txt --remaining left.txt --ids-per-request 1 --max-attempts 1";
    shell.run(line, [accepted(), accepted(), Behavior::Silence, accepted()]).await;
    assert_eq!(shell.read("left.txt"), ids(2..3));
    // All its ids are in the input, but it is another one.
    let shell = shell.input(ids(1..4).to_uppercase());
    let line = "dismiss-risky-users - --remaining left.txt";
    let message = format!("{other} 1 ids of another input or action, 0 of them not in this one; {ways_out}");
    shell.run(line, []).await.is_usage_error(&message);
    let run = shell.run(&format!("{line} --restart"), [accepted()]).await;
    run.is(0, "dismiss-risky-users: 3 of 3 ids accepted\n", "");
}

#[tokio::test(start_paused = true)]
async fn no_file_is_overwritten_by_another() {
    let shell = Shell::new().file("ids.txt", ids(0..1)).file("ids.csv", format!("id\n{}\n", id(0)));
    let shell = shell.file("target.txt", ids(0..1)).file("kept.txt", "");
    symlink("target.txt", shell.path("link.txt")).unwrap();
    symlink("ids.txt", shell.path("link.ids")).unwrap();
    fs::create_dir(shell.path("folder")).unwrap();
    symlink("folder", shell.path("inside")).unwrap();
    fs::hard_link(shell.path("kept.txt"), shell.path("hard.txt")).unwrap();
    let twice = |one: &str, other: &str| format!("{one} and {other}: expected two files; got the same one");
    let source =
        |flag, path| format!("{flag} {path}: would overwrite the file that the ids come from; name another one");
    let cases = [
        ("--file ids.txt --log ./ids.txt", source("--log", "./ids.txt")),
        ("--file ids.txt --refused ids.txt", source("--refused", "ids.txt")),
        ("--file ids.csv --column id --remaining ids.csv", source("--remaining", "ids.csv")),
        ("--file ids.txt --log x --remaining x", twice("--log x", "--remaining x")),
        ("--file ids.txt --log x --remaining folder/../x", twice("--log x", "--remaining folder/../x")),
        ("--file ids.txt --log folder/x --refused inside/x", twice("--log folder/x", "--refused inside/x")),
        ("--file ids.txt --refused hard.txt --remaining kept.txt", twice("--refused hard.txt", "--remaining kept.txt")),
        ("--file ids.txt --log X --remaining x", twice("--log X", "--remaining x")),
        (
            "--file ids.txt --log .x.entra-risk --remaining x",
            twice("--log .x.entra-risk", "the temporary file of --remaining x"),
        ),
        ("--file link.ids --log inside/../ids.txt", source("--log", "inside/../ids.txt")),
        ("--file link.txt --log link.txt", "link.txt: is a symbolic link: name the file that it points to".to_owned()),
        (
            "--file ids.txt --remaining link.txt",
            "link.txt: is a symbolic link: name the file that it points to".to_owned(),
        ),
        ("--file ids.txt --remaining folder", "folder: is not a file".to_owned()),
        ("--file ids.txt --refused none/x", "none/x: No such file or directory".to_owned()),
    ];
    for dry_run in ["", " --dry-run"] {
        for (line, message) in &cases {
            shell.run(&format!("dismiss-risky-users {line}{dry_run}"), []).await.is_usage_error(message);
        }
    }
    assert_eq!((shell.read("ids.txt"), shell.read("target.txt")), (ids(0..1), ids(0..1)));
}

#[tokio::test(start_paused = true)]
async fn no_link_or_fifo_in_the_place_of_a_written_file_is_followed_or_opened() {
    let fifo = |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let line = "dismiss-risky-users --file ids.txt";
    let lists = [("--remaining", ids(1..2)), ("--refused", ids(0..1))];
    for ((flag, expected), place_fifo) in lists.iter().flat_map(|list| [(list, false), (list, true)]) {
        let shell = Shell::new().file("ids.txt", ids(0..2)).file("protected.log", "kept");
        let temporary = shell.path(".list.txt.entra-risk");
        if place_fifo {
            fifo(temporary);
        } else {
            symlink("protected.log", temporary).unwrap();
        }
        let line = format!("{line} {flag} list.txt --ids-per-request 1 --max-attempts 1");
        shell.run(&line, [not_found(), Behavior::Silence]).await;
        assert_eq!((&shell.read("list.txt"), shell.read("protected.log").as_str()), (expected, "kept"));
    }
    let shell = Shell::new().file("ids.txt", ids(0..1)).file("protected.log", "{\"time\":\"cut");
    symlink("protected.log", shell.path("link")).unwrap();
    symlink("created", shell.path("dangling")).unwrap();
    fifo(shell.path("fifo"));
    fs::create_dir(shell.path(".x.entra-risk")).unwrap();
    for flag in ["--log", "--remaining", "--refused"] {
        for link in ["link", "dangling"] {
            let message = format!("{link}: is a symbolic link: name the file that it points to");
            shell.run(&format!("{line} {flag} {link}"), []).await.is_usage_error(&message);
        }
        shell.run(&format!("{line} {flag} fifo"), []).await.is_usage_error("fifo: is not a file");
    }
    shell.run(&format!("{line} --file fifo"), []).await.is_usage_error("fifo: is not a file");
    let message = "x: a folder has the name of the temporary file next to it";
    shell.run(&format!("{line} --remaining x"), []).await.is_usage_error(message);
    assert!(!shell.path("created").exists() && shell.read("protected.log") == "{\"time\":\"cut");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_checks_what_a_run_checks_and_changes_nothing() {
    let shell =
        Shell::new().file("ids.txt", ids(0..61)).file("left.txt", "# old\n").file(".left.txt.entra-risk", "new");
    let changed = || fs::metadata(shell.path(".")).unwrap().modified().unwrap();
    let before = changed();
    let outputs = "--log log.jsonl --remaining left.txt --refused refused.txt";
    let run = shell.run(&format!("dismiss-risky-users --file ids.txt {outputs} --dry-run --json"), []).await;
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let plan: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&plan["ids"], &plan["leastSeconds"], &plan["dryRun"]), (&61.into(), &1.into(), &true.into()));
    assert_eq!(plan["requests"][1]["body"]["userIds"], serde_json::json!([id(60)]));
    assert_eq!(changed(), before, "no file was created or deleted, not even for a moment");
    assert_eq!((shell.read("left.txt").as_str(), shell.read(".left.txt.entra-risk").as_str()), ("# old\n", "new"));
    let line = format!("dismiss-risky-users {} --tenant é", id(1));
    for line in [format!("{line} --dry-run"), line] {
        shell.run(&line, []).await.is_usage_error("--tenant: expected 1 to 256 visible ASCII characters; got 'é'");
    }
}

#[tokio::test(start_paused = true)]
async fn a_standard_output_that_cannot_be_written_is_an_error() {
    for (failing, reason) in [(Failing::Closed, "closed before the end"), (Failing::Full, "disk full")] {
        let shell = Shell::new().failing_output(failing);
        let message = format!("entra-risk: standard output: {reason}\n");
        for line in [format!("dismiss-risky-users {}", id(1)), format!("dismiss-risky-users {} --json", id(1))] {
            shell.run(&line, [accepted()]).await.is(1, "", &message);
        }
        for line in ["--help".to_owned(), "-V".to_owned(), format!("dismiss-risky-users {} --dry-run", id(1))] {
            shell.run(&line, []).await.is(1, "", &message);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_written_ends_the_run() {
    // With the slow one, two more requests are in flight at the first response.
    for (latency_ms, accepted) in [(200, 60), (3_000, 180)] {
        let latency = Duration::from_millis(latency_ms);
        let graph = Graph::new(Settings { latency: latency..=latency, ..Settings::default() });
        let shell = Shell::new().file("ids.txt", ids(0..3_000));
        let line = "dismiss-risky-users --file ids.txt --log /dev/full --remaining left.txt";
        let run = shell.run_before(line, Arc::new(graph)).await;
        assert_eq!((run.code, run.stderr.as_str()), (1, "entra-risk: /dev/full: No space left on device\n"));
        let others = 3_000 - accepted;
        let counts = format!("{accepted} of 3000 ids accepted, 0 refused, {others} not-applied, 0 unknown\n");
        assert!(run.stdout.starts_with(&format!("dismiss-risky-users: {counts}")), "{}", run.stdout);
        assert_eq!(shell.read("left.txt"), ids(0..3_000), "no id leaves the file before it is in the log");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_written_ends_the_run() {
    let shell = Shell::new().file("ids.txt", ids(0..3_000));
    fs::create_dir(shell.path("lists")).unwrap();
    let line = "dismiss-risky-users --file ids.txt --log log.jsonl --remaining lists/left.txt";
    let run = shell.run_before(line, Arc::new(Remover(shell.path("lists")))).await;
    assert_eq!((run.code, run.stderr.as_str()), (1, "entra-risk: lists/left.txt: No such file or directory\n"));
    assert!(run.stdout.starts_with("dismiss-risky-users: 60 of 3000 ids accepted"), "{}", run.stdout);
    let log = log(&shell.read("log.jsonl"));
    assert_eq!(log.iter().map(|(_, ids)| ids.len()).sum::<usize>(), 3_000, "the log has every outcome");
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_line_of_a_log_is_removed() {
    let line = format!("dismiss-risky-users {} --log log.jsonl", id(1));
    for part in ["{\"time\":\"2026-11-21T09:00:00.000Z\",\"action\":\"dism", "{\"ti", "{"] {
        let shell = Shell::new().file("log.jsonl", format!("{{\"time\":\"a\"}}\n{part}"));
        assert_eq!(shell.run(&line, [accepted()]).await.code, 0);
        let text = shell.read("log.jsonl");
        assert_eq!(text.lines().next(), Some("{\"time\":\"a\"}"));
        assert!(
            text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()) && text.lines().count() == 2,
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_last_line_of_a_log_is_kept() {
    let line = format!("dismiss-risky-users {} --log log.jsonl", id(1));
    for kept in ["a note", "{\"time\":\"a\"}", "{\"time\":\"a\"}\n{\"time\":\"b\",\"ids\":[]}"] {
        let shell = Shell::new().file("log.jsonl", kept);
        assert_eq!(shell.run(&line, [accepted()]).await.code, 0);
        let text = shell.read("log.jsonl");
        assert!(text.starts_with(&format!("{kept}\n{{\"time\":")), "only the line end was missing: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_is_replaced_in_one_step() {
    let shell = Shell::new().file("ids.txt", ids(0..3_000));
    fs::hard_link(shell.path("ids.txt"), shell.path("before.txt")).unwrap();
    let run = shell.run_before("dismiss-risky-users --file ids.txt --remaining ids.txt", graph([])).await;
    run.is(0, "dismiss-risky-users: 3000 of 3000 ids accepted\n", "");
    assert_eq!((shell.read("ids.txt"), shell.read("before.txt")), (String::new(), ids(0..3_000)));
    assert!(!shell.path(".ids.txt.entra-risk").exists());
}
