//! An HTTPS server on loopback with a certificate of a private root.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use entra_risk_host::Settings;
use graph_model::{Request, Service, play};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::service::settings;

/// A running server for `localhost` and `graph.test`. Dropping it closes its connections.
pub struct TlsServer {
    pub address: SocketAddr,
    /// The root of its certificate, as PEM.
    pub root: String,
    handshakes: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl TlsServer {
    /// Serves with these protocols, the preferred one first.
    pub async fn start(service: Arc<dyn Service>, protocols: &[&str]) -> TlsServer {
        let (root, mut tls) = certificates();
        tls.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let handshakes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&handshakes);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, acceptor.clone(), Arc::clone(&service), Arc::clone(&counter)));
            }
        });
        TlsServer { address, root, handshakes, accepting }
    }

    pub fn endpoint(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// The settings for requests to the server, which trust its root.
    pub fn settings(&self) -> Settings {
        Settings { extra_roots: self.root.clone().into(), ..settings(self.endpoint()) }
    }

    /// How many TLS handshakes have succeeded.
    pub fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::SeqCst)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, service: Arc<dyn Service>, handshakes: Arc<AtomicUsize>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    handshakes.fetch_add(1, Ordering::SeqCst);
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let respond = service_fn(move |request: http::Request<Incoming>| {
        let service = Arc::clone(&service);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            play(service.serve(Duration::ZERO, Request::from_parts(parts, body))).await
        }
    });
    // A connection fails if its client closes it.
    if is_http2 {
        let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), respond).await;
    } else {
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), respond).await;
    }
}

/// A new root as PEM, and a server with a certificate that it has issued.
pub fn certificates() -> (String, ServerConfig) {
    let mut of_root = CertificateParams::new([]).unwrap();
    of_root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate().unwrap();
    let root = of_root.self_signed(&root_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = ["localhost".to_owned(), "graph.test".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &Issuer::new(of_root, root_key)).unwrap();
    let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    (root.pem(), tls)
}
