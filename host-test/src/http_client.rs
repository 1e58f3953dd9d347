//! The HTTP client of a host: brings the plugin's requests to a service in this process or to the
//! network, and records them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use graph_model::{Reply, Request, Service, TransportError, play};
use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::upload::Upload;

/// The destination of the plugin's requests.
#[derive(Clone)]
pub enum Outbound {
    /// A service in this process, without a connection.
    InProcess(Arc<dyn Service>),
    /// The address of the request, over real connections.
    Network,
}

/// A request that the plugin sent.
#[derive(Debug, Clone)]
pub struct RecordedExchange {
    /// When the plugin sent it, since the host's start.
    pub sent: Duration,
    /// The request. Its `authorization` header is marked sensitive, so that it does not print.
    pub request: Request,
    /// The reply of the service in this process; `None` over real connections, and if the host
    /// failed the request.
    pub reply: Option<Reply>,
}

/// The HTTP client of one host.
#[derive(Clone)]
pub(crate) struct HttpClient {
    outbound: Outbound,
    pub(crate) upload: Upload,
    pub(crate) start: Instant,
    errors: Arc<Mutex<VecDeque<ErrorCode>>>,
    log: Arc<Mutex<Vec<RecordedExchange>>>,
}

impl HttpClient {
    /// A client whose times are since now.
    pub(crate) fn new(outbound: Outbound) -> HttpClient {
        let start = Instant::now();
        HttpClient { outbound, upload: Upload::default(), start, errors: Arc::default(), log: Arc::default() }
    }

    /// Fails the next requests with these errors, one each.
    pub(crate) fn fail_next(&self, errors: impl IntoIterator<Item = ErrorCode>) {
        lock(&self.errors).extend(errors);
    }

    /// Every request so far, in order.
    pub(crate) fn exchanges(&self) -> Vec<RecordedExchange> {
        lock(&self.log).clone()
    }
}

/// A response, and the work that continues while its body is read.
type Received = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for HttpClient {
    /// In process, requests are recorded exactly as the plugin wrote them. On a connection, HTTP
    /// requires the header.
    fn set_host_header(&mut self) -> bool {
        matches!(self.outbound, Outbound::Network)
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        self.upload.chunk_bytes
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Received, Error>> + Send> {
        let sent = self.start.elapsed();
        let HttpClient { outbound, mut upload, start, errors, log } = self.clone();
        Box::new(async move {
            let (mut parts, mut body) = request.into_parts();
            if let Outbound::InProcess(service) = &outbound
                && let Some(rest) = service.responds_early(&parts)
            {
                let length = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
                // The plugin may have written two more chunks: one that waits, and one that
                // wasmtime has taken out.
                let unread = upload.chunk_bytes.saturating_mul(2) + 1;
                upload = Upload { seen_after: length.unwrap_or(0_usize).saturating_sub(unread), rest, ..upload };
            }
            if let Some(authorization) = parts.headers.get_mut(AUTHORIZATION) {
                authorization.set_sensitive(true);
            }
            let request = Request::from_parts(parts, upload.read(&mut body).await?.freeze());
            let record = |reply| lock(&log).push(RecordedExchange { sent, request: request.clone(), reply });
            if let Some(code) = lock(&errors).pop_front() {
                record(None);
                return Err(error(code));
            }
            match outbound {
                Outbound::InProcess(service) => {
                    let reply = arrive(service, start, request.clone()).await;
                    record(Some(reply.clone()));
                    let response = play(reply).await.map_err(transport_error)?;
                    let rest =
                        async move { if upload.seen_after == usize::MAX { Ok(()) } else { upload.finish(body).await } };
                    Ok((response.map(|body| body.map_err(transport_error).boxed_unsync()), Box::new(rest) as _))
                }
                Outbound::Network => {
                    record(None);
                    let request = request.map(|body| Full::new(body).map_err(Error::from));
                    let (response, io) = wasmtime_wasi_http::default_send_request(request, options).await?;
                    Ok((response.map(BodyExt::boxed_unsync), Box::new(io) as _))
                }
            }
        })
    }
}

/// Brings a request to the service. One that is on its way arrives even if the plugin no longer
/// waits for it.
async fn arrive(service: Arc<dyn Service>, start: Instant, request: Request) -> Reply {
    let delay = service.delay(start.elapsed(), &request);
    if delay.is_zero() {
        return service.serve(start.elapsed(), request);
    }
    let arrival = tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        service.serve(start.elapsed(), request)
    });
    arrival.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// The error of wasmtime for an error of a service.
fn transport_error(cause: TransportError) -> Error {
    error(match cause {
        TransportError::ConnectionRefused => ErrorCode::ConnectionRefused,
        TransportError::ConnectionTimeout => ErrorCode::ConnectionTimeout,
        TransportError::DestinationNotFound => ErrorCode::DestinationNotFound,
        TransportError::HttpProtocolError => ErrorCode::HttpProtocolError,
        TransportError::HttpRequestDenied => ErrorCode::HttpRequestDenied,
        TransportError::TlsProtocolError => ErrorCode::TlsProtocolError,
        TransportError::TlsCertificateError => ErrorCode::TlsCertificateError,
    })
}

/// The error that wasmtime reports to the plugin as `code`. Its own conversion confuses two codes.
fn error(code: ErrorCode) -> Error {
    match code {
        ErrorCode::HttpResponseHeaderSize(field) => {
            Error::HttpResponseHeaderSize { field_name: field.field_name, field_size: field.field_size }
        }
        code => code.into(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
