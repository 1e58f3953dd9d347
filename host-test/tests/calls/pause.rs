//! Hosts that do something else between two `next`: which clocks go on meanwhile.

use graph_model::Behavior;
use host_test::bindings::actions::Options;
use host_test::bindings::calls::Event;
use host_test::plugin::Action;
use host_test::script::{accepted, graph_error};

use super::{Open, accepting, assert_at, ended, in_turn, over, pause, script, unreachable, waiting};
use crate::request::{ids, one_by_one};

const MINUTE: u64 = 60_000;

/// One attempt, which may take ten seconds.
fn ten_seconds() -> Options {
    Options { attempt_timeout_ms: Some(10_000), max_attempts: Some(1), ..in_turn() }
}

#[tokio::test(start_paused = true)]
async fn a_pause_uses_up_at_most_a_second_of_the_attempt_timeout() {
    for (pause_ms, counted) in [(5 * MINUTE, 1_000), (1_000, 1_000), (400, 400)] {
        let service = script([(0, Behavior::Silence)]);
        let mut open = Open::start(service, Action::DismissRiskyUsers, &ids(1), ten_seconds()).await;
        waiting(open.next(Some(0)).await);
        pause(pause_ms).await;
        assert_eq!(ended(open.next(None).await), ["unknown(no-response)"]);
        assert_at(open.now_ms(), pause_ms + 10_000 - counted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_arrived_in_a_pause_is_read_before_a_timeout_is_judged() {
    let service = script([(30_000, accepted())]);
    let mut open = Open::start(service, Action::DismissRiskyUsers, &ids(1), ten_seconds()).await;
    waiting(open.next(Some(0)).await);
    pause(MINUTE).await;
    assert_eq!(ended(open.next(Some(0)).await), ["accepted"]);
    assert_eq!(over(open.next(Some(0)).await), None);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_arrived_in_a_pause_is_read_before_the_deadline_is_judged() {
    let options = Options { deadline_ms: Some(5_000), ..in_turn() };
    let mut open = Open::start(accepting(1, 3_000), Action::DismissRiskyUsers, &ids(2), options).await;
    waiting(open.next(Some(0)).await);
    pause(MINUTE).await;
    assert_eq!(ended(open.next(Some(0)).await), ["accepted"]);
    assert_eq!(ended(open.next(Some(0)).await), ["not-applied(not-attempted)"]);
    assert_eq!(over(open.next(Some(0)).await), Some("deadline-exceeded"));
}

#[tokio::test(start_paused = true)]
async fn a_pause_uses_up_at_most_a_second_of_patience() {
    let options = Options { patience_ms: Some(20_000), max_attempts: Some(10), ..in_turn() };
    let replies = (0..6).map(|_| (0, unreachable())).chain([(0, accepted())]);
    let mut open = Open::start(script(replies), Action::DismissRiskyUsers, &ids(1), options).await;
    while open.sent_ms().len() < 6 {
        waiting(open.next(Some(0)).await);
        pause(10 * MINUTE).await;
    }
    assert_eq!(ended(open.next(None).await), ["accepted"]);
}

#[tokio::test(start_paused = true)]
async fn patience_that_a_host_waits_for_is_used_up() {
    let options = Options { patience_ms: Some(20_000), max_attempts: Some(10), ..in_turn() };
    let replies = (0..4).map(|_| (0, unreachable()));
    let mut open = Open::start(script(replies), Action::DismissRiskyUsers, &ids(1), options).await;
    for _ in 0..1_000 {
        if let Event::Ended(batches) = open.next(Some(0)).await {
            assert_eq!(batches[0].case(), "not-applied(unreachable)");
            assert!((10_000..=21_000).contains(&open.now_ms()), "{} ms", open.now_ms());
            return;
        }
        pause(100).await;
    }
    panic!("no end");
}

#[tokio::test(start_paused = true)]
async fn a_pause_uses_up_at_most_a_second_of_the_grace() {
    for (response_ms, outcome) in [(MINUTE + 3_900, "accepted"), (MINUTE + 4_100, "unknown(no-response)")] {
        // Whether or not a `next` comes between `stop` and the pause.
        for is_applied in [false, true] {
            let options = Options { attempt_timeout_ms: Some(600_000), ..in_turn() };
            let service = script([(response_ms, accepted())]);
            let mut open = Open::start(service, Action::DismissRiskyUsers, &ids(1), options).await;
            waiting(open.next(Some(0)).await);
            open.stop(Some(5_000)).await;
            if is_applied {
                waiting(open.next(Some(0)).await);
            }
            pause(MINUTE).await;
            assert_eq!(ended(open.next(None).await), [outcome]);
            assert_at(open.now_ms(), response_ms.min(MINUTE + 4_000));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_polls_does_not_lengthen_the_attempt_timeout() {
    for interval_ms in [1, 100, 999] {
        let service = script([(0, Behavior::Silence)]);
        let mut open = Open::start(service, Action::DismissRiskyUsers, &ids(1), ten_seconds()).await;
        while !matches!(open.next(Some(0)).await, Event::Ended(_)) {
            pause(interval_ms).await;
        }
        let now = open.now_ms();
        assert!((10_000..=10_000 + interval_ms + 1).contains(&now), "{now} ms, polled every {interval_ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_runs_from_start_by_the_clock() {
    let options = Options { deadline_ms: Some(10_000), ..in_turn() };
    let service = script([(0, Behavior::Silence)]);
    let mut open = Open::start(service, Action::DismissRiskyUsers, &ids(1), options.clone()).await;
    pause(4_000).await;
    waiting(open.next(Some(2_000)).await);
    pause(1_500).await;
    assert_eq!(ended(open.next(None).await), ["unknown(deadline-exceeded)"]);
    assert_at(open.now_ms(), 10_000);
    assert_eq!(over(open.next(None).await), Some("deadline-exceeded"));

    let mut open = Open::start(script([]), Action::DismissRiskyUsers, &ids(1), options).await;
    pause(MINUTE).await;
    assert_eq!(ended(open.next(None).await), ["not-applied(not-attempted)"]);
    assert_eq!(over(open.next(None).await), Some("deadline-exceeded"));
    assert_eq!(open.plugin.token_requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn retry_after_and_the_rate_limit_run_by_the_clock() {
    let throttled = graph_error(429, &[("retry-after", "50")], "TooManyRequests", "");
    let replies = [(0, throttled), (0, accepted()), (0, accepted())];
    let mut open = Open::start(script(replies), Action::DismissRiskyUsers, &ids(2), one_by_one()).await;
    waiting(open.next(Some(100)).await);
    for _ in 0..2 {
        pause(MINUTE).await;
        let before = open.now_ms();
        assert_eq!(ended(open.next(None).await), ["accepted"]);
        assert_eq!(open.now_ms(), before);
    }
}
