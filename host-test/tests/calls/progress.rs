//! What `waiting` says.

use std::sync::Arc;

use graph_model::Behavior;
use host_test::bindings::actions::{ErrorKind, Options};
use host_test::plugin::Action;
use host_test::script::{accepted, graph_error};

use super::{AcceptAll, Open, accepting, ended, in_turn, script, unreachable, waiting};
use crate::request::{ids, one_by_one};

#[tokio::test(start_paused = true)]
async fn progress_counts_ids_and_requests() {
    let options = Options { ids_per_request: Some(2), ..Options::default() };
    let mut open = Open::start(accepting(3, 300), Action::DismissSignIns, &ids(5), options).await;
    let progress = waiting(open.next(Some(100)).await);
    assert_eq!((progress.left, progress.requests, progress.in_flight), (5, 3, 3));
    let mut open =
        Open::start(Arc::new(AcceptAll(300)), Action::DismissRiskyUsers, &ids(180), Options::default()).await;
    let counts = |open: &mut Open, event| {
        let progress = waiting(event);
        (open.now_ms() / 100, progress.left, progress.requests, progress.in_flight)
    };
    let event = open.next(Some(200)).await;
    assert_eq!(counts(&mut open, event), (2, 180, 1, 1));
    assert_eq!(ended(open.next(None).await), ["accepted"]);
    let event = open.next(Some(200)).await;
    assert_eq!(counts(&mut open, event), (5, 120, 1, 0));
    let event = open.next(Some(900)).await;
    assert_eq!(counts(&mut open, event), (14, 120, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn the_next_send_is_known_to_the_millisecond_and_never_too_early() {
    let mut open = Open::start(accepting(2, 10), Action::DismissRiskyUsers, &ids(2), one_by_one()).await;
    let mut expected = Vec::new();
    while open.sent_ms().len() < 2 {
        if let host_test::bindings::calls::Event::Waiting(progress) = open.next(Some(37)).await
            && let Some(ms) = progress.next_send_ms
        {
            expected.push((open.plugin.now().as_secs_f64() * 1_000.0, f64::from(ms)));
        }
    }
    let sent = open.plugin.exchanges()[1].sent.as_secs_f64() * 1_000.0;
    assert!(expected.len() > 20, "{expected:?}");
    for (now, ms) in expected {
        // Timers fire on whole milliseconds too.
        assert!((now + ms - sent).abs() < 0.1, "{ms} ms at {now} ms, sent at {sent} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_send_is_rounded_up() {
    let service = script([(0, graph_error(429, &[("retry-after", "7")], "TooManyRequests", "")), (0, accepted())]);
    let mut open = Open::start(service, Action::DismissRiskyUsers, &ids(1), one_by_one()).await;
    let ms = waiting(open.next(Some(1)).await).next_send_ms.expect("a time");
    waiting(open.next(Some(ms - 1)).await);
    assert_eq!(open.sent_ms().len(), 1, "sent too early");
    assert_eq!(ended(open.next(Some(1)).await), ["accepted"]);
}

#[tokio::test(start_paused = true)]
async fn the_next_send_is_unknown_while_all_places_are_taken_and_none_if_nothing_is_left() {
    let mut open = Open::start(Arc::new(AcceptAll(5_000)), Action::DismissRiskyUsers, &ids(2), in_turn()).await;
    assert_eq!(waiting(open.next(Some(100)).await).next_send_ms, None);
    assert_eq!(waiting(open.next(Some(2_000)).await).next_send_ms, None);
    let mut open = Open::start(Arc::new(AcceptAll(5_000)), Action::DismissRiskyUsers, &ids(2), one_by_one()).await;
    assert!(waiting(open.next(Some(100)).await).next_send_ms.is_some());
    assert_eq!(waiting(open.next(Some(2_000)).await).next_send_ms, None);
    assert_eq!(open.sent_ms().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_error_is_the_latest_failure_until_the_next_acceptance() {
    let replies = [
        (0, unreachable()),
        (500, graph_error(503, &[], "UnknownError", "Try again.")),
        (0, accepted()),
        (10_000, accepted()),
    ];
    let options = Options { max_in_flight: Some(1), ..one_by_one() };
    let mut open = Open::start(script(replies), Action::DismissSignIns, &ids(2), options).await;
    let first = waiting(open.next(Some(100)).await).error.expect("a failure");
    assert_eq!((first.kind, first.response), (ErrorKind::Unreachable, None));
    let second = waiting(open.next(Some(1_000)).await).error.expect("a failure");
    assert_eq!(second.kind, ErrorKind::ServerError);
    let response = second.response.expect("a response");
    assert_eq!((response.status, &*response.message), (503, "Try again."));
    assert_eq!(ended(open.next(None).await), ["accepted"]);
    assert_eq!(waiting(open.next(Some(5_000)).await).error, None);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_no_failure_to_wait_out() {
    let refused = || graph_error(404, &[], "Request_ResourceNotFound", "");
    for before in [None, Some(graph_error(429, &[], "TooManyRequests", ""))] {
        let kind = before.as_ref().map(|_| ErrorKind::Throttled);
        let replies = before.into_iter().chain([refused()]).map(|behavior| (0, behavior));
        let replies = replies.chain([(60_000, Behavior::Silence)]);
        let mut open = Open::start(script(replies), Action::DismissRiskyUsers, &ids(2), in_turn()).await;
        assert_eq!(ended(open.next(None).await), ["refused(client-error)"]);
        assert_eq!(waiting(open.next(Some(5_000)).await).error.map(|error| error.kind), kind);
    }
}
