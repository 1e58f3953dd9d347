//! Tokens: attached by the host, refreshed when Microsoft Graph rejects them, and absent from every
//! text.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entra_risk_host::{AccessToken, CallError, ErrorKind, Options, TokenError, TokenRequest, TokenSource};
use graph_model::{CLAIMS, Fault, FaultKind, Server};
use http::header::AUTHORIZATION;

use crate::service::{CANARY, Recorder, accepted, failed, fast, graph, ids, response, risk_with, serve, settings};

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

/// Supplies no token, but this error.
pub struct Failing(pub fn() -> TokenError);

impl TokenSource for Failing {
    async fn get_token(&self, _: TokenRequest) -> Result<AccessToken, TokenError> {
        Err((self.0)())
    }
}

#[tokio::test]
async fn the_token_is_attached_to_each_request() {
    let service = Recorder::accepting();
    let (_server, risk) = serve(service.clone()).await;
    accepted(risk.dismiss_risky_users(&ids(1, 120), &fast())).await;
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
    accepted(risk.dismiss_risky_users(&ids(1, 180), &options)).await;
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
    let (_server, risk) = serve(graph).await;
    let (report, cause) = failed(risk.dismiss_risky_users(&ids(1, 1), &fast())).await;
    assert_eq!(cause, ErrorKind::NoToken);
    assert!(report.to_string().contains("cannot be renewed"), "{report}");
}

#[tokio::test]
async fn the_errors_of_a_token_source_end_the_call() {
    let service = Recorder::accepting();
    let server = Server::start(service.clone(), 0).await.unwrap();
    let call = async |error| {
        let risk = risk_with(Failing(error), settings(server.endpoint()));
        let options = Options { patience: Some(Duration::from_millis(1)), ..fast() };
        let (report, cause) = failed(risk.dismiss_risky_users(&ids(1, 1), &options)).await;
        assert_eq!((report.batches[0].outcome.name(), cause), ("not-applied", ErrorKind::NoToken));
        report.cause.unwrap().message
    };
    let denied = call(|| TokenError::Denied("no consent".to_owned())).await;
    assert!(denied.contains("no consent"), "{denied}");
    let unavailable = call(|| TokenError::Unavailable("login is down".to_owned())).await;
    assert!(unavailable.contains("login is down"), "{unavailable}");
    assert!(service.requests().is_empty());
}

#[tokio::test]
async fn the_own_error_of_a_token_source_is_an_error_with_the_report() {
    let service = Recorder::accepting();
    let server = Server::start(service.clone(), 0).await.unwrap();
    let failing = Failing(|| TokenError::failed(io::Error::other("the device is locked")));
    let risk = risk_with(failing, settings(server.endpoint()));
    let Err(CallError::TokenSource(failed)) = risk.dismiss_risky_users(&ids(1, 2), &fast()).await else { panic!() };
    assert!(failed.error.downcast_ref::<io::Error>().is_some());
    assert_eq!(failed.to_string(), "the token source failed: the device is locked");
    assert_eq!(failed.report.to_retry().collect::<Vec<_>>(), ids(1, 2));
    assert_eq!(failed.report.cause.as_ref().unwrap().kind, ErrorKind::NoToken);
    assert!(!failed.report.to_string().contains("locked"));
    assert!(service.requests().is_empty());
}

#[tokio::test]
async fn a_token_that_a_response_repeats_does_not_show() {
    let service = Recorder::new(|request| {
        let token = request.headers()[AUTHORIZATION].to_str().unwrap();
        response(400, format!(r#"{{"error":{{"code":"BadRequest","message":"what is {token}?"}}}}"#))
    });
    let (_server, risk) = serve(service).await;
    let (report, _) = failed(risk.dismiss_risky_users(&ids(1, 1), &fast())).await;
    assert_eq!(report.cause.as_ref().unwrap().response.as_ref().unwrap().message, "what is Bearer [token]?");
    assert!(!format!("{report:?}").contains("canary") && !format!("{report:?}").contains("janary"));
}
