//! How the host's HTTP client takes the body of a request from the plugin.

use std::time::Duration;

use bytes::BytesMut;
use graph_model::Rest;
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, WasiBody};

/// How the host's HTTP client takes the body of a request from the plugin.
#[derive(Debug, Clone, Copy)]
pub struct Upload {
    /// Maximum bytes that it takes in one piece.
    pub chunk_bytes: usize,
    /// The time that each chunk takes.
    pub chunk_time: Duration,
    /// Bytes after which the service sees the request and responds.
    pub seen_after: usize,
    /// What happens to the rest of the body.
    pub rest: Rest,
}

impl Default for Upload {
    /// Takes the whole body in one piece, as wasmtime does.
    fn default() -> Self {
        Upload { chunk_bytes: 1 << 20, chunk_time: Duration::ZERO, seen_after: usize::MAX, rest: Rest::Read }
    }
}

impl Upload {
    /// Reads a body to its end, or as much of it as the service waits for.
    pub(crate) async fn read(self, body: &mut WasiBody) -> Result<BytesMut, Error> {
        let mut bytes = BytesMut::new();
        while bytes.len() < self.seen_after
            && let Some(frame) = body.frame().await
        {
            if let Ok(data) = frame?.into_data() {
                bytes.extend(data);
            }
            if !self.chunk_time.is_zero() {
                tokio::time::sleep(self.chunk_time).await;
            }
        }
        Ok(bytes)
    }

    /// Treats the rest of a body, while the plugin reads the response.
    pub(crate) async fn finish(self, mut body: WasiBody) -> Result<(), Error> {
        match self.rest {
            Rest::Read => Upload { seen_after: usize::MAX, ..self }.read(&mut body).await.map(drop),
            Rest::Stalled => std::future::pending().await,
            Rest::Closed => Ok(()),
        }
    }
}
