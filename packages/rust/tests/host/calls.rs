//! Calls that report while they run: the stream of batches, progress, and ends before the end.

use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use entra_risk_host::{
    AccessToken, Action, Call, EntraRisk, ErrorKind, Options, RateLimit, Report, Settings, TokenError, TokenRequest,
    TokenSource,
};
use futures_core::Stream;
use graph_model::{Behavior, Fault, FaultKind, Graph, Reply, Request, RetryAfter, Server, Service};
use tokio::time::{sleep, timeout};

use crate::service::{
    CANARY, Recorder, accepted, fast, graph, ids, response, risk, risk_with, serve, serve_graph, settings,
};

/// Responds to the first request immediately, and then not at all.
#[derive(Default)]
struct FallingSilent(AtomicUsize);

impl Service for FallingSilent {
    fn serve(&self, _: Duration, _: Request) -> Reply {
        let is_first = self.0.fetch_add(1, Ordering::SeqCst) == 0;
        Reply::at_once(if is_first { Behavior::Complete(response(204, "")) } else { Behavior::Silence })
    }
}

/// Waits for somebody to sign in, who never does.
#[derive(Default)]
struct DeviceCode {
    asked: AtomicUsize,
    dropped: Arc<AtomicUsize>,
}

/// Counts when it is dropped.
struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl TokenSource for DeviceCode {
    async fn get_token(&self, _: TokenRequest) -> Result<AccessToken, TokenError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let _count = CountDrop(Arc::clone(&self.dropped));
        pending().await
    }
}

fn start(risk: &EntraRisk, ids: &[String], options: &Options) -> Call {
    risk.start(Action::DismissRiskyUsers, ids, options).unwrap()
}

/// Options that allow one request in each window.
fn every(window: Duration) -> Options {
    Options { rate_limit: Some(RateLimit { requests: 1, window }), ..Options::default() }
}

async fn finish(call: &mut Call) -> Report {
    timeout(Duration::from_secs(20), call.finish()).await.unwrap().unwrap()
}

/// Fails unless each id is in exactly one batch, in the order given.
fn assert_each_once(report: &Report, users: &[String]) {
    assert_eq!(report.batches.iter().flat_map(|batch| batch.ids.clone()).collect::<Vec<_>>(), users);
}

#[tokio::test]
async fn batches_come_as_they_end() {
    let (graph, _server, risk) = serve_graph().await;
    let users = ids(1, 180);
    let mut call = start(&risk, &users, &every(Duration::from_millis(700)));
    let mut seen = Vec::new();
    // As the trait of the ecosystem and as a method.
    seen.push(poll_fn(|context| Pin::new(&mut call).poll_next(context)).await.unwrap());
    assert_eq!(graph.arrivals(0).len(), 1, "the second request is sent later");
    assert_eq!(call.report().batches, seen);
    assert_eq!(call.report().cause, None);
    while let Some(batch) = call.next().await {
        seen.push(batch);
    }
    assert_eq!(call.report().batches, seen);
    assert_each_once(&call.report(), &users);
    assert!(call.next().await.is_none());
}

#[tokio::test]
async fn a_call_goes_on_while_nobody_polls_it() {
    let (graph, _server, risk) = serve_graph().await;
    let users = ids(1, 300);
    let mut call = start(&risk, &users, &fast());
    let mut progress = call.progress();
    progress.wait_for(|progress| progress.left == 0).await.unwrap();
    assert_eq!(graph.arrivals(0).len(), 5);
    assert_each_once(&finish(&mut call).await, &users);
}

#[tokio::test]
async fn a_stop_keeps_every_outcome() {
    let (graph, _server, risk) = serve_graph().await;
    let users = ids(1, 300);
    // The second request would be sent after a minute.
    let mut call = start(&risk, &users, &every(Duration::from_secs(60)));
    let first = call.next().await.unwrap();
    call.stop(None);
    let rest = call.next().await.unwrap();
    assert_eq!((first.ids, first.outcome.name()), (users[..60].to_vec(), "accepted"));
    assert_eq!((rest.ids, rest.outcome.name(), rest.attempts), (users[60..].to_vec(), "not-applied", 0));
    assert!(call.next().await.is_none());
    let report = finish(&mut call).await;
    assert_eq!(report.cause.as_ref().unwrap().kind, ErrorKind::Cancelled);
    assert_each_once(&report, &users);
    assert_eq!(graph.arrivals(0).len(), 1);
    assert_eq!(risk.instances(), 1);
}

