//! Lists, and the verification of actions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use entra_risk_host::{
    AccessToken, Action, EntraRisk, ErrorKind, ListError, ListOptions, Options, RateLimit, TokenError, TokenRequest,
    TokenSource, VerifyOptions,
};
use graph_model::{Behavior, Collection, Entry, Fault, FaultKind, Graph, Limit, Reply, Request, Server, Service};
use http::{Method, StatusCode};
use uuid::Uuid;

use crate::service::{CANARY, Recorder, accepted, fast, ids, response, risk, risk_with, serve, settings};

/// A model with this many entries in each collection, which does not limit the rate.
fn listing(count: usize) -> graph_model::Settings {
    let users = Limit { requests: 1_000_000, ..Limit::USERS };
    let latency = Duration::ZERO..=Duration::ZERO;
    let settings = graph_model::Settings { users, sign_ins: users, latency, ..Default::default() };
    let entries = Collection::ALL.map(|collection| (collection, Entry::many(collection, count, settings.epoch)));
    graph_model::Settings { entries: entries.into(), ..settings }
}

async fn serve_model(settings: graph_model::Settings) -> (Arc<Graph>, Server, EntraRisk) {
    let graph = Arc::new(Graph::new(settings));
    let (server, risk) = serve(graph.clone()).await;
    (graph, server, risk)
}

/// Options that allow a hundred requests in 100 ms.
fn quick() -> ListOptions {
    let rate_limit = Some(RateLimit { requests: 100, window: Duration::from_millis(100) });
    ListOptions { rate_limit, ..ListOptions::default() }
}

fn at_risk(filter: &str) -> ListOptions {
    ListOptions { filter: Some(filter.to_owned()), ..quick() }
}

#[tokio::test]
async fn every_collection_is_listed_whole() {
    let (graph, _server, risk) = serve_model(graph_model::Settings { empty_pages: 1, ..listing(1_201) }).await;
    for (collection, listing) in Collection::ALL.into_iter().zip([
        risk.list_risky_users(&quick()).unwrap(),
        risk.list_sign_ins(&quick()).unwrap(),
        risk.list_risky_service_principals(&quick()).unwrap(),
    ]) {
        let listed: Vec<String> = listing.all().await.unwrap().into_iter().map(|entry| entry.id).collect();
        let expected = graph.entries(collection, Duration::ZERO).into_iter().map(|entry| entry.id.to_string());
        assert_eq!(listed.len(), 1_201);
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected.collect(), "{collection:?}");
    }
}

#[tokio::test]
async fn an_entry_says_what_microsoft_graph_says() {
    let mut model = listing(0);
    let user = Entry { level: "levelOfNextYear".into(), ..Entry::at_risk(Uuid::from_u128(1), "a@contoso.example") };
    let unnamed = Entry { is_deleted: true, is_processing: true, ..Entry::at_risk(Uuid::from_u128(2), "A \"B\"") };
    model.entries.insert(Collection::RiskyUsers, vec![user, unnamed]);
    let (_graph, _server, risk) = serve_model(model).await;
    let mut users = risk.list_risky_users(&at_risk("riskState eq 'atRisk'")).unwrap().all().await.unwrap();
    users.sort_by(|a, b| a.id.cmp(&b.id));
    let [user, unnamed] = users.as_slice() else { panic!("{users:?}") };
    assert_eq!((&*user.name, &*user.risk_level, &*user.risk_state), ("a@contoso.example", "levelOfNextYear", "atRisk"));
    assert_eq!((&*user.risk_detail, &*user.last_updated), ("none", "2026-01-15T08:00:00Z"));
    assert!(!user.deleted && !user.processing && unnamed.deleted && unnamed.processing);
    assert_eq!(unnamed.name, "A \"B\"");
}

#[tokio::test]
async fn a_refusal_is_no_empty_list() {
    let (_graph, _server, risk) =
        serve_model(graph_model::Settings { read_permission: Some("none".into()), ..listing(1) }).await;
    let error = risk.list_risky_users(&quick()).unwrap().all().await.unwrap_err();
    let ListError::Failed(error) = error else { panic!("{error}") };
    assert_eq!((error.kind, error.response.map(|response| response.status)), (ErrorKind::Forbidden, Some(403)));
    let report = risk.dismiss_risky_users(&ids(1, 1), &fast()).await.unwrap();
    assert!(report.into_result().is_ok(), "the permission to act is another one");
    let verification = risk.verify(Action::DismissRiskyUsers, &ids(1, 1), &options(1_000)).await.unwrap();
    assert!(verification.to_string().starts_with("0 of 1 ids done, 0 still processing, 1 unchanged; cause: forbidden"));
}

