//! The actions and their reports.

use std::sync::Arc;
use std::time::Duration;

use entra_risk_host::{Action, CallError, ErrorKind, Options, RateLimit, Settings};
use graph_model::{Graph, Limit, Server};
use tokio::time::timeout;

use crate::service::{Recorder, accepted, failed, fast, ids, risk, serve, serve_graph, settings};

#[tokio::test]
async fn each_action_is_applied() {
    let (graph, _server, risk) = serve_graph().await;
    let (one, options) = (ids(1, 1), fast());
    accepted(risk.dismiss_sign_ins(&one, &options)).await;
    accepted(risk.confirm_sign_ins_safe(&one, &options)).await;
    accepted(risk.confirm_sign_ins_compromised(&one, &options)).await;
    accepted(risk.dismiss_risky_users(&one, &options)).await;
    accepted(risk.confirm_risky_users_safe(&one, &options)).await;
    accepted(risk.confirm_risky_users_compromised(&one, &options)).await;
    accepted(risk.dismiss_risky_service_principals(&one, &options)).await;
    accepted(risk.confirm_risky_service_principals_compromised(&one, &options)).await;
    accepted(risk.dismiss_risky_agents(&one, &options)).await;
    accepted(risk.confirm_risky_agents_safe(&one, &options)).await;
    accepted(risk.confirm_risky_agents_compromised(&one, &options)).await;
    for action in Action::ALL {
        risk.start(action, &one, &options).unwrap().finish().await.unwrap().into_result().unwrap();
    }
    let actions: Vec<_> = graph.arrivals(0).iter().filter_map(|arrival| arrival.action).collect();
    assert_eq!(actions, (0..11).chain(0..11).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_report_contains_the_outcome_of_every_id() {
    let absent = [ids(7, 1)[0].parse().unwrap()].into();
    let users = Limit { requests: 1_000, ..Limit::USERS };
    let graph = Graph::new(graph_model::Settings { absent, users, ..graph_model::Settings::default() });
    let server = Server::start(Arc::new(graph), 0).await.unwrap();
    let users = ids(1, 60);
    let (report, cause) = failed(risk(settings(server.endpoint())).dismiss_risky_users(&users, &fast())).await;
    assert_eq!(report.refused().collect::<Vec<_>>(), ids(7, 1));
    assert_eq!((report.accepted().count(), report.to_retry().count()), (59, 0));
    assert_eq!(report.batches.iter().flat_map(|batch| batch.ids.clone()).collect::<Vec<_>>(), users);
    for batch in &report.batches {
        let is_accepted = batch.outcome.name() == "accepted";
        assert_eq!((batch.outcome.receipt().is_some(), batch.outcome.error().is_some()), (is_accepted, !is_accepted));
        assert!(is_accepted || batch.ids == ids(7, 1), "{batch:?}");
    }
    assert_eq!(cause, ErrorKind::ClientError);
    let error = report.cause.clone().unwrap();
    assert_eq!(error.response.map(|response| response.status), Some(404));
    assert!(report.to_string().starts_with("59 of 60 ids accepted, 1 refused, 0 to retry; cause: client-error: "));
}

#[tokio::test]
async fn an_empty_list_is_a_report_without_batches() {
    let service = Recorder::accepting();
    let (_server, risk) = serve(service.clone()).await;
    let report = accepted(risk.dismiss_risky_users(&[] as &[String], &fast())).await;
    assert!(report.batches.is_empty());
    assert_eq!((service.requests().len(), risk.instances()), (0, 0));
}

#[tokio::test]
async fn an_invalid_argument_is_an_error_that_is_spelled_as_in_rust() {
    let service = Recorder::accepting();
    let (_server, risk) = serve(service.clone()).await;
    let call = async |ids: &[&str], options| {
        let Err(CallError::InvalidArgument(error)) = risk.dismiss_risky_users(ids, &options).await else { panic!() };
        error.to_string()
    };
    let text = call(&["8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11", "no-guid"], Options::default()).await;
    assert!(text.starts_with(r#"ids[1]: "no-guid": "#), "{text}");
    let limit = RateLimit { requests: 1, window: Duration::ZERO };
    let zero = Some(Duration::ZERO);
    for (text, options) in [
        ("max_in_flight: 33: ", Options { max_in_flight: Some(33), ..Options::default() }),
        ("rate_limit.window: 0 ms: must be at least 1 ms", Options { rate_limit: Some(limit), ..Options::default() }),
        ("deadline: 0 ms: must be at least 1 ms", Options { deadline: zero, ..Options::default() }),
        ("attempt_timeout: 0 ms: must be from 1 to 600000 ms", Options { attempt_timeout: zero, ..Options::default() }),
        ("tenant: ", Options { tenant: Some("a b".to_owned()), ..Options::default() }),
    ] {
        let error = call(&["8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11"], options).await;
        assert!(error.starts_with(text), "{error}");
    }
    assert!(service.requests().is_empty());
}

#[tokio::test]
async fn a_destination_that_refuses_connections_is_unreachable() {
    let endpoint = Server::start(Recorder::accepting(), 0).await.unwrap().endpoint();
    let options = Options { max_attempts: Some(1), ..fast() };
    let (report, cause) = failed(risk(settings(endpoint)).dismiss_risky_users(&ids(1, 1), &options)).await;
    assert_eq!(cause, ErrorKind::Unreachable);
    assert!(report.cause.unwrap().message.contains("connection-refused"));
}

#[tokio::test]
async fn a_dropped_future_abandons_its_call_and_keeps_the_instance() {
    let server = Server::start(Recorder::accepting(), 0).await.unwrap();
    let risk = risk(Settings { max_instances: 1, ..settings(server.endpoint()) });
    // The second request would be sent after a minute.
    let slow =
        Options { rate_limit: Some(RateLimit { requests: 1, window: Duration::from_secs(60) }), ..Options::default() };
    let users = ids(1, 120);
    let call = risk.dismiss_risky_users(&users, &slow);
    assert!(timeout(Duration::from_millis(500), call).await.is_err());
    let elsewhere = Options { tenant: Some("another".to_owned()), ..fast() };
    accepted(risk.dismiss_risky_users(&ids(1, 1), &elsewhere)).await;
    accepted(risk.dismiss_risky_users(&ids(1, 1), &fast())).await;
    assert_eq!(risk.instances(), 1);
}
