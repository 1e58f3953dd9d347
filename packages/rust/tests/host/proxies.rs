//! The proxy of `https` requests.

use std::sync::Arc;

use entra_risk_host::{EntraRisk, ErrorKind, Proxy, Settings};

use crate::proxy_server::ProxyServer;
use crate::service::{Recorder, accepted, failed, fast, ids, risk, settings};
use crate::tls_server::{TlsServer, certificates};

fn proxy(server: &ProxyServer, no_proxy: &str) -> Proxy {
    let https_proxy = format!("http://user:pass@{}", server.address);
    Proxy::Given { https_proxy, no_proxy: no_proxy.to_owned() }
}

/// A server, a proxy that leads there, and a client that is told of the proxy. Without an endpoint,
/// the client has the address of the server.
async fn serve(service: Arc<Recorder>, endpoint: Option<&str>, no_proxy: &str) -> (TlsServer, ProxyServer, EntraRisk) {
    let server = TlsServer::start(service, &["h2", "http/1.1"]).await;
    let proxy_server = ProxyServer::start(Some(server.address), None).await;
    let proxy = proxy(&proxy_server, no_proxy);
    let extra_roots = server.root.clone().into();
    let endpoint = endpoint.map_or_else(|| server.endpoint(), str::to_owned);
    let risk = risk(Settings { extra_roots, proxy, ..settings(endpoint) });
    (server, proxy_server, risk)
}

#[tokio::test]
async fn a_proxy_is_asked_to_connect() {
    let service = Recorder::accepting();
    // No name server knows this name: only the proxy leads there.
    let (_server, proxy_server, risk) = serve(service.clone(), Some("https://graph.test"), "localhost").await;
    for _ in 0..2 {
        accepted(risk.dismiss_risky_users(&ids(1, 1), &fast())).await;
    }
    let requests = proxy_server.requests();
    assert_eq!(requests.len(), 1, "the tunnel is kept: {requests:?}");
    assert!(requests[0].starts_with("CONNECT graph.test:443 HTTP/1.1\r\n"), "{}", requests[0]);
    // user:pass
    assert!(requests[0].contains("\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n"), "{}", requests[0]);
    assert!(service.requests().iter().all(|(_, headers)| !headers.contains_key("proxy-authorization")));
    assert_eq!(service.requests().len(), 2);
}

#[tokio::test]
async fn a_proxy_may_use_tls_itself() {
    let server = TlsServer::start(Recorder::accepting(), &["h2", "http/1.1"]).await;
    let (root, tls) = certificates();
    let proxy_server = ProxyServer::start(Some(server.address), Some(tls)).await;
    let https_proxy = format!("https://localhost:{}", proxy_server.address.port());
    let risk = risk(Settings {
        extra_roots: (server.root.clone() + &root).into(),
        proxy: Proxy::Given { https_proxy, no_proxy: String::new() },
        ..settings("https://graph.test")
    });
    accepted(risk.dismiss_risky_users(&ids(1, 1), &fast())).await;
    assert_eq!((proxy_server.requests().len(), server.handshakes()), (1, 1));
}

#[tokio::test]
async fn no_proxy_bypasses_the_proxy() {
    let service = Recorder::accepting();
    let (_server, proxy_server, risk) = serve(service.clone(), None, "graph.test, localhost").await;
    accepted(risk.dismiss_risky_users(&ids(1, 1), &fast())).await;
    assert!(proxy_server.requests().is_empty());
    assert_eq!(service.requests().len(), 1);
}

#[tokio::test]
async fn a_proxy_that_demands_credentials_ends_the_call() {
    let proxy_server = ProxyServer::start(None, None).await;
    let risk = risk(Settings { proxy: proxy(&proxy_server, ""), ..settings("https://graph.test") });
    let (_, cause) = failed(risk.dismiss_risky_users(&ids(1, 1), &fast())).await;
    assert_eq!(cause, ErrorKind::DeniedByHost);
    assert_eq!(proxy_server.requests().len(), 1);
}
