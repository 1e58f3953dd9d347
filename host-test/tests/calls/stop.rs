//! `stop`: what it ends, when, and how.

use std::time::Duration;

use graph_model::Behavior;
use host_test::bindings::actions::Options;
use host_test::component::PluginComponent;
use host_test::host::{Host, Outbound, Upload};
use host_test::plugin::{Action, Plugin, canary};
use host_test::script::{accepted, graph_error, respond};

use super::{Open, accepting, assert_at, ended, in_turn, over, script, waiting};
use crate::request::{ids, one_by_one};

/// The outcomes without their times.
fn outcomes(finished: &[(u64, String)]) -> Vec<&str> {
    finished.iter().map(|(_, outcome)| &**outcome).collect()
}

/// A call of one id whose request has been in flight for a second.
async fn in_flight(reply: (u64, Behavior), options: Options) -> Open {
    let mut open = Open::start(script([reply]), Action::DismissRiskyUsers, &ids(1), options).await;
    waiting(open.next(Some(1_000)).await);
    open
}

#[tokio::test(start_paused = true)]
async fn ids_that_were_never_sent_end_immediately() {
    for grace_ms in [None, Some(0), Some(5_000)] {
        let mut open = Open::start(script([]), Action::DismissRiskyUsers, &ids(100), Options::default()).await;
        open.stop(grace_ms).await;
        assert_eq!(ended(open.next(Some(0)).await), ["not-applied(not-attempted)"]);
        assert_eq!(over(open.next(Some(0)).await), Some("cancelled"));
        assert_eq!((open.now_ms(), open.plugin.token_requests().len()), (0, 0));
        assert_eq!(open.report().await[0].ids.len(), 100);
    }
}

#[tokio::test(start_paused = true)]
async fn ids_in_flight_get_ten_seconds_by_default() {
    let replies = [(10_900, accepted()), (11_100, accepted())];
    let mut open = Open::start(
        script(replies),
        Action::DismissSignIns,
        &ids(4),
        Options { max_in_flight: Some(2), ..one_by_one() },
    )
    .await;
    waiting(open.next(Some(1_000)).await);
    open.stop(None).await;
    let (finished, cause) = open.finish().await;
    assert_eq!(outcomes(&finished), ["not-applied(not-attempted)", "accepted", "unknown(no-response)"]);
    assert_at(finished[0].0, 1_000);
    assert_at(finished[1].0, 10_900);
    assert_at(finished[2].0, 11_000);
    assert_eq!(cause.map(|cause| cause.case()), Some("cancelled"));
}

