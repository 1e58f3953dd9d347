//! An HTTP proxy on loopback that connects every tunnel to the same server.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A running proxy. Dropping it closes its connections.
pub struct ProxyServer {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl ProxyServer {
    /// Tunnels to `destination`, or responds 407 to everything if there is none.
    pub async fn start(destination: Option<SocketAddr>) -> ProxyServer {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let record = Arc::clone(&requests);
        let accepting = tokio::spawn(async move {
            let mut tunnels = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                tunnels.spawn(tunnel(stream, destination, Arc::clone(&record)));
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

async fn tunnel(mut stream: TcpStream, destination: Option<SocketAddr>, record: Arc<Mutex<Vec<String>>>) {
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
