//! A large call over real connections that fail, in real time.

use std::sync::Arc;
use std::time::Duration;

use graph_model::{Fault, FaultKind, Graph, Limit, Server, Settings};
use host_test::bindings::actions::{Options, Outcome, RateLimit};
use host_test::host::Outbound;
use host_test::plugin::{Action, CANARY, Plugin, canary};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

/// A tenth of the connections is reset or never responds, half of them after the action was
/// applied. After two failures in a row the plugin probes for seconds, so that not every batch fits
/// before the deadline.
#[tokio::test]
async fn a_thousand_users_over_failing_connections_are_all_reported() {
    let limit = Limit { requests: 20, window: Duration::from_millis(100), sends_retry_after: false, ..Limit::USERS };
    let latency = Duration::from_millis(5)..=Duration::from_millis(60);
    let graph = Graph::new(Settings { token: Some(CANARY.into()), users: limit, latency, ..Settings::default() });
    let graph = Arc::new(graph);
    let mut rng = StdRng::seed_from_u64(3);
    let kinds = [FaultKind::Reset, FaultKind::Silence];
    graph.plan((0..1_000).map(|_| {
        let kind = *kinds.choose(&mut rng).filter(|_| rng.random_bool(0.1))?;
        Some(Fault { applied: rng.random(), ..Fault::of(kind) })
    }));
    let server = Server::start(graph.clone(), 0).await.unwrap();
    let mut plugin = Plugin::with(Outbound::Network, canary()).await;
    let ids: Vec<String> = (1..=1_000).map(|n| Uuid::from_u128(n).to_string()).collect();
    let options = Options {
        endpoint: Some(server.endpoint()),
        ids_per_request: Some(10),
        max_in_flight: Some(16),
        max_attempts: Some(2),
        attempt_timeout_ms: Some(500),
        deadline_ms: Some(20_000),
        rate_limit: Some(RateLimit { requests: 15, window_ms: 120 }),
        ..Options::default()
    };
    let result = plugin.call(Action::DismissRiskyUsers, &ids, Some(&options)).await.unwrap();

    let batches = result.unwrap_or_else(|failure| failure.batches);
    let reported: Vec<_> = batches.iter().flat_map(|batch| batch.ids.clone()).collect();
    assert_eq!(reported, ids);
    let applications = graph.applied();
    for batch in &batches {
        let applied = batch.ids.iter().filter(|id| applications.contains_key(&(3, id.parse().unwrap()))).count();
        match batch.outcome {
            Outcome::Accepted => assert_eq!(applied, batch.ids.len()),
            Outcome::Refused | Outcome::NotApplied => assert_eq!(applied, 0),
            Outcome::Unknown => {}
        }
    }
    let accepted = batches.iter().filter(|batch| batch.outcome == Outcome::Accepted).count();
    println!("{accepted} of {} batches were accepted", batches.len());
    assert!(accepted > 50, "only {accepted} of {} batches were accepted", batches.len());
}
