//! Connections: to the destination or through a proxy, with TLS for `https`, and HTTP/2 if the
//! server agrees.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use crate::bounded::Bounded;
use crate::{Settings, SetupError};

type BoxError = Box<dyn Error + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// A connection to the destination or to the proxy, before TLS with the destination.
type Route = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Why a tunnel through a proxy was not established.
pub(crate) type TunnelError = <Tunnel<HttpsConnector<HttpConnector>> as Service<Uri>>::Error;

/// Establishes the connections of a client, each within a time limit.
#[derive(Clone)]
pub(crate) struct Connector {
    https: HttpsConnector<Router>,
    limit: Duration,
}

/// Connects to the destination, or through a proxy if there is one for it.
#[derive(Clone)]
struct Router {
    direct: HttpConnector,
    to_proxy: HttpsConnector<HttpConnector>,
    proxies: Arc<Matcher>,
}

impl Connector {
    pub(crate) fn new(settings: &Settings) -> Result<Connector, SetupError> {
        let mut tls = tls(&settings.extra_roots)?;
        let mut direct = HttpConnector::new();
        direct.enforce_http(false);
        direct.set_nodelay(true);
        // An HTTP/1.1 request is what establishes a tunnel.
        let to_proxy = HttpsConnector::from((direct.clone(), tls.clone()));
        let proxies = Arc::new(settings.proxy.matcher()?);
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let https = HttpsConnector::from((Router { direct, to_proxy, proxies }, tls));
        Ok(Connector { https, limit: settings.connect_timeout })
    }
}

impl Service<Uri> for Connector {
    type Response = Bounded<MaybeHttpsStream<Route>>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let (connecting, limit) = (self.https.call(destination), self.limit);
        Box::pin(async move {
            let timed_out = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
            timeout(limit, connecting).await.unwrap_or_else(timed_out).map(Bounded::new)
        })
    }
}

impl Service<Uri> for Router {
    type Response = Route;
    type Error = BoxError;
    type Future = Connecting<Route>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.intercept(&destination) else {
            let connecting = self.direct.call(destination);
            return Box::pin(async move { Ok(MaybeHttpsStream::Http(connecting.await?)) });
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy.clone());
        if let Some(credentials) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(credentials.clone());
        }
        let tunneling = tunnel.call(destination);
        Box::pin(async move { Ok(tunneling.await?) })
    }
}

/// A TLS configuration that trusts what the platform trusts, and these roots.
fn tls(extra_roots: &[u8]) -> Result<ClientConfig, SetupError> {
    let expected = |found: &str| SetupError(format!("extra_roots: expected certificates as PEM: {found}"));
    let certificates = CertificateDer::pem_slice_iter(extra_roots)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| expected(&error.to_string()))?;
    if certificates.is_empty() && !extra_roots.is_empty() {
        return Err(expected("there are none"));
    }
    let provider = Arc::new(ring::default_provider());
    let refused = |error| SetupError(format!("TLS is not available: {error}"));
    let verifier = Verifier::new_with_extra_roots(certificates, Arc::clone(&provider)).map_err(refused)?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        // Only the name is dangerous: this verifier checks certificates like the platform does.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}
