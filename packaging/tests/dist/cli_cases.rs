//! What Microsoft Graph or the network answered to people, and what the command makes of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use graph_model::{Behavior, Graph, Reply, Request, Service, Settings};
use host_test::case::Case;
use host_test::script::{accepted, graph_error, respond};
use rand::rngs::StdRng;
use rand::{SeedableRng, seq};
use tokio::time::Instant;

use crate::shell::{Completed, Shell, id, ids};

/// A Microsoft Graph whose answer depends on the body of a request.
struct Answering<F>(F);

impl<F: Fn(&str) -> Behavior + Send + Sync + 'static> Service for Answering<F> {
    fn serve(&self, _: Duration, request: Request) -> Reply {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        Reply::at_once((self.0)(&body)).after(Duration::from_millis(200))
    }
}

const LINE: &str = "dismiss-risky-users --file ids.txt --remaining left.txt --refused r.txt";

/// Runs the command for so many ids before a Microsoft Graph that answers like this. Returns also
/// the ids that remain, and those that were refused.
async fn run(n: usize, answer: impl Fn(&str) -> Behavior + Send + Sync + 'static) -> (Completed, String, String) {
    let shell = Shell::new().file("ids.txt", ids(0..n));
    let run = shell.run_before(LINE, Arc::new(Answering(answer))).await;
    (run, shell.read("left.txt"), shell.read("r.txt"))
}

