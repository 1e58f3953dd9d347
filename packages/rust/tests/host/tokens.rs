//! Tokens: attached by the host, refreshed when Microsoft Graph rejects them, and absent from every text.

use std::sync::{Arc, Mutex};

use entra_risk_host::{AccessToken, Error, Options, Outcome, TokenError, TokenRequest, TokenSource};
use graph_model::{CLAIMS, Fault, FaultKind, Server};
use http::header::AUTHORIZATION;

use crate::service::{CANARY, Recorder, fast, graph, ids, response, risk, risk_with, settings};

/// Returns a new token only if a refresh is requested, and records the requests.
#[derive(Default)]
struct Refreshing(Mutex<Vec<TokenRequest>>);

impl TokenSource for Refreshing {
    async fn get_token(&self, request: TokenRequest) -> Result<AccessToken, TokenError> {
        let mut requests = self.0.lock().unwrap();
        requests.push(request);
        let refreshes = requests.iter().filter(|request| request.refresh).count();
        Ok(AccessToken::new(format!("{CANARY}-{refreshes}"))?)
    }
}

/// Has no token.
struct Failing(fn() -> TokenError);

impl TokenSource for Failing {
    async fn get_token(&self, _: TokenRequest) -> Result<AccessToken, TokenError> {
        Err((self.0)())
    }
}

#[tokio::test]
async fn the_token_is_attached_to_each_request() {
    let service = Recorder::accepting();
    let server = Server::start(service.clone(), 0).await.unwrap();
    risk(settings(server.endpoint())).dismiss_risky_users(&ids(1, 120), &fast()).await.unwrap();
    let requests = service.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|(_, headers)| headers[AUTHORIZATION] == format!("Bearer {CANARY}")));
}

#[tokio::test]
async fn a_rejected_token_is_refreshed_with_its_claims() {
    let graph = graph();
    graph.plan([None, Some(Fault::of(FaultKind::Challenged))]);
    let server = Server::start(graph.clone(), 0).await.unwrap();
    let source = Arc::new(Refreshing::default());
    let risk = risk_with(source.clone(), settings(server.endpoint()));
    let options = Options { tenant: Some("contoso".to_owned()), max_in_flight: Some(1), ..fast() };
    risk.dismiss_risky_users(&ids(1, 180), &options).await.unwrap();
    let requests = source.0.lock().unwrap().clone();
    let expected = |refresh: bool| TokenRequest {
        tenant: Some("contoso".to_owned()),
        audience: "https://graph.microsoft.com".to_owned(),
        endpoint: server.endpoint(),
        refresh,
        claims: refresh.then(|| CLAIMS.to_owned()),
    };
    assert_eq!(requests.iter().filter(|request| **request == expected(true)).count(), 1, "{requests:?}");
    assert!(requests.iter().all(|request| *request == expected(request.refresh)), "{requests:?}");
    // The second request was rejected and repeated with the second token, as was the third.
    assert_eq!(graph.arrivals(0).iter().map(|arrival| arrival.token).collect::<Vec<_>>(), [0, 0, 1, 1].map(Some));
}

#[tokio::test]
async fn a_fixed_token_that_is_rejected_ends_the_call() {
    let graph = graph();
    graph.plan([Some(Fault::of(FaultKind::Expired))]);
    let server = Server::start(graph, 0).await.unwrap();
    let failure = risk(settings(server.endpoint())).dismiss_risky_users(&ids(1, 1), &fast()).await.unwrap_err();
    let Error::NoToken(reason) = &failure.cause else { panic!("{failure}") };
    assert!(reason.contains("cannot be renewed"), "{reason}");
}

#[tokio::test]
async fn the_errors_of_a_token_source_end_the_call() {
    let service = Recorder::accepting();
    let server = Server::start(service.clone(), 0).await.unwrap();
    let call = async |error| {
        let risk = risk_with(Failing(error), settings(server.endpoint()));
        let options = Options { patience_ms: Some(1), ..fast() };
        let failure = risk.dismiss_risky_users(&ids(1, 1), &options).await.unwrap_err();
        assert!(matches!(failure.batches[0].outcome, Outcome::NotApplied(_)));
        failure.cause
    };
    let denied = call(|| TokenError::Denied("no consent".to_owned())).await;
    assert_eq!(denied, Error::NoToken("denied: no consent".to_owned()));
    let unavailable = call(|| TokenError::Unavailable("login is down".to_owned())).await;
    assert_eq!(unavailable, Error::NoToken("unavailable: login is down".to_owned()));
    assert_eq!(call(|| TokenError::Cancelled).await, Error::Cancelled);
    assert!(service.requests().is_empty());
}

#[tokio::test]
async fn a_token_that_a_response_repeats_does_not_show() {
    let service = Recorder::new(|request| {
        let token = request.headers()[AUTHORIZATION].to_str().unwrap();
        response(400, format!(r#"{{"error":{{"code":"BadRequest","message":"what is {token}?"}}}}"#))
    });
    let server = Server::start(service, 0).await.unwrap();
    let failure = risk(settings(server.endpoint())).dismiss_risky_users(&ids(1, 1), &fast()).await.unwrap_err();
    assert_eq!(failure.cause.graph_error().unwrap().message, "what is Bearer [token]?");
    assert!(!format!("{failure:?}").contains("canary") && !format!("{failure:?}").contains("janary"));
}
