//! Many tenants in one process.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entra_risk_host::{AccessToken, Allocation, Options, RateLimit, Settings, TokenError, TokenRequest, TokenSource};
use graph_model::Server;
use tokio::task::JoinSet;

use crate::service::{CANARY, accepted, fast, graph, ids, risk_with, serve_graph, settings};

/// Records the tenants it is asked for.
#[derive(Default)]
struct PerTenant(Mutex<BTreeSet<Option<String>>>);

impl TokenSource for PerTenant {
    async fn get_token(&self, request: TokenRequest) -> Result<AccessToken, TokenError> {
        self.0.lock().unwrap().insert(request.tenant);
        Ok(AccessToken::new(CANARY)?)
    }
}

const TENANTS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tenants_share_a_pool_of_instances() {
    let graph = graph();
    let server = Server::start(graph.clone(), 0).await.unwrap();
    let source = Arc::new(PerTenant::default());
    let pool = Settings { max_instances: 50, allocation: Allocation::Pooled, ..settings(server.endpoint()) };
    let risk = risk_with(source.clone(), pool);
    let mut calls = JoinSet::new();
    for number in 0..TENANTS {
        let risk = risk.clone();
        calls.spawn(async move {
            let options = Options { tenant: Some(number.to_string()), ..fast() };
            accepted(risk.dismiss_risky_users(&ids(number as u128 + 1, 1), &options)).await
        });
    }
    let batches: Vec<_> = calls.join_all().await.into_iter().flat_map(|report| report.batches).collect();
    let accepted: BTreeSet<_> = batches.iter().flat_map(|batch| batch.ids.clone()).collect();
    assert_eq!(accepted, ids(1, TENANTS as u128).into_iter().collect());
    assert_eq!(graph.applied().into_values().collect::<Vec<_>>(), [1; TENANTS]);
    assert_eq!(source.0.lock().unwrap().len(), TENANTS);
    assert_eq!(risk.instances(), 50);
}

#[tokio::test]
async fn calls_of_a_tenant_share_its_rate_limit() {
    let (graph, _server, risk) = serve_graph().await;
    let window = Duration::from_secs(1);
    let limit = Some(RateLimit { requests: 1, window });
    let options = Options { tenant: Some("contoso".to_owned()), rate_limit: limit, ..Options::default() };
    let (first, second) = (ids(1, 1), ids(2, 1));
    let calls = [&first, &second].map(|users| accepted(risk.dismiss_risky_users(users, &options)));
    let [first, second] = calls;
    tokio::join!(first, second);
    let arrivals = graph.arrivals(0);
    // A busy machine delays the first request, but hardly by half of it.
    assert!(arrivals[1].at - arrivals[0].at > window / 2, "{arrivals:?}");
    assert_eq!(risk.instances(), 1);
}