#[tokio::test(start_paused = true)]
async fn what_was_met_in_public_ends_as_it_should() {
    for case in Case::all() {
        let list = |ids: Vec<&str>| ids.iter().map(|id| format!("{id}\n")).collect::<String>();
        let shell = Shell::new().file("ids.txt", case.ids.join("\n"));
        let run = shell.run_before(LINE, case.service(Duration::from_millis(200))).await;
        let name = &case.name;
        assert_eq!(shell.read("left.txt"), list(case.ids_with(&["not-applied", "unknown"])), "{name}");
        assert_eq!(shell.read("r.txt"), list(case.ids_with(&["refused"])), "{name}");
        let accepted = case.ids_with(&["accepted"]).len();
        let counts = format!("dismiss-risky-users: {accepted} of {} ids accepted", case.ids.len());
        assert!(run.stdout.starts_with(&counts), "{name}: {}", run.stdout);
        assert_eq!(run.code == 0, accepted == case.ids.len(), "{name}: {}", run.stdout);
        assert!(run.exchanges.len() <= case.requests, "{name}: {} requests", run.exchanges.len());
        if let Some(text) = &case.text {
            assert!(run.stdout.to_lowercase().contains(text), "{name}: no {text} in {}", run.stdout);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_that_the_cloud_lacks_refuses_no_id() {
    let message = "Resource not found for the segment 'signIns'.";
    let (run, left, refused) = run(30, move |_| graph_error(400, &[], "BadRequest", message)).await;
    assert_eq!((left, refused.as_str(), run.exchanges.len()), (ids(0..30), "", 1));
    assert!(run.stdout.contains("check cloud, endpoint and --api-version"), "{}", run.stdout);
}

#[tokio::test(start_paused = true)]
async fn a_web_filter_refuses_no_id() {
    for status in [404, 451] {
        let page = move |_: &str| respond(status, &[("content-type", "text/html")], "<html>Blocked</html>");
        let (run, left, refused) = run(300, page).await;
        assert_eq!((left, refused.as_str(), run.exchanges.len()), (ids(0..300), "", 3), "{status}");
        assert!(run.stdout.contains("180 not-applied: unexpected-status"), "{status}: {}", run.stdout);
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_not_about_ids_refuses_none() {
    for status in [405, 411, 415, 417, 426, 431] {
        let (run, left, refused) = run(120, move |_| graph_error(status, &[], "", "")).await;
        assert_eq!((left, refused.as_str(), run.exchanges.len()), (ids(0..120), "", 1), "{status}");
        assert!(run.stdout.contains(&format!("60 not-applied: client-error, HTTP {status}")), "{}", run.stdout);
    }
}

#[tokio::test(start_paused = true)]
async fn a_misdirected_request_is_sent_again() {
    let is_first = AtomicBool::new(true);
    let answer = move |_: &str| if is_first.swap(false, Ordering::SeqCst) { respond(421, &[], "") } else { accepted() };
    let (run, left, refused) = run(60, answer).await;
    run.is(0, "dismiss-risky-users: 60 of 60 ids accepted\n", "");
    assert_eq!((left.as_str(), refused.as_str(), run.exchanges.len()), ("", "", 2));
}

#[tokio::test(start_paused = true)]
async fn an_id_on_which_the_service_fails_keeps_no_other_waiting() {
    for n in [60, 300] {
        let failing = |body: &str| match body.contains(&id(17)) {
            true => graph_error(500, &[], "UnknownError", ""),
            false => accepted(),
        };
        let (run, left, refused) = run(n, failing).await;
        assert_eq!((left, refused.as_str()), (ids(17..18), ""), "{n}");
        assert!(run.stdout.contains("1 unknown: server-error, HTTP 500"), "{n}: {}", run.stdout);
    }
}

#[tokio::test(start_paused = true)]
async fn names_in_refusals_are_followed() {
    let absent = seq::index::sample(&mut StdRng::seed_from_u64(1), 10_000, 100);
    let absent: BTreeSet<usize> = absent.into_iter().collect();
    let uuids = absent.iter().map(|number| id(*number).parse().expect("a GUID")).collect();
    let shell = Shell::new().file("ids.txt", ids(0..10_000));
    let graph = Graph::new(Settings { absent: uuids, ..Settings::default() });
    let run = shell.run_before(LINE, Arc::new(graph)).await;
    let refused: String = absent.iter().map(|number| id(*number) + "\n").collect();
    assert_eq!((run.code, shell.read("left.txt").as_str()), (1, ""));
    let sorted: BTreeSet<String> = shell.read("r.txt").lines().map(|line| format!("{line}\n")).collect();
    assert_eq!(sorted.into_iter().collect::<String>(), refused);
    println!("{} requests", run.exchanges.len());
    assert!(run.exchanges.len() <= 400, "{} requests", run.exchanges.len());
}

#[tokio::test(start_paused = true)]
async fn that_nothing_was_accepted_is_explained() {
    let start = Instant::now();
    let message = "These requestIds do not exist in your tenant or they are not risky";
    let (run, left, refused) = run(1_000, move |_| graph_error(400, &[], "BadRequest", message)).await;
    assert!((165..=190).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert!(run.exchanges.len() <= 190, "{} requests", run.exchanges.len());
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines[0].starts_with("dismiss-risky-users: 0 of 1000 ids accepted, "), "{}", lines[0]);
    assert!(lines[2].starts_with("Nothing was accepted: either the ids were already processed"), "{}", lines[2]);
    assert!(lines[2].contains("object ids of users"), "{}", lines[2]);
    let all: BTreeSet<&str> = left.lines().chain(refused.lines()).collect();
    assert_eq!((all.len(), left.lines().count() + refused.lines().count()), (1_000, 1_000));
    assert!(!refused.is_empty() && run.stdout.contains("not-attempted"), "{}", run.stdout);
}

#[tokio::test(start_paused = true)]
async fn what_a_403_means_is_told_apart() {
    for (code, message, expected) in [
        ("Forbidden", "Your tenant is not licensed for this feature.", "lacks the license"),
        ("Forbidden", "required scopes are missing in the token.", "grant it to the app"),
        ("Authorization_RequestDenied", "Insufficient privileges.", "up to an hour after a role was activated"),
    ] {
        let (run, left, _) = run(60, move |_| graph_error(403, &[], code, message)).await;
        assert_eq!((run.code, left), (3, ids(0..60)), "{message}");
        assert!(run.stdout.contains(expected), "{message}: {}", run.stdout);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_the_patience_names_the_option() {
    for (line, option) in [("", "--patience"), ("--deadline 2m --patience 1h", "--deadline")] {
        let shell = Shell::new().file("ids.txt", ids(0..60));
        let throttled = graph_error(429, &[("retry-after", "600")], "TooManyRequests", "");
        let run = shell.run(&format!("dismiss-risky-users --file ids.txt {line}"), [throttled]).await;
        assert!(run.stdout.contains(&format!("wait 600 s, longer than {option} permits")), "{}", run.stdout);
    }
}