#[tokio::test]
async fn a_filter_is_checked_by_microsoft_graph_and_options_by_the_library() {
    let (graph, _server, risk) = serve_model(listing(1)).await;
    let error = risk.list_risky_users(&at_risk("riskLevel eq high")).unwrap().all().await.unwrap_err();
    assert!(error.to_string().starts_with("client-error: "), "{error}");
    let requests = graph.arrivals(0).len();
    for (text, options) in [
        ("page_size: 501: must be from 1 to 500", ListOptions { page_size: Some(501), ..quick() }),
        ("deadline: 0 ms: must be at least 1 ms", ListOptions { deadline: Some(Duration::ZERO), ..quick() }),
        ("filter: \"\": must be 1 to 8192 bytes", at_risk("")),
    ] {
        let error = risk.list_risky_users(&options).unwrap_err().to_string();
        assert!(error.starts_with(text), "{error}");
    }
    let error = risk.verify(Action::DismissRiskyAgents, &ids(1, 1), &options(1_000)).await.unwrap_err();
    assert!(error.to_string().starts_with("action: dismiss-risky-agents: "), "{error}");
    assert_eq!(graph.arrivals(requests).len(), 0);
}

#[tokio::test]
async fn a_page_contains_no_token() {
    let service = Recorder::new(|request| {
        let token = String::from_utf8_lossy(request.headers()["authorization"].as_bytes()).into_owned();
        response(200, format!(r#"{{"value":[{{"id":"1","displayName":"{token}","more":"{token}"}}]}}"#))
    });
    let (_server, risk) = serve(service).await;
    let users = risk.list_risky_users(&quick()).unwrap().all().await.unwrap();
    assert!(users[0].name.contains("[token]") && !format!("{users:?}").contains(&CANARY[..24]), "{users:?}");
}

#[tokio::test]
async fn a_failed_token_source_ends_a_list_with_its_error() {
    struct Failing;
    impl TokenSource for Failing {
        async fn get_token(&self, _: TokenRequest) -> Result<AccessToken, TokenError> {
            Err(TokenError::failed("the vault is sealed"))
        }
    }
    let server = Server::start(Recorder::accepting(), 0).await.unwrap();
    let risk = risk_with(Failing, settings(server.endpoint()));
    let error = risk.list_risky_users(&quick()).unwrap().all().await.unwrap_err();
    assert!(matches!(&error, ListError::TokenSource(error) if error.to_string() == "the vault is sealed"), "{error}");
}

#[tokio::test]
async fn dropping_a_list_ends_a_wait_for_a_token() {
    struct Silent(tokio::sync::mpsc::Sender<()>);
    impl TokenSource for Silent {
        async fn get_token(&self, _: TokenRequest) -> Result<AccessToken, TokenError> {
            let _dropped = self.0.clone();
            std::future::pending().await
        }
    }
    let server = Server::start(Recorder::accepting(), 0).await.unwrap();
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let risk = risk_with(Silent(sender), settings(server.endpoint()));
    let mut list = risk.list_risky_users(&quick()).unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(300), list.next()).await.is_err());
    drop((list, risk));
    // Once the task that read the list is gone.
    assert_eq!(receiver.recv().await, None);
}

#[tokio::test]
async fn a_window_passes_between_reading_and_acting() {
    let window = Duration::from_millis(300);
    let limit = Limit { window, ..Limit::USERS };
    let (graph, _server, risk) = serve_model(graph_model::Settings { users: limit, ..listing(1) }).await;
    let rate_limit = Some(RateLimit { requests: 1, window });
    let list = ListOptions { rate_limit, ..ListOptions::default() };
    let act = Options { rate_limit, ..Options::default() };
    for _ in 0..3 {
        let users: Vec<String> =
            risk.list_risky_users(&list).unwrap().all().await.unwrap().into_iter().map(|user| user.id).collect();
        accepted(risk.dismiss_risky_users(&users, &act)).await;
    }
    assert_eq!(graph.count(StatusCode::TOO_MANY_REQUESTS), 0);
    assert_eq!(graph.arrivals(0).len(), 6);
}

