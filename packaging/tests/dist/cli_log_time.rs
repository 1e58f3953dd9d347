//! When the command writes what it knows, and how long that takes, in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use graph_model::{Behavior, Graph, Reply, Request, Service, Settings};
use host_test::plugin::{Action, Plugin};
use serde_json::Value;
use tokio::time::Instant;

use crate::cli_endings::log;
use crate::shell::{Completed, Shell, id, ids};

const IDS: usize = 10_000;

/// Responds in this time. Each hundredth id is absent, or none is.
fn settings(latency: Duration, absent: bool) -> Settings {
    let absent = (0..IDS).filter(|_| absent).step_by(100).map(|number| id(number * 7_919 % IDS).parse().unwrap());
    let absent: BTreeSet<_> = absent.collect();
    Settings { latency: latency..=latency, absent, ..Settings::default() }
}

/// The time since the start of the run that is written in a line of the log.
fn time(line: &Value) -> Duration {
    let time = line["time"].as_str().unwrap().strip_prefix("2026-11-21T").unwrap().trim_end_matches('Z').to_owned();
    let parts: Vec<f64> = time.split(':').map(|part| part.parse().unwrap()).collect();
    Duration::from_secs_f64((parts[0] - 9.0) * 3_600.0 + parts[1] * 60.0 + parts[2])
}

/// The longest time from a response to the line of its batch.
#[track_caller]
fn longest_delay(run: &Completed, log: &str) -> Duration {
    let responses: BTreeMap<&str, Duration> = run
        .exchanges
        .iter()
        .map(|exchange| {
            let id = exchange.request.headers()["client-request-id"].to_str().unwrap();
            (id, exchange.sent + exchange.reply.as_ref().unwrap().after)
        })
        .collect();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let delays = lines.map(|line| {
        let response = responses[line["clientRequestId"].as_str().unwrap()];
        // The log has whole milliseconds.
        time(&line).saturating_sub(response)
    });
    delays.max().expect("lines")
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_in_the_log_50_ms_after_its_response() {
    for absent in [false, true] {
        let latency = Duration::from_millis(200)..=Duration::from_secs(3);
        let settings = Settings { latency, ..settings(Duration::ZERO, absent) };
        let shell = Shell::new().file("ids.txt", ids(0..IDS)).terminal();
        let line = "dismiss-risky-users --file ids.txt --log log.jsonl --remaining left.txt";
        let run = shell.run_before(line, Arc::new(Graph::new(settings))).await;
        let delay = longest_delay(&run, &shell.read("log.jsonl"));
        println!("1 % absent: {absent}: at most {delay:?} from a response to its line");
        assert!(delay <= Duration::from_millis(50), "{delay:?}");
        assert_eq!(log(&shell.read("log.jsonl")).iter().map(|(_, ids)| ids.len()).sum::<usize>(), IDS);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_with_a_log_takes_as_long_as_one_call_of_the_function() {
    for absent in [false, true] {
        for latency in [0.2, 1.0, 2.0, 3.0].map(Duration::from_secs_f64) {
            let all: Vec<String> = (0..IDS).map(id).collect();
            let mut plugin = Plugin::before(Arc::new(Graph::new(settings(latency, absent)))).await;
            let start = Instant::now();
            let result = plugin.call(Action::DismissRiskyUsers, &all, None).await.unwrap();
            assert_eq!(result.is_err(), absent);
            let function = start.elapsed();
            let shell = Shell::new().file("ids.txt", ids(0..IDS));
            let start = Instant::now();
            let line = "dismiss-risky-users --file ids.txt --log log.jsonl";
            let run = shell.run_before(line, Arc::new(Graph::new(settings(latency, absent)))).await;
            let command = start.elapsed();
            assert_eq!(run.code, i32::from(absent));
            let ratio = command.as_secs_f64() / function.as_secs_f64();
            println!("{latency:?}, 1 % absent: {absent}: function {function:.2?}, command {command:.2?}, {ratio:.4}");
            assert!(ratio <= 1.005, "{ratio}");
        }
    }
}

/// A Microsoft Graph that never responds to one request.
struct OneSilence {
    graph: Graph,
    requests: AtomicUsize,
    silent: usize,
}

impl Service for OneSilence {
    fn serve(&self, now: Duration, request: Request) -> Reply {
        match self.requests.fetch_add(1, Ordering::SeqCst) {
            number if number == self.silent => Reply::at_once(Behavior::Silence),
            _ => self.graph.serve(now, request),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_never_comes_does_not_hold_the_other_requests() {
    for silent in [0, 7, 14] {
        let graph = Graph::new(Settings::default());
        let service = OneSilence { graph, requests: AtomicUsize::new(0), silent };
        let shell = Shell::new().file("ids.txt", ids(0..900));
        let line = "dismiss-risky-users --file ids.txt --log log.jsonl";
        assert_eq!(shell.run_before(line, Arc::new(service)).await.code, 0);
        let log = shell.read("log.jsonl");
        let times: Vec<Duration> = log.lines().map(|line| time(&serde_json::from_str(line).unwrap())).collect();
        println!("request {silent} silent: the 14th line after {:?}, the last one after {:?}", times[13], times[14]);
        assert!(times.len() == 15 && times[13] <= Duration::from_secs(16), "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_list_of_remaining_ids_is_replaced_every_10_s() {
    /// Notes, at each request, how many ids the file contains.
    struct Watcher(Graph, std::path::PathBuf, std::sync::Mutex<Vec<(Duration, usize)>>);

    impl Service for Watcher {
        fn serve(&self, now: Duration, request: Request) -> Reply {
            let count = std::fs::read_to_string(&self.1).unwrap().lines().count();
            self.2.lock().unwrap().push((now, count));
            self.0.serve(now, request)
        }
    }

    let shell = Shell::new().file("ids.txt", ids(0..12_000));
    let service = Watcher(Graph::new(Settings::default()), shell.path("left.txt"), Default::default());
    let service = Arc::new(service);
    let line = "dismiss-risky-users --file ids.txt --remaining left.txt";
    assert_eq!(shell.run_before(line, service.clone()).await.code, 0);
    assert_eq!(shell.read("left.txt"), "");
    let counts = service.2.lock().unwrap();
    let mut longest = Duration::ZERO;
    let mut changed = Duration::ZERO;
    for [(before, count), (now, next)] in counts.array_windows() {
        if next != count {
            changed = *now;
        }
        longest = longest.max(*now - changed);
        if *count <= 10_000 {
            assert!(next < count, "{next} ids at {now:?}, as at {before:?}");
        }
    }
    println!("at most {longest:?} without a change");
    assert!(Duration::from_secs(5) < longest && longest <= Duration::from_secs(11), "{longest:?}");
}
