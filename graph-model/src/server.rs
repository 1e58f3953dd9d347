//! An HTTP server on the loopback interface for any service.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::Uri;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::{FaultBody, Request, Service, TransportError, play};

/// A running server. Dropping it closes the listener and every connection.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Serves on a port of the loopback interface, 0 for any free one, on the current tokio
    /// runtime.
    pub async fn start(service: Arc<dyn Service>, port: u16) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let start = Instant::now();
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let service = Arc::clone(&service);
                let respond = service_fn(move |request| respond(Arc::clone(&service), start, request));
                // A connection fails because the service demanded it, or because of the client.
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), respond));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Server { address, accepting })
    }

    /// The address in the form of `endpoint` of the plugin's options.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// An error makes hyper close the connection without a response.
async fn respond(
    service: Arc<dyn Service>,
    start: Instant,
    request: http::Request<Incoming>,
) -> Result<http::Response<FaultBody>, TransportError> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| TransportError::HttpProtocolError)?;
    parts.uri = absolute(&parts).unwrap_or(parts.uri);
    let reply = service.serve(start.elapsed(), Request::from_parts(parts, body.to_bytes()));
    drop(service);
    play(reply).await
}

/// The absolute URI of a request, with the authority from its `host` header.
fn absolute(parts: &http::request::Parts) -> Option<Uri> {
    let host = parts.headers.get(http::header::HOST)?.as_bytes();
    Uri::builder().scheme("http").authority(host).path_and_query(parts.uri.path_and_query()?.clone()).build().ok()
}
