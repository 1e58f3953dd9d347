//! TLS: which certificates are trusted, and how often a connection is established.

use std::net::Ipv4Addr;
use std::time::Duration;

use entra_risk_host::{AccessToken, EntraRisk, ErrorKind, Options, Settings};
use http::Version;
use tokio::net::TcpListener;

use crate::service::{Recorder, accepted, failed, fast, ids, risk, settings};
use crate::tls_server::TlsServer;

#[tokio::test]
async fn an_extra_root_is_trusted() {
    let service = Recorder::accepting();
    let server = TlsServer::start(service.clone(), &["h2", "http/1.1"]).await;
    let risk = risk(server.settings());
    let report = accepted(risk.dismiss_risky_users(&ids(1, 1), &fast())).await;
    assert_eq!(report.batches[0].ids, ids(1, 1));
    assert_eq!(service.requests().len(), 1);
}

#[tokio::test]
async fn an_unknown_root_ends_the_call_immediately() {
    let service = Recorder::accepting();
    let server = TlsServer::start(service.clone(), &["h2", "http/1.1"]).await;
    let users = ids(1, 100);
    let (report, cause) = failed(risk(settings(server.endpoint())).dismiss_risky_users(&users, &fast())).await;
    assert_eq!(cause, ErrorKind::Unreachable);
    assert!(report.cause.as_ref().unwrap().message.contains("TLS-certificate-error"));
    assert_eq!(report.to_retry().collect::<Vec<_>>(), ids(1, 100));
    assert!(service.requests().is_empty());
    assert!(report.batches.iter().all(|batch| batch.attempts <= 1));
}

#[tokio::test]
async fn requests_share_one_connection() {
    for (protocols, version) in [(["h2", "http/1.1"].as_slice(), Version::HTTP_2), (&["http/1.1"], Version::HTTP_11)] {
        let service = Recorder::accepting();
        let server = TlsServer::start(service.clone(), protocols).await;
        let risk = risk(server.settings());
        for _ in 0..3 {
            accepted(risk.dismiss_risky_users(&ids(1, 1), &fast())).await;
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
    let risk = risk(server.settings());
    accepted(risk.dismiss_risky_users(&ids(1, 1), &fast())).await;
    let calls = (0..20).map(|tenant: u32| {
        let (risk, options) = (risk.clone(), Options { tenant: Some(tenant.to_string()), ..fast() });
        tokio::spawn(async move { accepted(risk.dismiss_risky_users(&ids(1, 600), &options)).await.batches.len() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), 10);
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
    let (report, cause) = failed(risk.dismiss_risky_users(&ids(1, 1), &options)).await;
    assert_eq!(cause, ErrorKind::Unreachable);
    assert!(report.cause.unwrap().message.contains("destination-unavailable"));
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