#[tokio::test(start_paused = true)]
async fn a_grace_is_as_long_as_asked() {
    for (grace_ms, ends_at) in [(0, 1_000), (1, 1_001), (2_500, 3_500), (60_000, 61_000)] {
        let mut open =
            in_flight((0, Behavior::Silence), Options { attempt_timeout_ms: Some(600_000), ..in_turn() }).await;
        open.stop(Some(grace_ms)).await;
        let (finished, cause) = open.finish().await;
        assert_eq!(outcomes(&finished), ["unknown(no-response)"]);
        assert_at(finished[0].0, ends_at);
        assert_eq!(cause.map(|cause| cause.case()), Some("cancelled"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_without_grace_needs_no_time() {
    let mut open = in_flight((0, Behavior::Silence), in_turn()).await;
    open.stop(Some(0)).await;
    assert_eq!(ended(open.next(Some(0)).await), ["unknown(no-response)"]);
    assert_eq!(over(open.next(Some(0)).await), Some("cancelled"));
    assert_at(open.now_ms(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_has_arrived_counts_even_without_grace() {
    let mut open = in_flight((1_500, accepted()), in_turn()).await;
    super::pause(1_000).await;
    open.stop(Some(0)).await;
    assert_eq!(ended(open.next(Some(0)).await), ["accepted"]);
    assert_eq!(over(open.next(Some(0)).await), None);
}

#[tokio::test(start_paused = true)]
async fn ids_that_wait_to_be_sent_again_end_with_their_last_error() {
    let table: [(&[u16], &str); 4] = [
        (&[503], "unknown(server-error)"),
        (&[429], "not-applied(throttled)"),
        (&[408], "not-applied(client-error)"),
        (&[503, 429], "unknown(throttled)"),
    ];
    for (statuses, outcome) in table {
        let replies = statuses.iter().map(|status| (0, respond(*status, &[], "")));
        let mut open = Open::start(script(replies), Action::DismissRiskyUsers, &ids(1), in_turn()).await;
        for _ in 0..1_000 {
            if open.sent_ms().len() == statuses.len() {
                break;
            }
            waiting(open.next(Some(50)).await);
        }
        let before = open.now_ms();
        open.stop(None).await;
        let (finished, cause) = open.finish().await;
        assert_eq!(outcomes(&finished), [outcome], "{statuses:?}");
        assert_eq!(open.now_ms(), before, "{statuses:?}");
        assert_eq!(open.report().await[0].attempts as usize, statuses.len());
        assert_eq!(cause.map(|cause| cause.case()), Some("cancelled"));
    }
}

#[tokio::test(start_paused = true)]
async fn ids_of_a_search_that_is_cut_short_are_not_applied() {
    let refused = graph_error(404, &[], "Request_ResourceNotFound", "");
    let mut open = Open::start(script([(0, refused)]), Action::DismissRiskyUsers, &ids(4), Options::default()).await;
    waiting(open.next(Some(500)).await);
    open.stop(Some(0)).await;
    let (finished, _) = open.finish().await;
    assert_eq!(outcomes(&finished), ["not-applied(client-error)"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_after_a_stop() {
    let service = script([(3_000, respond(503, &[("retry-after", "1")], ""))]);
    let mut open = Open::start(service, Action::DismissRiskyUsers, &ids(120), Options::default()).await;
    waiting(open.next(Some(500)).await);
    let token_requests = open.plugin.token_requests().len();
    open.stop(None).await;
    let (finished, cause) = open.finish().await;
    assert_eq!(outcomes(&finished), ["not-applied(not-attempted)", "unknown(server-error)"]);
    assert_at(finished[1].0, 3_000);
    // `script` panics on any further request.
    assert_eq!(open.plugin.token_requests().len(), token_requests);
    assert_eq!(cause.map(|cause| cause.case()), Some("cancelled"));
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_ids_are_all_accepted_was_not_cancelled() {
    let mut open = in_flight((3_000, accepted()), in_turn()).await;
    open.stop(None).await;
    let (finished, cause) = open.finish().await;
    assert_eq!((outcomes(&finished), cause), (vec!["accepted"], None));
}

#[tokio::test(start_paused = true)]
async fn the_first_cause_stays() {
    let denied = graph_error(403, &[], "Authorization_RequestDenied", "");
    let replies = [(500, denied), (0, Behavior::Silence)];
    let mut open = Open::start(script(replies), Action::DismissSignIns, &ids(2), one_by_one()).await;
    assert_eq!(ended(open.next(None).await), ["not-applied(forbidden)"]);
    open.stop(Some(0)).await;
    let (finished, cause) = open.finish().await;
    assert_eq!(outcomes(&finished), ["unknown(no-response)"]);
    assert_eq!(cause.map(|cause| cause.case()), Some("forbidden"));
}

#[tokio::test(start_paused = true)]
async fn a_later_stop_shortens_the_grace() {
    let mut open = in_flight((0, Behavior::Silence), in_turn()).await;
    open.stop(Some(8_000)).await;
    waiting(open.next(Some(1_000)).await);
    open.stop(Some(3_000)).await;
    assert_at(open.finish().await.0[0].0, 5_000);
}

#[tokio::test(start_paused = true)]
async fn a_later_stop_does_not_lengthen_the_grace() {
    for later in [None, Some(5_000), Some(u32::MAX)] {
        let mut open = in_flight((0, Behavior::Silence), in_turn()).await;
        open.stop(Some(4_000)).await;
        waiting(open.next(Some(1_000)).await);
        open.stop(later).await;
        assert_at(open.finish().await.0[0].0, 5_000);
        // Nor does one that comes before the next `next`.
        let mut open = in_flight((0, Behavior::Silence), in_turn()).await;
        open.stop(Some(4_000)).await;
        open.stop(later).await;
        assert_at(open.finish().await.0[0].0, 5_000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_shortens_the_grace_of_a_call_that_has_ended() {
    for (grace_ms, ends_at) in [(Some(2_000), 3_000), (None, 10_500), (Some(60_000), 10_500)] {
        let denied = graph_error(403, &[], "Authorization_RequestDenied", "");
        let replies = [(500, denied), (0, Behavior::Silence)];
        let mut open = Open::start(script(replies), Action::DismissSignIns, &ids(2), one_by_one()).await;
        assert_eq!(ended(open.next(None).await), ["not-applied(forbidden)"]);
        waiting(open.next(Some(500)).await);
        open.stop(grace_ms).await;
        assert_at(open.finish().await.0[0].0, ends_at);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_has_no_effect_once_every_id_has_ended() {
    let refused = || graph_error(404, &[], "Request_ResourceNotFound", "");
    for (behavior, outcome, cause) in
        [(accepted(), "accepted", None), (refused(), "refused(client-error)", Some("client-error"))]
    {
        let mut open = Open::start(script([(0, behavior)]), Action::DismissSignIns, &ids(1), in_turn()).await;
        assert_eq!(ended(open.next(None).await), [outcome]);
        open.stop(Some(0)).await;
        assert_eq!(over(open.next(None).await), cause);
        open.stop(None).await;
        assert_eq!(over(open.next(None).await), cause);
    }
}

#[tokio::test(start_paused = true)]
async fn no_grace_reaches_beyond_the_deadline() {
    for grace_ms in [None, Some(60_000)] {
        let options = Options { deadline_ms: Some(4_000), ..in_turn() };
        let mut open = in_flight((0, Behavior::Silence), options).await;
        open.stop(grace_ms).await;
        let (finished, cause) = open.finish().await;
        assert!(finished[0].1.starts_with("unknown("), "{finished:?}");
        assert_at(finished[0].0, 4_000);
        assert_eq!(cause.map(|cause| cause.case()), Some("cancelled"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_being_written_is_finished_within_the_grace() {
    for (grace_ms, outcome) in [(None, "accepted"), (Some(1_000), "unknown(no-response)")] {
        // 390 kB in 24 chunks of 100 ms.
        let upload = Upload { chunk_bytes: 16 << 10, chunk_time: Duration::from_millis(100), ..Upload::default() };
        let requests = usize::from(grace_ms.is_none());
        let host = Host::new(Outbound::InProcess(accepting(requests, 0)), canary(), 0).upload(upload);
        let plugin = Plugin::new(PluginComponent::shared(), host).await.expect("the plugin");
        let options = Options { ids_per_request: Some(10_000), ..Options::default() };
        let mut open = Open::with(plugin, Action::DismissSignIns, &ids(10_000), options).await;
        waiting(open.next(Some(500)).await);
        open.stop(grace_ms).await;
        let (finished, _) = open.finish().await;
        assert_eq!(outcomes(&finished), [outcome]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_call_does_not_end_the_others() {
    let mut open = Open::start(accepting(2, 100), Action::DismissSignIns, &ids(1), in_turn()).await;
    let other = open.plugin.start(Action::DismissSignIns, &ids(1), None).await.expect("no trap").expect("valid");
    waiting(open.next(Some(50)).await);
    open.plugin.stop(other, Some(0)).await.expect("no trap");
    assert_eq!(outcomes(&open.finish().await.0), ["accepted"]);
    let third = open.plugin.drive(Action::DismissSignIns, &ids(1), None, None).await.expect("no trap").expect("valid");
    assert_eq!(third.report[0].case(), "accepted");
    assert_eq!(ended(open.plugin.next(other, None).await.expect("no trap")), ["not-applied(not-attempted)"]);
}
