//! Where requests may go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use entra_risk_host::{
    AccessToken, EntraRisk, ErrorKind, Options, Outcome, Settings, TokenError, TokenRequest, TokenSource,
};
use graph_model::Server;

use crate::service::{CANARY, Recorder, accepted, failed, fast, ids, response_with, risk, risk_with, serve, settings};

/// Counts how often it is asked.
struct Counting(AtomicUsize);

impl TokenSource for Counting {
    async fn get_token(&self, _: TokenRequest) -> Result<AccessToken, TokenError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(AccessToken::new(CANARY)?)
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_allowed_is_denied() {
    let service = Recorder::accepting();
    let server = Server::start(service.clone(), 0).await.unwrap();
    let source = Arc::new(Counting(AtomicUsize::new(0)));
    let settings = Settings {
        allowed_endpoints: vec!["http://localhost:1".to_owned(), "https://127.0.0.1".to_owned()],
        ..settings(server.endpoint())
    };
    let (report, cause) = failed(risk_with(source.clone(), settings).dismiss_risky_users(&ids(1, 100), &fast())).await;
    assert_eq!(cause, ErrorKind::DeniedByHost);
    assert!(report.batches.iter().all(|batch| matches!(batch.outcome, Outcome::NotApplied(_))));
    assert_eq!(report.to_retry().collect::<Vec<_>>(), ids(1, 100));
    assert!(service.requests().is_empty());
    assert_eq!(source.0.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_allowed_endpoint_may_be_spelled_differently() {
    let service = Recorder::accepting();
    let server = Server::start(service.clone(), 0).await.unwrap();
    let endpoint = server.endpoint().replace("127.0.0.1", "LocalHost");
    let settings = Settings { allowed_endpoints: vec![endpoint.to_ascii_lowercase()], ..settings(endpoint) };
    accepted(risk(settings).dismiss_risky_users(&ids(1, 1), &fast())).await;
    assert_eq!(service.requests().len(), 1);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let service = Recorder::new(|_| response_with(307, "location", "http://127.0.0.1:1/"));
    let (_server, risk) = serve(service.clone()).await;
    let options = Options { max_attempts: Some(1), ..fast() };
    let (report, cause) = failed(risk.dismiss_risky_users(&ids(1, 1), &options)).await;
    assert_eq!(cause, ErrorKind::UnexpectedStatus);
    assert_eq!(report.cause.unwrap().response.map(|response| response.status), Some(307));
    assert_eq!(service.requests().len(), 1);
}

#[test]
fn a_setting_that_is_not_an_endpoint_is_a_setup_error() {
    let valid = || settings("https://graph.test");
    let text = || Some("https://graph.test/v1.0".to_owned());
    let invalid = [
        ("endpoint", Settings { endpoint: text(), ..valid() }),
        ("audience", Settings { audience: text(), ..valid() }),
        ("allowed_endpoints", Settings { allowed_endpoints: text().into_iter().collect(), ..valid() }),
        ("max_instances", Settings { max_instances: 0, ..valid() }),
    ];
    for (name, settings) in invalid {
        let error = EntraRisk::new(AccessToken::new("t").unwrap(), settings).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{name}: ")), "{error}");
    }
}
