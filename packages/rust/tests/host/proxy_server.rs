//! An HTTP proxy on loopback that connects every tunnel to the same server.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// A running proxy. Dropping it closes its connections.
pub struct ProxyServer {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl ProxyServer {
    /// Tunnels to `destination`, or responds 407 to everything if there is none. With `tls`, it is
    /// an HTTPS proxy.
    pub async fn start(destination: Option<SocketAddr>, tls: Option<ServerConfig>) -> ProxyServer {
        let tls = tls.map(|tls| TlsAcceptor::from(Arc::new(tls)));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let record = Arc::clone(&requests);
        let accepting = tokio::spawn(async move {
            let mut tunnels = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, record) = (tls.clone(), Arc::clone(&record));
                tunnels.spawn(async move {
                    match tls {
                        Some(tls) => tunnel(tls.accept(stream).await.unwrap(), destination, record).await,
                        None => tunnel(stream, destination, record).await,
                    }
                });
            }
        });
        ProxyServer { address, requests, accepting }
    }

    /// The head of each request so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for ProxyServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn tunnel(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    destination: Option<SocketAddr>,
    record: Arc<Mutex<Vec<String>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    record.lock().unwrap_or_else(PoisonError::into_inner).push(String::from_utf8(head).unwrap());
    let Some(destination) = destination else {
        let _ = stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n").await;
        return;
    };
    let mut upstream = TcpStream::connect(destination).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    // A tunnel ends when one side closes it.
    let _ = copy_bidirectional(&mut stream, &mut upstream).await;
}
