//! Refused batches: split until the ids at fault are refused alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use graph_model::{Behavior, Graph, Settings};
use host_test::bindings::actions::{Options, Outcome, RateLimit};
use host_test::checked_call::CheckedCall;
use host_test::plugin::{Action, canary};
use host_test::script::{accepted, graph_error, respond};
use uuid::Uuid;

const IDS: [&str; 3] = [
    "29f270bb-4d23-4f68-8a57-dc73dc0d4caf",
    "20f91ec9-d140-4d90-9cd9-f618587a1471",
    "04487ee0-f4f6-4e7f-8999-facc5a30e232",
];

async fn dismiss(options: Options, behaviors: impl IntoIterator<Item = Behavior>) -> CheckedCall {
    CheckedCall::scripted(Action::DismissSignIns, &IDS, options, behaviors).await
}

#[tokio::test(start_paused = true)]
async fn a_refused_batch_is_split_until_the_id_at_fault_is_alone() {
    let refused = || graph_error(404, &[], "Request_ResourceNotFound", "");
    // The three ids; the first one, at fault; the other two, one by one.
    let call = dismiss(Options::default(), [refused(), refused(), accepted(), accepted()]).await;
    assert_eq!(call.outcomes(), ["refused(client-error)", "accepted", "accepted"]);
    let attempts: Vec<u32> = call.batches().iter().map(|batch| batch.attempts).collect();
    assert_eq!(attempts, [2, 2, 2]);
    let response = call.batches()[0].error.as_ref().and_then(|error| error.response.as_ref());
    let alone = &call.exchanges[1].request;
    assert_eq!(alone.body(), &format!(r#"{{"requestIds":["{}"]}}"#, IDS[0]));
    assert_eq!(
        response.map(|response| &*response.client_request_id),
        alone.headers()["client-request-id"].to_str().ok()
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_search_was_cut_short_is_not_applied() {
    let options = Options {
        deadline_ms: Some(5_000),
        rate_limit: Some(RateLimit { requests: 1, window_ms: 10_000 }),
        ..Options::default()
    };
    let call = dismiss(options, [graph_error(404, &[], "Request_ResourceNotFound", "")]).await;
    assert_eq!(call.outcomes(), ["not-applied(client-error)"]);
    assert_eq!(call.failure().cause.case(), "deadline-exceeded");
}

#[tokio::test(start_paused = true)]
async fn without_bisection_the_whole_batch_is_refused() {
    let options = Options { isolate_refused: Some(false), ..Options::default() };
    let call = dismiss(options, [graph_error(404, &[], "Request_ResourceNotFound", "")]).await;
    assert_eq!(call.outcomes(), ["refused(client-error)"]);
    assert_eq!(call.batch().ids, IDS);
}

#[tokio::test(start_paused = true)]
async fn too_large_requests_are_halved_and_lower_the_size_for_the_rest_of_the_call() {
    let ids: Vec<String> = (1..=120).map(|n| Uuid::from_u128(n).to_string()).collect();
    let options = Options { max_in_flight: Some(1), ..Options::default() };
    let behaviors = [respond(413, &[], ""), accepted(), accepted(), accepted(), accepted()];
    let call = CheckedCall::scripted(Action::DismissRiskyUsers, &ids, options, behaviors).await;
    let sizes: Vec<usize> = call.accepted().iter().map(|batch| batch.ids.len()).collect();
    assert_eq!(sizes, [30, 30, 30, 30]);
}

#[tokio::test(start_paused = true)]
async fn exactly_the_bad_ids_are_refused_and_all_others_accepted() {
    let ids: Vec<String> = (1..=600).map(|n| Uuid::from_u128(n).to_string()).collect();
    let absent: BTreeSet<Uuid> = [1, 77, 78, 300, 599, 600].map(Uuid::from_u128).into();
    let graph = Arc::new(Graph::new(Settings { absent: absent.clone(), ..Settings::default() }));
    let call = CheckedCall::before(graph, canary(), Action::DismissRiskyUsers, &ids, Options::default()).await;
    for batch in &call.failure().batches {
        let is_bad = batch.ids.iter().any(|id| absent.contains(&id.parse().expect("a GUID")));
        match batch.outcome {
            Outcome::Accepted => assert!(!is_bad, "{batch:?}"),
            Outcome::Refused => assert!(is_bad && batch.ids.len() == 1, "{batch:?}"),
            outcome => panic!("{outcome:?}"),
        }
    }
    println!("{} requests, {:?}", call.exchanges.len(), call.elapsed);
    assert!(call.exchanges.len() <= 60, "{} requests", call.exchanges.len());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_of_bad_ids_does_not_keep_the_good_ones_waiting() {
    let ids: Vec<String> = (1..=600).map(|n| Uuid::from_u128(n).to_string()).collect();
    let absent: BTreeSet<Uuid> = (1..=300).map(Uuid::from_u128).collect();
    let graph = Arc::new(Graph::new(Settings { absent, ..Settings::default() }));
    let options = Options { patience_ms: Some(60_000), ..Options::default() };
    let call = CheckedCall::before(graph, canary(), Action::DismissRiskyUsers, &ids, options).await;
    assert_eq!(call.outcomes().iter().filter(|outcome| *outcome == "refused(client-error)").count(), 300);
    let accepted = call.batches().iter().filter(|batch| batch.outcome == Outcome::Accepted);
    assert_eq!(accepted.map(|batch| batch.ids.len()).sum::<usize>(), 300);
}
