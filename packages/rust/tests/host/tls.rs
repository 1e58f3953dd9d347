//! TLS: which certificates are trusted, and how often a connection is established.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use entra_risk_host::{AccessToken, EntraRisk, Error, Options, Settings};
use http::Version;
use tokio::net::TcpListener;

use crate::service::{Recorder, fast, ids, risk, settings};
use crate::tls_server::TlsServer;

#[tokio::test]
async fn an_extra_root_is_trusted() {
    let service = Recorder::accepting();
    let server = TlsServer::start(service.clone(), &["h2", "http/1.1"]).await;
    let risk = risk(Settings { extra_roots: server.root.clone().into(), ..settings(server.endpoint()) });
    let batches = risk.dismiss_risky_users(&ids(1, 1), &fast()).await.unwrap();
    assert_eq!(batches[0].ids, ids(1, 1));
    assert_eq!(service.requests().len(), 1);
}

#[tokio::test]
async fn an_unknown_root_ends_the_call_at_once() {
    let service = Recorder::accepting();
    let server = TlsServer::start(service.clone(), &["h2", "http/1.1"]).await;
    let start = Instant::now();
    let failure = risk(settings(server.endpoint())).dismiss_risky_users(&ids(1, 100), &fast()).await.unwrap_err();
    assert_eq!(failure.cause, Error::Unreachable("TLS-certificate-error".to_owned()));
    assert_eq!(failure.to_retry().collect::<Vec<_>>(), ids(1, 100));
    assert!(service.requests().is_empty());
    // The first retry would come after 3 s.
    assert!(start.elapsed() < Duration::from_secs(20) && failure.batches.iter().all(|batch| batch.attempts <= 1));
}

#[tokio::test]
async fn requests_share_one_connection() {
    for (protocols, version) in [(["h2", "http/1.1"].as_slice(), Version::HTTP_2), (&["http/1.1"], Version::HTTP_11)] {
        let service = Recorder::accepting();
        let server = TlsServer::start(service.clone(), protocols).await;
        let risk = risk(Settings { extra_roots: server.root.clone().into(), ..settings(server.endpoint()) });
        for _ in 0..3 {
            risk.dismiss_risky_users(&ids(1, 1), &fast()).await.unwrap();
        }
        let versions: Vec<_> = service.requests().iter().map(|(version, _)| *version).collect();
        assert_eq!(versions, [version; 3]);
        assert_eq!(server.handshakes(), 1, "{version:?}");
    }
}

#[tokio::test]
async fn http2_carries_concurrent_requests_of_all_tenants() {
    let service = Recorder::accepting();
    let server = TlsServer::start(service.clone(), &["h2", "http/1.1"]).await;
    let risk = risk(Settings { extra_roots: server.root.clone().into(), ..settings(server.endpoint()) });
    risk.dismiss_risky_users(&ids(1, 1), &fast()).await.unwrap();
    let calls = (0..20).map(|tenant: u32| {
        let (risk, options) = (risk.clone(), Options { tenant: Some(tenant.to_string()), ..fast() });
        tokio::spawn(async move { risk.dismiss_risky_users(&ids(1, 600), &options).await.map(|batches| batches.len()) })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), Ok(10));
    }
    assert_eq!((service.requests().len(), server.handshakes()), (201, 1));
}

#[tokio::test]
async fn a_server_without_tls_is_unreachable_in_time() {
    // It accepts connections and never responds.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let risk = risk(Settings { connect_timeout: Duration::from_millis(200), ..settings(endpoint) });
    let options = Options { max_attempts: Some(1), ..fast() };
    let failure = risk.dismiss_risky_users(&ids(1, 1), &options).await.unwrap_err();
    assert_eq!(failure.cause, Error::Unreachable("destination-unavailable".to_owned()));
}

#[test]
fn roots_that_are_not_pem_are_a_setup_error() {
    for roots in ["no certificate", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        let token = AccessToken::new("t").unwrap();
        let settings = Settings { extra_roots: roots.into(), ..settings("http://localhost") };
        let error = EntraRisk::new(token, settings).unwrap_err();
        assert!(error.to_string().starts_with("extra_roots: "), "{error}");
    }
}
