//! The progress line in a terminal, between and during the slices of a run.

use std::sync::Arc;
use std::time::Duration;

use graph_model::{Graph, Settings};
use host_test::script::{accepted, respond};

use crate::shell::{Completed, Shell, ids};

/// A line that was written.
struct Line<'a> {
    at: Duration,
    /// It was estimated during a slice; the others are reports between slices.
    is_estimate: bool,
    done: usize,
    text: &'a str,
}

/// The lines before the last one is removed.
fn lines(run: &Completed) -> Vec<Line<'_>> {
    let (removed, lines) = run.written.split_last().expect("a line");
    assert_eq!(removed.1, "\r\x1b[K");
    let lines = lines.iter().map(|(at, text)| {
        let text = text.strip_prefix("\r\x1b[K").expect("replaces the line before");
        let done = text.trim_start_matches('~').split_once('/').expect("a count").0.parse().expect("a number");
        Line { at: *at, is_estimate: text.starts_with('~'), done, text }
    });
    lines.collect()
}

async fn run(settings: Settings, number: usize) -> Completed {
    let shell = Shell::new().terminal().file("ids.txt", ids(0..number));
    shell.run_before("dismiss-risky-users --file ids.txt", Arc::new(Graph::new(settings))).await
}

/// Estimates fit in the terminal, increase at most once a second, and stay below the next report, which contains all ids of
/// the slice.
#[track_caller]
fn check(lines: &[Line<'_>]) {
    for [before, line] in lines.array_windows() {
        assert!(line.text.len() < 30, "{}", line.text);
        if line.is_estimate {
            assert!(line.at - before.at >= Duration::from_secs(1), "{} after {}", line.text, before.text);
        }
        assert!(line.done > before.done, "{} after {}", line.text, before.text);
    }
}

#[tokio::test(start_paused = true)]
async fn the_line_advances_during_a_slice() {
    for (latency, slices) in [(0.2, 20..60), (3.0, 5..15)] {
        let latency = Duration::from_secs_f64(latency);
        let run = run(Settings { latency: latency..=latency, ..Settings::default() }, 10_000).await;
        assert_eq!(run.code, 0);
        let lines = lines(&run);
        check(&lines);
        let reports = lines.iter().filter(|line| !line.is_estimate).count();
        let pause = lines.array_windows().map(|[before, line]| line.at - before.at).max().unwrap();
        println!("{latency:?}: {} lines, {reports} of them reports, at most {pause:?} apart", lines.len());
        assert!(slices.contains(&reports), "{reports} reports");
        assert!(lines.len() > 100, "{} lines", lines.len());
        assert!(pause < Duration::from_millis(2_100) + latency, "{pause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_line_does_not_claim_requests_that_were_not_sent() {
    for latency in [0.2, 1.0, 3.0].map(Duration::from_secs_f64) {
        let run = run(Settings { latency: latency..=latency, ..Settings::default() }, 3_000).await;
        // What is on its way counts if responses are slower than the rate limit.
        let way = latency.min(Duration::from_millis(900));
        for line in lines(&run) {
            let sent = run.exchanges.iter().filter(|exchange| exchange.sent + way <= line.at).count();
            assert!(line.done <= 60 * sent, "{} after {sent} requests", line.text);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn repeated_requests_do_not_move_the_line_beyond_the_slice() {
    for (status, headers) in [(503, &[][..]), (429, &[("retry-after", "2")])] {
        let replies = (0..75).map(|number| if number % 3 == 0 { respond(status, headers, "") } else { accepted() });
        let shell = Shell::new().terminal().file("ids.txt", ids(0..3_000));
        let run = shell.run("dismiss-risky-users --file ids.txt", replies).await;
        assert_eq!((run.code, run.exchanges.len()), (0, 75));
        check(&lines(&run));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_off_a_terminal_or_quietly() {
    let graph = || Arc::new(Graph::new(Settings::default()));
    let line = "dismiss-risky-users --file ids.txt --log log.jsonl";
    for (terminal, options) in [(false, ""), (false, "--json"), (true, "--quiet"), (true, "--quiet --json")] {
        let shell = Shell::new().terminal_if(terminal).file("ids.txt", ids(0..1_200));
        let run = shell.run_before(&format!("{line} {options}"), graph()).await;
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{options}");
        assert!(shell.read("log.jsonl").lines().count() == 20, "slices");
    }
}
