//! The command as users run it, with a scripted Microsoft Graph.

use std::sync::Arc;
use std::time::Duration;

use graph_model::{Behavior, Reply, Request, Service};
use host_test::host::RecordedExchange;
use host_test::plugin::Action;
use host_test::script::{accepted, graph_error, respond};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::compositions::wasi_imports;
use crate::shell::{Shell, graph, id, ids};

/// A Microsoft Graph that is down.
struct Outage;

impl Service for Outage {
    fn serve(&self, _: Duration, _: Request) -> Reply {
        Reply::at_once(graph_error(503, &[], "serviceNotAvailable", "The service is unavailable."))
    }
}

pub(crate) fn not_found() -> Behavior {
    graph_error(404, &[], "Request_ResourceNotFound", "Resource does not exist.")
}

#[tokio::test(start_paused = true)]
async fn a_thousand_accepted_ids_are_summarized_in_one_line() {
    let shell = Shell::new().file("ids.txt", ids(0..1000));
    let run = shell.run("dismiss-risky-users --file ids.txt", vec![accepted(); 17]).await;
    run.is(0, "dismiss-risky-users: 1000 of 1000 ids accepted\n", "");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_prints_the_requests() {
    let options = ["", "--ids-per-request 2", "--cloud us-gov-l5 --api-version beta", "--endpoint https://a.test:8443"];
    for action in Action::ALL {
        for options in options {
            let line = format!("{} {options} {} {} {}", action.name(), id(1), id(2), id(3));
            let planned = Shell::new().run(&format!("{line} --dry-run"), []).await;
            let requests = if options.contains("--ids-per-request") { 2 } else { 1 };
            let sent = Shell::new().run(&line, vec![accepted(); requests]).await;
            let sent: String = sent
                .exchanges
                .iter()
                .map(|RecordedExchange { request, .. }| {
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
    let shell = Shell::new().file("ids.txt", ids(0..4)).file("left.txt", "");
    let run = shell.run(line, [accepted(), not_found(), Behavior::Silence, accepted()]).await;
    assert_eq!(run.code, 1);
    assert!(run.stdout.starts_with("dismiss-risky-users: 2 of 4 ids accepted, 1 refused, 0 not-applied, 1 unknown\n"));
    assert_eq!((shell.read("left.txt"), shell.read("r.txt")), (ids(2..3), ids(1..2)));

    let again = shell.run("dismiss-risky-users --file left.txt --remaining left.txt", [accepted()]).await;
    again.is(0, "dismiss-risky-users: 1 of 1 ids accepted\n", "");
    assert_eq!(shell.read("left.txt"), "");
    let nothing = shell.run("dismiss-risky-users --file left.txt", []).await;
    nothing.is(0, "dismiss-risky-users: nothing to do: no ids\n", "");
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_is_a_success() {
    let shell = Shell::new().file("ids.txt", "# nobody today\n").terminal();
    let line = "dismiss-risky-users --file ids.txt --log log.jsonl --remaining left.txt --refused r.txt";
    shell.run(line, []).await.is(0, "dismiss-risky-users: nothing to do: no ids\n", "");
    assert_eq!(["log.jsonl", "left.txt", "r.txt"].map(|name| shell.read(name)), ["", "", ""]);
    shell.run(&format!("{line} --quiet"), []).await.is(0, "", "");
    let json = shell.run("confirm-risky-users-compromised --file ids.txt --json --quiet", []).await;
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, &report["cause"], &report["accepted"]), (0, &Value::Null, &json!([])));
}

#[tokio::test(start_paused = true)]
async fn refused_ids_are_found_and_listed_each_with_its_reason() {
    for terminal in [false, true] {
        let shell = Shell::new().file("ids.txt", ids(0..400)).terminal_if(terminal);
        let line = "dismiss-risky-users --file ids.txt --remaining left.txt --refused r.txt";
        let run = shell.run_before(line, graph([7, 300])).await;
        assert_eq!(run.code, 1);
        let lines: Vec<&str> = run.stdout.lines().collect();
        let [counts, "", reason, advice, first, second] = lines[..] else { panic!("{}", run.stdout) };
        assert_eq!(counts, "dismiss-risky-users: 398 of 400 ids accepted, 2 refused, 0 not-applied, 0 unknown");
        assert_eq!(reason, "2 refused: client-error, HTTP 404 Request_ResourceNotFound");
        assert_eq!(
            advice,
            "  Unknown in the tenant, not at risk, already processed, or of a user who was deleted or is a guest: do not run again unchanged."
        );
        for (line, id) in [(first, id(7)), (second, id(300))] {
            let expected = format!("    {id}: Resource '{id}' does not exist or is not at risk. (request-id ");
            assert!(line.starts_with(&expected), "{line}");
        }
        assert_eq!((shell.read("left.txt").as_str(), shell.read("r.txt")), ("", [id(7), id(300)].join("\n") + "\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn without_isolate_refused_a_refused_request_is_listed_as_a_whole() {
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
        let shell = Shell::new().file("ids.txt", ids(0..10_000)).terminal_if(terminal);
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
async fn a_403_ends_the_run() {
    for terminal in [false, true] {
        let shell = Shell::new().file("ids.txt", ids(0..600)).terminal_if(terminal);
        let denied = graph_error(403, &[], "Authorization_RequestDenied", "Insufficient privileges.");
        let line = "dismiss-risky-users --file ids.txt --remaining left.txt --max-in-flight 1";
        let run = shell.run(line, [accepted(), denied]).await;
        assert_eq!(run.code, 1);
        let first = "dismiss-risky-users: 60 of 600 ids accepted, 0 refused, 540 not-applied, 0 unknown\n\n\
                     60 not-applied: forbidden, HTTP 403: a role or a permission is missing, or was granted just now: wait some \
                     minutes, or up to an hour after a role was activated, then try again; \
                     Authorization_RequestDenied; Insufficient privileges.\n";
        assert!(run.stdout.starts_with(first), "{}", run.stdout);
        assert!(run.stdout.contains("Grant IdentityRiskyUser.ReadWrite.All"), "{}", run.stdout);
        assert!(run.stdout.contains("480 not-applied: not-attempted"), "{}", run.stdout);
        assert_eq!(shell.read("left.txt"), ids(60..600));
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_that_of_the_call() {
    for terminal in [false, true] {
        let shell = Shell::new().file("ids.txt", ids(0..600)).terminal_if(terminal);
        let run = shell.run("dismiss-risky-users --file ids.txt --deadline 7500ms", vec![accepted(); 8]).await;
        assert_eq!(run.code, 1);
        let first = "dismiss-risky-users: 480 of 600 ids accepted, 0 refused, 120 not-applied, 0 unknown\n\n\
                     ended by deadline-exceeded: the deadline passed\n  Run again, with a longer --deadline.\n\n\
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
    assert_eq!(report["refused"][0]["error"]["response"]["code"], "Request_ResourceNotFound");
    assert_eq!(report["cause"]["kind"], "client-error");
}

#[tokio::test(start_paused = true)]
async fn ids_come_from_arguments_files_columns_and_pipes() {
    let shell = Shell::new().file("a.csv", format!("name,id\nA,{}\nB,{}\n", id(2), id(1)));
    let shell = shell.file("b.csv", format!("ID;name\n{{{}}};\"C;D\"\n", id(4))).input(format!("id\r\n{}\r\n", id(3)));
    let run = shell.run("dismiss-sign-ins - --file a.csv --file b.csv --column ID", [accepted()]).await;
    run.is(0, "dismiss-sign-ins: 4 of 4 ids accepted\n", "");
    let body = |ids: &[usize]| json!({"requestIds": ids.iter().map(|n| id(*n)).collect::<Vec<_>>()}).to_string();
    assert_eq!(run.exchanges[0].request.body(), body(&[2, 1, 4, 3]).as_bytes());
    let shell = Shell::new().file("a.txt", ids(1..3)).file("b.txt", ids(2..4)).input(ids(4..5));
    let line = format!("dismiss-sign-ins {} --file a.txt --file b.txt --file -", id(0));
    let run = shell.run(&line, [accepted()]).await;
    run.is(0, "dismiss-sign-ins: 5 of 5 ids accepted\n", "entra-risk: 1 repeated ids are sent once\n");
    assert_eq!(run.exchanges[0].request.body(), body(&[0, 1, 2, 3, 4]).as_bytes());
}

#[tokio::test(start_paused = true)]
async fn usage_errors_name_the_argument_and_send_nothing() {
    let shell = Shell::new().file("ids.txt", format!("{}\nx\n", id(1))).file("taken", "");
    let cases = [
        ("".to_owned(), "expected an action".to_owned()),
        (
            "dismiss-risky-users --file ids.txt".to_owned(),
            "ids.txt:2: expected an id (a hyphenated GUID, not all zeros); got \"x\"".to_owned(),
        ),
        (
            "dismiss-risky-users x".to_owned(),
            "argument: expected an id (a hyphenated GUID, not all zeros); got \"x\"".to_owned(),
        ),
        ("dismiss-risky-users --file none.txt".to_owned(), "none.txt: No such file or directory".to_owned()),
        (
            "dismiss-risky-users --file /etc/ids.txt".to_owned(),
            "/etc/ids.txt: the runtime grants no directory that contains it; grant one, for example with wasmtime run \
             --dir /etc"
                .to_owned(),
        ),
        (
            "dismiss-risky-users --file folder/../../x".to_owned(),
            "folder/../../x: the runtime grants no directory that contains it; grant one, for example with wasmtime run \
             --dir folder/../.."
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
    let expected = "cli/environment cli/exit cli/stderr cli/stdin cli/stdout cli/terminal-input \
         cli/terminal-output cli/terminal-stderr cli/terminal-stdin clocks/monotonic-clock \
         clocks/wall-clock filesystem/preopens filesystem/types http/outgoing-handler http/types \
         io/error io/poll io/streams random/random";
    assert_eq!(wasi_imports("entra-risk-cli"), expected);
}
