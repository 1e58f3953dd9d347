//! What a `next` does, and how long it takes.

use std::sync::Arc;
use std::time::Duration;

use graph_model::{Behavior, Reply, Request, Service};
use host_test::bindings::calls::Event;
use host_test::bindings::credentials::TokenError;
use host_test::component::PluginComponent;
use host_test::host::{Host, Outbound};
use host_test::plugin::{Action, Plugin, canary};
use host_test::script::{accepted, graph_error};
use tokio::task::yield_now;

use super::{Open, accepting, assert_at, ended, in_turn, pause, script, unreachable, waiting};
use crate::request::{ids, one_by_one};

type Treatment = fn() -> Behavior;

/// Treats every request like this.
struct Always(Treatment);

impl Service for Always {
    fn serve(&self, _: Duration, _: Request) -> Reply {
        Reply::at_once((self.0)())
    }
}

#[tokio::test(start_paused = true)]
async fn a_next_returns_in_time_during_an_outage_with_the_failure() {
    let outages: [(Treatment, &str); 4] = [
        (unreachable, "unreachable"),
        (|| graph_error(503, &[], "UnknownError", ""), "server-error"),
        (|| graph_error(429, &[("retry-after", "60")], "TooManyRequests", ""), "throttled"),
        (|| Behavior::Reset, "no-response"),
    ];
    for (behavior, kind) in outages {
        let service = Arc::new(Always(behavior));
        let mut open = Open::start(service, Action::DismissRiskyUsers, &ids(600), one_by_one()).await;
        for _ in 0..600 {
            let before = open.now_ms();
            let progress = waiting(open.next(Some(100)).await);
            assert!(open.now_ms() - before <= 110, "{kind}: {} ms", open.now_ms() - before);
            assert_eq!(progress.error.map(|error| error.case()), Some(kind));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_next_returns_in_time_while_there_is_no_token() {
    let unavailable = Box::new(|_: &_| Err(TokenError::Unavailable("the token endpoint is down".into())));
    let plugin = Plugin::with(Outbound::InProcess(script([])), unavailable).await;
    let mut open = Open::with(plugin, Action::DismissRiskyUsers, &ids(2), one_by_one()).await;
    for _ in 0..600 {
        let before = open.now_ms();
        let error = waiting(open.next(Some(100)).await).error.expect("a failure");
        assert!(open.now_ms() - before <= 110, "{} ms", open.now_ms() - before);
        assert!(error.case() == "no-token" && error.message.contains("the token endpoint is down"), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_as_long_as_asked() {
    let mut open = Open::start(accepting(1, 3_333), Action::DismissRiskyUsers, &ids(1), one_by_one()).await;
    let mut expected = 0;
    for wait_ms in [1, 7, 100, 1_000, 2_000] {
        waiting(open.next(Some(wait_ms)).await);
        expected += u64::from(wait_ms);
        assert_at(open.now_ms(), expected);
    }
    assert_eq!(ended(open.next(Some(u32::MAX)).await), ["accepted"]);
    assert_at(open.now_ms(), 3_333);
}

#[tokio::test(start_paused = true)]
async fn a_next_of_zero_does_what_is_possible_without_waiting() {
    let mut open = Open::start(accepting(6, 0), Action::DismissSignIns, &ids(6), one_by_one()).await;
    let mut outcomes = 0;
    for _ in 0..100 {
        match open.next(Some(0)).await {
            Event::Ended(batches) => outcomes += batches.len(),
            Event::Waiting(_) => {}
            Event::Over(_) => panic!("over before the rate limit"),
        }
        // The host's own work; the clock stands still.
        yield_now().await;
    }
    // The limit is five requests in ten seconds.
    assert_eq!((outcomes, open.now_ms(), open.sent_ms().len()), (5, 0, 5));
    pause(11_000).await;
    for _ in 0..100 {
        if matches!(open.next(Some(0)).await, Event::Over(_)) {
            return assert_eq!(open.now_ms(), 11_000);
        }
        yield_now().await;
    }
    panic!("not over");
}

#[tokio::test(start_paused = true)]
async fn a_next_of_zero_never_advances_the_clock() {
    let replies = [(700, accepted()), (50, graph_error(503, &[], "", "")), (50, accepted()), (10_000, unreachable())];
    let replies = replies.into_iter().chain((0..2).map(|_| (0, accepted())));
    let mut open = Open::start(script(replies), Action::DismissRiskyUsers, &ids(4), one_by_one()).await;
    let mut polls = 0;
    loop {
        let before = open.plugin.now();
        let event = open.next(Some(0)).await;
        assert_eq!(open.plugin.now(), before, "{event:?}");
        if matches!(event, Event::Over(_)) {
            break;
        }
        polls += 1;
        assert!(polls < 100_000, "no end");
        pause(7).await;
    }
    let outcomes: Vec<String> = open.report().await.iter().map(|batch| batch.case()).collect();
    assert_eq!(outcomes, ["accepted"; 4]);
}

#[tokio::test(start_paused = true)]
async fn a_polling_host_is_as_fast_as_a_waiting_one() {
    let mut waits = Open::start(accepting(20, 200), Action::DismissRiskyUsers, &ids(20), one_by_one()).await;
    waits.finish().await;
    let mut polls = Open::start(accepting(20, 200), Action::DismissRiskyUsers, &ids(20), one_by_one()).await;
    while !matches!(polls.next(Some(0)).await, Event::Over(_)) {
        pause(5).await;
    }
    let (waited, polled) = (waits.now_ms(), polls.now_ms());
    assert!(polled <= waited + 20 * 5 + 100, "{polled} ms, not {waited} ms");
}

#[tokio::test(start_paused = true)]
async fn start_sends_nothing_and_asks_for_no_token() {
    let mut open = Open::start(accepting(1, 0), Action::ConfirmRiskyUsersSafe, &ids(1), in_turn()).await;
    pause(60_000).await;
    assert_eq!((open.sent_ms().len(), open.plugin.token_requests().len()), (0, 0));
    assert_eq!(ended(open.next(None).await), ["accepted"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_while_nobody_calls_next() {
    let mut open = Open::start(accepting(2, 100), Action::DismissRiskyUsers, &ids(2), one_by_one()).await;
    waiting(open.next(Some(50)).await);
    pause(60_000).await;
    assert_eq!(open.sent_ms(), [0]);
    let (outcomes, _) = open.finish().await;
    assert_eq!((outcomes.len(), open.sent_ms()[1]), (2, 60_050));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_takes_long_makes_any_next_longer() {
    let host = Host::new(Outbound::InProcess(accepting(1, 50)), canary(), 0).token_latency(|| Duration::from_secs(5));
    let plugin = Plugin::new(PluginComponent::shared(), host).await.expect("the plugin");
    let mut open = Open::with(plugin, Action::DismissRiskyUsers, &ids(1), one_by_one()).await;
    let progress = waiting(open.next(Some(100)).await);
    assert_at(open.now_ms(), 5_000);
    assert_eq!((progress.requests, progress.in_flight), (1, 1));
    assert_eq!(ended(open.next(Some(100)).await), ["accepted"]);
}