fn options(ms: u64) -> VerifyOptions {
    VerifyOptions { time: Some(Duration::from_millis(ms)), list: quick() }
}

#[tokio::test]
async fn a_verification_tells_what_changed_from_what_did_not() {
    let mut model = listing(30);
    for user in model.entries.get_mut(&Collection::RiskyUsers).unwrap() {
        user.changes_after = match user.id.as_u128() {
            1 => None,
            2 => Some(Duration::from_secs(3_600)),
            number => Some(Duration::from_millis(10 * number as u64)),
        };
    }
    let server = Server::start(Arc::new(Graph::new(model)), 0).await.unwrap();
    let risk = risk(settings(server.endpoint()));
    let users = ids(1, 20);
    accepted(risk.dismiss_risky_users(&users, &fast())).await;
    let verification = risk.verify(Action::DismissRiskyUsers, &users, &options(2_000)).await.unwrap();
    assert_eq!(
        (&verification.done, &verification.processing, &verification.unchanged),
        (&users[2..].to_vec(), &users[1..2].to_vec(), &users[..1].to_vec())
    );
    assert!(verification.cause.is_none());
    let confirmed = ids(21, 2);
    accepted(risk.confirm_risky_users_compromised(&confirmed, &fast())).await;
    let verification = risk.verify(Action::ConfirmRiskyUsersCompromised, &confirmed, &options(60_000)).await.unwrap();
    assert_eq!(verification.done, confirmed);
}

/// Dismisses a user of the first page before the second one is requested.
struct Shifting(Graph, AtomicUsize, Uuid);

impl Service for Shifting {
    fn serve(&self, now: Duration, request: Request) -> Reply {
        if request.method() == Method::GET && self.1.fetch_add(1, Ordering::SeqCst) == 1 {
            let body = format!(r#"{{"userIds":["{}"]}}"#, self.2);
            let act = http::Request::post("http://localhost/v1.0/identityProtection/riskyUsers/dismiss");
            let act = act.header("authorization", "Bearer other").header("content-type", "application/json");
            let reply = self.0.serve(now, act.body(body.into()).unwrap());
            assert!(matches!(reply.behavior, Behavior::Complete(response) if response.status() == 204));
        }
        self.0.serve(now, request)
    }
}

#[tokio::test]
async fn a_user_whom_shifting_pages_hide_once_is_not_done() {
    let mut model = graph_model::Settings { pages_shift: true, ..listing(30) };
    let order = Graph::new(model.clone()).entries(Collection::RiskyUsers, Duration::ZERO);
    let (first, hidden) = (order[0].id, order[10].id);
    let users = model.entries.get_mut(&Collection::RiskyUsers).unwrap();
    users.iter_mut().filter(|user| user.id == hidden).for_each(|user| user.changes_after = None);
    let service = Arc::new(Shifting(Graph::new(model), AtomicUsize::new(0), first));
    let (_server, risk) = serve(service.clone()).await;
    let users = [hidden.to_string()];
    accepted(risk.dismiss_risky_users(&users, &fast())).await;
    let options = VerifyOptions { list: ListOptions { page_size: Some(10), ..quick() }, ..options(1_000) };
    let verification = risk.verify(Action::DismissRiskyUsers, &users, &options).await.unwrap();
    assert_eq!((verification.unchanged, verification.done.len()), (users.to_vec(), 0));
    let listed = service.0.arrivals(0).into_iter().filter(|arrival| arrival.list.is_some());
    let lists: Vec<Vec<String>> = listed.map(|arrival| arrival.ids).collect();
    assert!(!lists[..3].concat().contains(&users[0]), "the first reading lacks the user");
}

#[tokio::test]
async fn a_page_that_breaks_off_is_requested_again() {
    let (graph, _server, risk) = serve_model(listing(30)).await;
    let cut = Fault { status: StatusCode::OK, ..Fault::of(FaultKind::Truncated) };
    graph.plan([Some(cut)]);
    assert_eq!(risk.list_risky_users(&quick()).unwrap().all().await.unwrap().len(), 30);
    assert_eq!(graph.arrivals(0).len(), 2);
}
