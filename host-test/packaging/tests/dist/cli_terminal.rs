//! The command in a terminal: progress, the time that watching costs, and the question.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use graph_model::{Graph, Settings};
use host_test::script::accepted;
use serde_json::Value;
use tokio::time::Instant;

use crate::shell::{Shell, id, ids};

fn graph(latency: Duration) -> Arc<Graph> {
    Arc::new(Graph::new(Settings { latency: latency..=latency, ..Settings::default() }))
}

/// Seconds from 1970 to the time of a log line, within the day of the tests.
fn seconds(line: &str) -> f64 {
    let line: Value = serde_json::from_str(line).unwrap();
    let time = line["time"].as_str().unwrap().strip_prefix("2026-11-21T").unwrap().trim_end_matches('Z').to_owned();
    let parts: Vec<f64> = time.split(':').map(|part| part.parse().unwrap()).collect();
    (parts[0] - 9.0) * 3_600.0 + parts[1] * 60.0 + parts[2]
}

/// The longest time in seconds between two lines of the log, or the start or the end of the run.
fn longest_gap(log: &str, end: Duration) -> f64 {
    let times: Vec<f64> = log.lines().map(seconds).chain([end.as_secs_f64()]).collect();
    let gaps = times.iter().zip([0.0].iter().chain(&times)).map(|(time, before)| time - before);
    gaps.fold(0.0, f64::max)
}

#[tokio::test(start_paused = true)]
async fn watching_costs_at_most_a_twentieth_and_the_log_is_at_most_60_s_old() {
    for action in ["dismiss-sign-ins", "dismiss-risky-users"] {
        for latency in [0.2, 1.0, 2.0, 3.0].map(Duration::from_secs_f64) {
            let file = || Shell::new().file("ids.txt", ids(0..10_000));
            let line = format!("{action} --file ids.txt");
            let start = Instant::now();
            assert_eq!(file().run_before(&line, graph(latency)).await.code, 0);
            let one_call = start.elapsed();
            let start = Instant::now();
            let shell = file().terminal();
            let run = shell.run_before(&format!("{line} --log log.jsonl --remaining left.txt"), graph(latency)).await;
            let watched = start.elapsed();
            assert_eq!(run.code, 0);
            let gap = longest_gap(&shell.read("log.jsonl"), watched);
            let ratio = watched.as_secs_f64() / one_call.as_secs_f64();
            println!(
                "{action}, {latency:?}: {one_call:.1?} in one call, {watched:.1?} watched ({ratio:.3}), longest gap {gap:.1} s"
            );
            assert!(ratio <= 1.05, "{ratio}");
            assert!(gap <= 60.0, "{gap}");
            let lines: Vec<&str> = run.stderr.split("\r\x1b[K").collect();
            assert!(lines.len() > 4 && lines.iter().all(|line| line.len() < 30), "{lines:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refused_ids_do_not_silence_the_log_for_long() {
    for (latency, most) in [(0.2, 1.12), (3.0, 1.3)] {
        let latency = Duration::from_secs_f64(latency);
        let absent: BTreeSet<_> = (0..50).map(|number| id(number * 7_919 % 5_000).parse().unwrap()).collect();
        let graph = || {
            let settings = Settings { latency: latency..=latency, absent: absent.clone(), ..Settings::default() };
            Arc::new(Graph::new(settings))
        };
        let shell = Shell::new().file("ids.txt", ids(0..5_000));
        let line = "dismiss-risky-users --file ids.txt";
        let start = Instant::now();
        shell.run_before(line, graph()).await;
        let one_call = start.elapsed();
        let start = Instant::now();
        shell.run_before(&format!("{line} --log log.jsonl"), graph()).await;
        let (watched, gap) = (start.elapsed(), longest_gap(&shell.read("log.jsonl"), start.elapsed()));
        let ratio = watched.as_secs_f64() / one_call.as_secs_f64();
        println!(
            "1 % refused, {latency:?}: {one_call:.1?} in one call, {watched:.1?} in slices ({ratio:.3}), longest gap {gap:.1} s"
        );
        assert!(ratio <= most && gap <= 120.0, "{ratio} {gap}");
    }
}

#[tokio::test(start_paused = true)]
async fn quiet_prints_only_what_needs_attention() {
    let shell = Shell::new().terminal().input(ids(0..60) + &ids(0..1));
    shell.run("dismiss-risky-users - --quiet", [accepted()]).await.is(0, "", "");
    let run = shell.run("dismiss-risky-users - -q --json", [accepted()]).await;
    assert!(run.code == 0 && run.stdout.starts_with('{') && run.stderr.is_empty());
    let denied = host_test::script::graph_error(403, &[], "Authorization_RequestDenied", "Insufficient privileges.");
    let run = shell.run("dismiss-risky-users - --quiet", [denied]).await;
    assert!(run.code == 3 && run.stdout.contains("60 not-applied: forbidden") && run.stderr.is_empty());
}

#[tokio::test(start_paused = true)]
async fn confirming_a_compromise_is_asked_about_in_a_terminal() {
    let line = format!("confirm-sign-ins-compromised {}", id(1));
    let question = "Confirm 1 sign-ins as compromised? Microsoft Entra ID sets the risk of their users to high, which \
                    can lock these users out.\nType yes to continue: ";
    for answer in ["yes\n", "Y\n", " yes \r\n"] {
        let run = Shell::new().typed(answer).run(&line, [accepted()]).await;
        assert!(run.code == 0 && run.stderr.starts_with(question), "{answer:?}: {}", run.stderr);
    }
    for answer in ["no\n", "\n", "", "yess\n", &"y".repeat(1_000)] {
        let run = Shell::new().typed(answer).run(&line, []).await;
        run.is(2, "", &format!("{question}entra-risk: not confirmed: nothing was sent\n"));
    }
    for shell in [Shell::new().typed(""), Shell::new().terminal(), Shell::new()] {
        assert_eq!(shell.run(&format!("{line} --yes"), [accepted()]).await.code, 0);
    }
    assert_eq!(Shell::new().run(&line, [accepted()]).await.code, 0, "no terminal, no question");
    for line in ["confirm-sign-ins-compromised -", "confirm-sign-ins-compromised - --dry-run"] {
        Shell::new().terminal().input(ids(1..2)).run(line, []).await.is_usage_error(
            "add --yes: the question whether to confirm sign-ins as compromised cannot be answered, because standard \
             input is not a terminal",
        );
    }
    let planned = Shell::new().typed("").run(&format!("{line} --dry-run"), []).await;
    assert!(planned.code == 0 && !planned.stderr.contains("Confirm"), "a dry run does not ask: {}", planned.stderr);
    for other in ["dismiss-sign-ins", "confirm-sign-ins-safe", "dismiss-risky-users"] {
        assert_eq!(Shell::new().typed("").run(&format!("{other} {}", id(1)), [accepted()]).await.code, 0);
    }
}
