//! What keeps a run from doing more than its user wants, and what it records about why.

use host_test::plugin::Action;
use host_test::script::accepted;

use crate::shell::{Shell, graph, id, ids};

#[tokio::test(start_paused = true)]
async fn a_longer_list_than_expected_is_refused() {
    let shell = Shell::new().file("ids.txt", ids(0..11)).file("done.txt", ids(3..4) + &ids(20..21));
    let line = "dismiss-risky-users --file ids.txt --max-ids 10";
    for dry_run in ["", " --dry-run"] {
        let run = shell.run(&format!("{line}{dry_run}"), []).await;
        run.is_usage_error("--max-ids: expected at most 10 ids; got 11");
    }
    let run = shell.run(&format!("{line} --except done.txt"), [accepted()]).await;
    let note = "entra-risk: 1 ids are left out, which --except names\n";
    run.is(0, "dismiss-risky-users: 10 of 10 ids accepted\n", note);
    let source = "--remaining done.txt: would overwrite the file that the ids come from; name another one";
    shell.run(&format!("{line} --except done.txt --remaining done.txt"), []).await.is_usage_error(source);
    let shell = shell.file("done.txt", "x\n");
    let run = shell.run(&format!("{line} --except done.txt"), []).await;
    assert!(run.code == 2 && run.stderr.contains("done.txt:1: expected an id"), "{}", run.stderr);
}

#[tokio::test(start_paused = true)]
async fn more_than_100_ids_are_confirmed_once_in_a_terminal() {
    for action in Action::ALL {
        let line = format!("{} --file ids.txt", action.name());
        for (number, answer) in [(100, "no\n"), (101, "no\n"), (101, "yes\n")] {
            let run = Shell::new().typed(answer).file("ids.txt", ids(0..number)).run_before(&line, graph([])).await;
            let is_asked = number > 100 || action.name().ends_with("-compromised");
            assert_eq!(run.stderr.matches("Type yes to continue").count(), usize::from(is_asked), "{}", run.stderr);
            assert_eq!(run.stderr.contains(&format!(" {number} ")), is_asked, "{}", run.stderr);
            assert_eq!(run.exchanges.is_empty(), is_asked && answer == "no\n", "{}", run.stderr);
            let is_final = run.stderr.contains("A dismissal cannot be undone.");
            assert_eq!(is_final, is_asked && action.name().starts_with("dismiss-"), "{}", run.stderr);
        }
    }
    let line = "dismiss-risky-users --file ids.txt";
    for shell in [Shell::new(), Shell::new().terminal()] {
        let run = shell.file("ids.txt", ids(0..101)).run_before(line, graph([])).await;
        assert!(run.code == 0 && !run.stderr.contains("Type yes"), "nobody can answer: {}", run.stderr);
    }
    let shell = Shell::new().typed("").file("ids.txt", ids(0..101));
    assert_eq!(shell.run_before(&format!("{line} --yes"), graph([])).await.code, 0);
    let planned = shell.run(&format!("{line} --dry-run"), []).await;
    let ends = format!("first ids: {}, {}, {}\nlast ids: {}, {}, {}\n", id(0), id(1), id(2), id(98), id(99), id(100));
    assert!(planned.code == 0 && planned.stdout.ends_with(&ends), "{}", planned.stdout);
    assert!(planned.stderr.contains("requests: 2, ids: 101") && !planned.stderr.contains("Type yes"));
}

#[tokio::test(start_paused = true)]
async fn the_reason_is_in_every_line_of_the_log() {
    let shell = Shell::new().file("ids.txt", ids(0..121));
    let line = "dismiss-risky-users --file ids.txt --log log.jsonl --reason \"INC-7: false positives of a VPN\"";
    assert_eq!(shell.run_before(line, graph([])).await.code, 0);
    let log = shell.read("log.jsonl");
    let reason = r#","action":"dismiss-risky-users","reason":"INC-7: false positives of a VPN","#;
    assert!(log.lines().count() == 3 && log.lines().all(|line| line.contains(reason)), "{log}");
}

#[tokio::test(start_paused = true)]
async fn help_says_that_a_dismissal_cannot_be_undone() {
    let help = Shell::new().run("--help", []).await;
    assert!(help.stdout.contains("A dismissal cannot be undone."), "{}", help.stdout);
}
