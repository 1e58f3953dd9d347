//! Text from outside in everything that the command writes: without the tokens that a service
//! repeats, and without characters that a terminal executes.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use graph_model::Service;
use host_test::script::respond;
use serde_json::json;

use crate::echo::{Echo, HOSTILE, assert_printable};
use crate::shell::{Completed, Shell, id, ids};

/// Everything that a run wrote.
fn written(shell: &Shell, run: &Completed) -> String {
    let files = fs::read_dir(shell.path(".")).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    files.chain([run.stdout.clone(), run.stderr.clone()]).collect()
}

#[tokio::test(start_paused = true)]
async fn no_token_of_a_request_or_of_the_40_before_is_written() {
    for (latency, in_flight) in [(0.2, 4), (3.0, 4), (20.0, 32)] {
        for option in ["", " --json"] {
            let echo = Echo::new(Duration::from_secs_f64(latency));
            let shell =
                Shell::new().terminal().file("ids.csv", format!("id,name\n{},\n", ids(0..200).replace('\n', ",\n")));
            let line = format!(
                "dismiss-risky-users --file ids.csv --column id --ids-per-request 1 --max-in-flight {in_flight} \
                 --log log.jsonl --remaining left.txt --refused refused.txt{option}"
            );
            let run = shell.run_with("client-secret", &line, Arc::clone(&echo) as Arc<dyn Service>).await;
            assert!(run.stderr.contains("server-error (503)"), "a progress line: {}", run.stderr);
            echo.check(&written(&shell, &run));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_written_is_executed_by_a_terminal() {
    // A header cannot contain most of it.
    let body = json!({ "error": { "code": HOSTILE, "message": HOSTILE, "innerError": {
        "request-id": HOSTILE, "date": HOSTILE,
    }}});
    let respond = |status| respond(status, &[], body.to_string());
    let line = format!("dismiss-risky-users {} {} --ids-per-request 1 --log log.jsonl", id(1), id(2));
    for option in ["", " --json"] {
        let shell = Shell::new();
        let run = shell.run(&format!("{line}{option}"), [respond(404), respond(403)]).await;
        for text in [run.stdout, run.stderr, shell.read("log.jsonl")] {
            assert_printable(&text);
            for line in text.lines().filter(|line| line.starts_with('{')) {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(value.to_string().contains('\u{202e}'), "the text is escaped, not lost: {line}");
            }
        }
    }
    let shell = Shell::new().file("\x1b[2J\u{202e}", "x\u{9b}\u{202e}\nid,\x1b\n").file("ids.csv", "i\x1bd,b\n");
    let hostile = ["\x1b[2J", "\u{9b}2J\u{202e}"];
    let options = [
        "",
        "--",
        "--cloud=",
        "--cloud ",
        "--file ",
        "--log none/",
        "--tenant ",
        "--deadline=",
        "--file ids.csv --column ",
    ];
    let lines = options.iter().flat_map(|option| hostile.map(|text| format!("dismiss-risky-users {option}{text}")));
    let lines = lines.chain(["\x1b[2J".to_owned(), "dismiss-risky-users --file \x1b[2J\u{202e}".to_owned()]);
    for line in lines {
        let run = shell.run(&line, []).await;
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{line:?}");
        assert_printable(&run.stderr);
    }
}
