//! The progress line in a terminal.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use graph_model::{Behavior, Graph, Reply, Request, Service, Settings, TransportError};
use host_test::script::{accepted, graph_error};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::shell::{Completed, Shell, ids};

/// A Microsoft Graph of which half of the connections fail.
struct HalfDown {
    graph: Graph,
    random: Mutex<StdRng>,
}

impl Service for HalfDown {
    fn serve(&self, now: Duration, request: Request) -> Reply {
        match self.random.lock().unwrap().random() {
            true => self.graph.serve(now, request),
            false => Reply::at_once(Behavior::Failed(TransportError::ConnectionRefused)),
        }
    }
}

/// A line that was written.
struct Line<'a> {
    at: Duration,
    text: &'a str,
}

impl Line<'_> {
    /// The number of ids with an outcome that it shows.
    fn done(&self) -> usize {
        let (_, counts) = self.text.split_once(' ').expect("a spinner");
        counts.split_once('/').expect("a count").0.parse().expect("a number")
    }
}

/// The lines before the last one is removed. Each replaces the one before, and fits in a terminal.
#[track_caller]
fn lines(run: &Completed) -> Vec<Line<'_>> {
    let (removed, lines) = run.written.split_last().expect("a line");
    assert_eq!(removed.1, "\r\x1b[K");
    let lines = lines.iter().map(|(at, text)| {
        let text = text.strip_prefix("\r\x1b[K\x1b[?7l").and_then(|text| text.strip_suffix("\x1b[?7h"));
        Line { at: *at, text: text.expect("replaces the line before") }
    });
    let lines: Vec<Line<'_>> = lines.collect();
    assert!(lines.iter().all(|line| line.text.len() < 80 && !line.text.contains(char::is_control)));
    lines
}

/// Checks that the line changes at least every second, and returns the longest time without a
/// change.
#[track_caller]
fn longest_rest(run: &Completed) -> Duration {
    let lines = lines(run);
    for [before, line] in lines.array_windows() {
        assert!(line.text != before.text, "the line does not change: {}", line.text);
    }
    let times: Vec<Duration> = [Duration::ZERO].into_iter().chain(run.written.iter().map(|(at, _)| *at)).collect();
    let longest = times.array_windows().map(|[before, at]| *at - *before).max().expect("lines");
    assert!(longest <= Duration::from_secs(1), "{longest:?} without a change");
    longest
}

/// The ids whose requests were answered by this time.
fn answered(run: &Completed, at: Duration) -> usize {
    let answered = run.exchanges.iter().filter(|exchange| {
        let reply = exchange.reply.as_ref().expect("a reply");
        matches!(reply.behavior, Behavior::Complete(_)) && exchange.sent + reply.after <= at
    });
    answered.count() * 60
}

async fn run(service: Arc<dyn Service>, number: usize) -> Completed {
    let shell = Shell::new().terminal().file("ids.txt", ids(0..number));
    shell.run_before("dismiss-risky-users --file ids.txt", service).await
}

#[tokio::test(start_paused = true)]
async fn the_line_is_exact_and_changes_at_least_every_second() {
    for latency in [0.2, 1.0, 3.0, 20.0].map(Duration::from_secs_f64) {
        let settings = Settings { latency: latency..=latency, ..Settings::default() };
        let run = run(Arc::new(Graph::new(settings)), 3_000).await;
        assert_eq!(run.code, 0);
        println!("{latency:?}: at most {:?} without a change", longest_rest(&run));
        for line in lines(&run) {
            let read = answered(&run, line.at.saturating_sub(Duration::from_millis(10)))..=answered(&run, line.at);
            assert!(read.contains(&line.done()), "{read:?} at {:?}: {}", line.at, line.text);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_half_of_the_connections_is_named() {
    for seed in 0..4 {
        let graph = Graph::new(Settings::default());
        let service = HalfDown { graph, random: Mutex::new(StdRng::seed_from_u64(seed)) };
        let run = run(Arc::new(service), 3_000).await;
        assert!(run.stdout.contains(" of 3000 ids accepted"), "{}", run.stdout);
        let longest = longest_rest(&run);
        let lines = lines(&run);
        let named = lines.iter().filter(|line| line.text.ends_with(": unreachable")).count();
        println!("seed {seed}: {} lines, at most {longest:?} apart, {named} of them with the reason", lines.len());
        // A failure is waited out, and named, until a request is accepted.
        for failed in run.exchanges.iter().filter(|exchange| exchange.reply.as_ref().is_some_and(is_failed)) {
            let accepted = run.exchanges.iter().filter(|exchange| !exchange.reply.as_ref().is_some_and(is_failed));
            let accepted = accepted.map(|exchange| exchange.sent + exchange.reply.as_ref().unwrap().after);
            let until = accepted.filter(|at| *at >= failed.sent).min().unwrap_or(Duration::MAX);
            let between = lines.iter().filter(|line| failed.sent < line.at && line.at < until);
            for line in between {
                assert!(line.text.ends_with(": unreachable"), "{:?} after {:?}: {}", line.at, failed.sent, line.text);
            }
        }
    }
}

fn is_failed(reply: &Reply) -> bool {
    matches!(reply.behavior, Behavior::Failed(_))
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_counted_down_with_its_reason() {
    let throttled = graph_error(429, &[("retry-after", "12")], "TooManyRequests", "Too many requests.");
    let unavailable = graph_error(503, &[], "serviceNotAvailable", "The service is unavailable.");
    for (behavior, reason, least) in [(throttled, "throttled (429)", 12), (unavailable, "server-error (503)", 3)] {
        let shell = Shell::new().terminal().file("ids.txt", ids(0..120));
        let run = shell.run("dismiss-risky-users --file ids.txt", [accepted(), behavior, accepted()]).await;
        assert_eq!(run.code, 0);
        longest_rest(&run);
        let waits = lines(&run).into_iter().filter_map(|line| {
            let (seconds, named) = line.text.split_once("waiting ")?.1.split_once(" s: ")?;
            assert_eq!(named, reason);
            seconds.parse::<u32>().ok()
        });
        let waits: Vec<u32> = waits.collect();
        assert!(waits.is_sorted_by(|before, wait| before >= wait), "{waits:?}");
        assert!(waits.first().is_some_and(|first| *first >= least) && waits.last() == Some(&1), "{waits:?}");
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
        assert_eq!(shell.read("log.jsonl").lines().count(), 20, "a line for each batch");
    }
}
