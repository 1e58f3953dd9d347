//! Large jobs: at the limit of the service, and over real connections that fail.

use std::sync::Arc;
use std::time::Duration;

use host_test::bindings::actions::{Options, Outcome, Pace};
use host_test::bulk::Measure;
use host_test::graph::{Fault, Graph, Kind, Limit, Settings};
use host_test::host::Way;
use host_test::plugin::{Action, CANARY, Plugin, canary};
use host_test::server::Server;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

#[test]
fn ten_thousand_users_take_no_longer_than_the_limit_demands_however_slow_the_answers() {
    for latency in [200, 1_000, 3_000].map(Duration::from_millis) {
        let measure = Measure::take(10_000, latency).unwrap();
        assert_eq!((measure.plugin.accepted, measure.refused), (10_000, 0));
        assert!(measure.plugin.took <= measure.floor().mul_f64(1.03), "{measure:?}");
    }
}

/// Over real sockets and in real time: a third of the connections is reset or falls silent, half of them after the
/// action was carried out.
#[tokio::test]
async fn a_thousand_users_over_failing_connections_are_all_accounted_for() {
    let limit = Limit { requests: 20, window: Duration::from_millis(100), says_when: false };
    let latency = Duration::from_millis(5)..=Duration::from_millis(60);
    let graph = Graph::new(Settings { token: Some(CANARY.into()), users: limit, latency, ..Settings::default() });
    let graph = Arc::new(graph);
    let mut rng = StdRng::seed_from_u64(3);
    let faults = [None, None, None, None, Some(Kind::Reset), Some(Kind::Silence)];
    graph.plan((0..1_000).map(|_| {
        let kind = (*faults.choose(&mut rng)?)?;
        Some(Fault { applied: rng.random(), ..Fault::of(kind) })
    }));
    let server = Server::start(graph.clone(), 0).await.unwrap();
    let mut plugin = Plugin::with(Way::Sockets, canary()).await;
    let ids: Vec<String> = (1..=1_000).map(|n| Uuid::from_u128(n).to_string()).collect();
    let options = Options {
        endpoint: Some(server.endpoint()),
        ids_per_request: Some(10),
        max_in_flight: Some(16),
        max_attempts: Some(2),
        attempt_timeout_ms: Some(500),
        deadline_ms: Some(20_000),
        pace: Some(Pace { requests: 15, window_ms: 120 }),
        ..Options::default()
    };
    let said = plugin.call(Action::DismissRiskyUsers, &ids, Some(&options)).await.unwrap();

    let batches = said.unwrap_err().batches;
    let told: Vec<_> = batches.iter().flat_map(|batch| batch.ids.clone()).collect();
    assert_eq!(told, ids);
    let applied = graph.applied();
    for batch in &batches {
        let done = batch.ids.iter().filter(|id| applied.contains_key(&(3, id.parse().unwrap()))).count();
        match batch.outcome {
            Outcome::Accepted(_) => assert_eq!(done, batch.ids.len()),
            Outcome::Refused(_) | Outcome::Unsent(_) => assert_eq!(done, 0),
            Outcome::Unknown(_) => {}
        }
    }
    let accepted = batches.iter().filter(|batch| matches!(batch.outcome, Outcome::Accepted(_))).count();
    assert!(accepted > 50, "hardly anything was accepted: {accepted} of {} batches", batches.len());
}