#[tokio::test]
async fn requests_in_flight_have_their_grace() {
    let (_server, risk) = serve(Arc::new(FallingSilent::default())).await;
    let users = ids(1, 120);
    let mut call = start(&risk, &users, &fast());
    assert!(call.next().await.is_some());
    let start = Instant::now();
    call.stop(None);
    call.stop(Some(Duration::from_millis(300)));
    let report = finish(&mut call).await;
    assert!((Duration::from_millis(300)..Duration::from_secs(9)).contains(&start.elapsed()));
    assert_eq!(report.batches[1].outcome.name(), "unknown");
    assert_eq!(report.batches[1].outcome.error().unwrap().kind, ErrorKind::NoResponse);
    assert_each_once(&report, &users);
}

#[tokio::test]
async fn a_stop_reaches_a_call_while_its_token_source_blocks() {
    let server = Server::start(graph(), 0).await.unwrap();
    let source = Arc::new(DeviceCode::default());
    let risk = risk_with(Arc::clone(&source), settings(server.endpoint()));
    let mut call = start(&risk, &ids(1, 60), &fast());
    assert!(timeout(Duration::from_millis(300), call.finish()).await.is_err());
    call.stop(None);
    let report = finish(&mut call).await;
    assert_eq!(report.to_retry().collect::<Vec<_>>(), ids(1, 60));
    assert_eq!(report.cause.unwrap().kind, ErrorKind::Cancelled);
    assert_eq!(source.asked.load(Ordering::SeqCst), 1);
    assert_eq!(source.dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_stop_of_one_call_leaves_the_sign_in_of_another_alone() {
    let server = Server::start(graph(), 0).await.unwrap();
    let source = Arc::new(DeviceCode::default());
    let risk = risk_with(Arc::clone(&source), settings(server.endpoint()));
    let (users, others) = (ids(1, 1), ids(2, 1));
    let waits = start(&risk, &users, &fast());
    let mut stopped = start(&risk, &others, &fast());
    sleep(Duration::from_millis(300)).await;
    stopped.stop(None);
    assert_eq!(finish(&mut stopped).await.cause.unwrap().kind, ErrorKind::Cancelled);
    assert_eq!((source.asked.load(Ordering::SeqCst), source.dropped.load(Ordering::SeqCst)), (1, 0));
    assert!(waits.report().batches.is_empty());
}

#[tokio::test]
async fn a_dropped_call_sends_nothing_more() {
    let (graph, _server, risk) = serve_graph().await;
    let options = every(Duration::from_millis(400));
    let mut call = start(&risk, &ids(1, 6_000), &options);
    let mut progress = call.progress();
    assert!(call.next().await.is_some());
    drop(call);
    // The channel is closed when the worker has abandoned the call.
    while timeout(Duration::from_secs(20), progress.changed()).await.unwrap().is_ok() {}
    let sent = graph.arrivals(0).len();
    assert!(sent < 50, "{sent} of 100");
    sleep(Duration::from_millis(900)).await;
    assert_eq!(graph.arrivals(0).len(), sent);
    // The instance, and what it knows about the rate limit, are still there.
    assert_eq!(risk.instances(), 1);
    accepted(risk.dismiss_risky_users(&ids(1, 1), &options)).await;
}

#[tokio::test]
async fn a_short_call_does_not_wait_for_the_end_of_a_long_one() {
    let (graph, _server, risk) = serve_graph().await;
    let options = every(Duration::from_millis(200));
    let users = ids(1, 60 * 100);
    let mut long = start(&risk, &users, &options);
    assert!(long.next().await.is_some());
    let short = timeout(Duration::from_secs(15), risk.dismiss_risky_users(&ids(9_999, 1), &options)).await.unwrap();
    assert!(short.unwrap().into_result().is_ok());
    // One limit for both.
    let sent: Vec<_> = graph.arrivals(0).iter().map(|arrival| arrival.sent).collect();
    assert!(sent.windows(2).all(|pair| pair[1] - pair[0] > Duration::from_millis(100)), "{sent:?}");
    long.stop(Some(Duration::ZERO));
    assert_each_once(&finish(&mut long).await, &users);
    assert_eq!(risk.instances(), 1);
}

#[tokio::test]
async fn a_call_that_waits_for_an_instance_is_stopped() {
    let server = Server::start(graph(), 0).await.unwrap();
    let risk = risk(Settings { max_instances: 1, ..settings(server.endpoint()) });
    let mut long = start(&risk, &ids(1, 120), &every(Duration::from_secs(60)));
    assert!(long.next().await.is_some());
    let mut waiting = start(&risk, &ids(1, 60), &Options { tenant: Some("another".to_owned()), ..fast() });
    assert!(timeout(Duration::from_millis(200), waiting.finish()).await.is_err());
    waiting.stop(None);
    let report = finish(&mut waiting).await;
    assert_eq!(report.cause.as_ref().unwrap().kind, ErrorKind::Cancelled);
    assert_each_once(&report, &ids(1, 60));
    // The open call has kept its instance.
    assert_eq!(long.report().batches.len(), 1);
}

#[tokio::test]
async fn progress_names_what_the_call_waits_for_and_ends_at_all() {
    let absent = [ids(7, 1)[0].parse().unwrap()].into();
    let limit = graph_model::Limit { requests: 1_000, ..graph_model::Limit::USERS };
    let latency = Duration::ZERO..=Duration::ZERO;
    let graph = Arc::new(Graph::new(graph_model::Settings { absent, users: limit, latency, ..Default::default() }));
    graph.plan([None, Some(Fault::of(FaultKind::Throttled).retry_after(RetryAfter::Seconds(2)))]);
    let (_server, risk) = serve(graph.clone()).await;
    let users = ids(1, 120);
    let mut call = start(&risk, &users, &Options { max_in_flight: Some(1), ..fast() });
    let mut progress = call.progress();
    let waits = progress.wait_for(|progress| progress.error.is_some()).await.unwrap().clone();
    assert_eq!(waits.error.as_ref().unwrap().kind, ErrorKind::Throttled);
    assert!((Duration::from_millis(1)..=Duration::from_secs(4)).contains(&waits.next_send.unwrap()), "{waits:?}");
    assert!(waits.to_string().ends_with(" s: throttled (429)"), "{waits}");
    let mut known = vec![waits];
    while progress.changed().await.is_ok() {
        known.push(progress.borrow_and_update().clone());
    }
    assert!(known.iter().all(|progress| progress.done() + progress.left == 120), "{known:?}");
    assert!(known.is_sorted_by_key(|progress| (progress.done(), progress.requests)), "{known:?}");
    let last = known.last().unwrap();
    assert_eq!((last.left, last.accepted, last.refused), (0, 119, 1));
    assert_eq!(last.requests as usize, graph.arrivals(0).len());
    assert_eq!((last.in_flight, last.next_send, &last.error), (0, None, &None));
    assert_eq!(last.to_string(), "120 of 120 ids done, 1 refused");
    assert_each_once(&finish(&mut call).await, &users);
}

#[tokio::test]
async fn a_call_outlives_neither_a_panic_of_its_token_source_nor_waits_for_ever() {
    struct Panicking;
    impl TokenSource for Panicking {
        async fn get_token(&self, request: TokenRequest) -> Result<AccessToken, TokenError> {
            if request.tenant.is_some() { Ok(AccessToken::new(CANARY)?) } else { panic!("a defect") }
        }
    }
    let server = Server::start(Recorder::accepting(), 0).await.unwrap();
    let risk = risk_with(Panicking, settings(server.endpoint()));
    let mut calls = [1, 2].map(|number| start(&risk, &ids(number, 1), &fast()));
    for call in &mut calls {
        let report = finish(call).await;
        assert_eq!(report.cause.unwrap().kind, ErrorKind::PluginStopped);
        assert_eq!(report.batches[0].outcome.name(), "not-applied");
    }
    accepted(risk.dismiss_risky_users(&ids(1, 1), &Options { tenant: Some("contoso".to_owned()), ..fast() })).await;
}

#[test]
fn a_call_without_a_runtime_is_over() {
    let risk = risk(settings("http://127.0.0.1:1"));
    let call = risk.start(Action::DismissRiskyUsers, &ids(1, 1), &Options::default()).unwrap();
    assert_eq!(call.report().cause.unwrap().kind, ErrorKind::PluginStopped);
}
