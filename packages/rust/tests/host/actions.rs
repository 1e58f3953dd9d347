//! The four actions and their results.

use std::sync::Arc;
use std::time::Duration;

use entra_risk_host::{Batch, Error, Options, Outcome, RateLimit, Settings};
use graph_model::{Graph, Limit, Server};
use tokio::time::timeout;

use crate::service::{Recorder, fast, graph, ids, risk, settings};

#[tokio::test]
async fn each_action_is_applied() {
    let graph = graph();
    let server = Server::start(graph.clone(), 0).await.unwrap();
    let risk = risk(settings(server.endpoint()));
    let users = ids(1, 61);
    risk.dismiss_sign_ins(&users, &fast()).await.unwrap();
    risk.confirm_sign_ins_safe(&users, &fast()).await.unwrap();
    risk.confirm_sign_ins_compromised(&users[..1], &fast()).await.unwrap();
    let batches = risk.dismiss_risky_users(&users, &fast()).await.unwrap();
    let Outcome::Accepted(receipt) = &batches[0].outcome else { panic!("{batches:?}") };
    assert!(receipt.request_id.is_some() && receipt.date.is_some());
    assert_eq!(batches.concat_ids(), users);
    let actions: Vec<_> = graph.arrivals(0).iter().map(|arrival| arrival.action).collect();
    assert_eq!(actions, [0, 0, 1, 1, 2, 3, 3].map(Some));
}

#[tokio::test]
async fn a_failure_contains_the_outcome_of_every_id() {
    let absent = [ids(7, 1)[0].parse().unwrap()].into();
    let users = Limit { requests: 1_000, ..Limit::USERS };
    let graph = Graph::new(graph_model::Settings { absent, users, ..graph_model::Settings::default() });
    let server = Server::start(Arc::new(graph), 0).await.unwrap();
    let users = ids(1, 60);
    let failure = risk(settings(server.endpoint())).dismiss_risky_users(&users, &fast()).await.unwrap_err();
    assert_eq!(failure.refused().collect::<Vec<_>>(), ids(7, 1));
    assert_eq!((failure.accepted().count(), failure.to_retry().count()), (59, 0));
    assert_eq!(failure.batches.concat_ids(), users);
    assert!(failure.to_string().starts_with("59 of 60 ids accepted, 1 refused, 0 to retry; cause: client-error: 404 "));
}

#[tokio::test]
async fn an_invalid_argument_is_spelled_as_in_rust() {
    let service = Recorder::accepting();
    let server = Server::start(service.clone(), 0).await.unwrap();
    let risk = risk(settings(server.endpoint()));
    let call = async |ids: &[&str], options| risk.dismiss_risky_users(ids, &options).await.unwrap_err();
    let failure = call(&["no-guid"], Options::default()).await;
    let Error::InvalidArgument(text) = &failure.cause else { panic!("{failure}") };
    assert!(text.starts_with("user_ids[0]: ") || text.starts_with("user_ids: "), "{text}");
    assert!(failure.batches.is_empty());
    let limit = RateLimit { requests: 1, window_ms: 0 };
    for (name, options) in [
        ("max_in_flight", Options { max_in_flight: Some(33), ..Options::default() }),
        ("rate_limit", Options { rate_limit: Some(limit), ..Options::default() }),
        ("tenant", Options { tenant: Some("a b".to_owned()), ..Options::default() }),
    ] {
        let failure = call(&["8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11"], options).await;
        assert!(failure.to_string().starts_with(&format!("invalid-argument: {name}")), "{failure}");
    }
    assert!(service.requests().is_empty());
}

#[tokio::test]
async fn a_destination_that_refuses_connections_is_unreachable() {
    let endpoint = Server::start(Recorder::accepting(), 0).await.unwrap().endpoint();
    let options = Options { max_attempts: Some(1), ..fast() };
    let failure = risk(settings(endpoint)).dismiss_risky_users(&ids(1, 1), &options).await.unwrap_err();
    assert_eq!(failure.cause, Error::Unreachable("connection-refused".to_owned()));
}

#[tokio::test]
async fn a_dropped_call_does_not_disturb_the_next_one() {
    let server = Server::start(Recorder::accepting(), 0).await.unwrap();
    let risk = risk(Settings { max_instances: 1, ..settings(server.endpoint()) });
    // The second request would be sent after a minute.
    let slow = Options { rate_limit: Some(RateLimit { requests: 1, window_ms: 60_000 }), ..Options::default() };
    let users = ids(1, 120);
    let call = risk.dismiss_risky_users(&users, &slow);
    assert!(timeout(Duration::from_millis(500), call).await.is_err());
    assert_eq!(risk.instances(), 0);
    risk.dismiss_risky_users(&ids(1, 1), &fast()).await.unwrap();
    assert_eq!(risk.instances(), 1);
}

/// The ids of all batches.
trait ConcatIds {
    fn concat_ids(&self) -> Vec<String>;
}

impl ConcatIds for Vec<Batch> {
    fn concat_ids(&self) -> Vec<String> {
        self.iter().flat_map(|batch| batch.ids.clone()).collect()
    }
}
