//! The host of one plugin instance: credentials, a clock, random numbers, and a destination for its
//! requests, which are all recorded.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
pub use graph_model::Rest;
use graph_model::{Reply, Request, Service, TransportError, play};
use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use http_body_util::{BodyExt, Full};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;
use wasmtime::ResourceLimiter;
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use crate::bindings::credentials::{Credential, TokenError, TokenRequest};
use crate::clock::Clock;
use crate::keyvalue::StoreClient;
use crate::reentry::PlannedReentry;

/// The destination of the plugin's requests.
#[derive(Clone)]
pub enum Outbound {
    /// A service in this process, without a connection.
    InProcess(Arc<dyn Service>),
    /// The address of the request, over real connections.
    Network,
}

/// Responds to the plugin's requests for a token.
pub type TokenSource = Box<dyn FnMut(&TokenRequest) -> Result<Credential, TokenError> + Send>;

/// How the host's HTTP client takes the body of a request from the plugin.
#[derive(Debug, Clone, Copy)]
pub struct Upload {
    /// Maximum bytes that it takes at once.
    pub chunk_bytes: usize,
    /// The time that each chunk takes.
    pub chunk_time: Duration,
    /// Bytes after which the service sees the request and responds.
    pub seen_after: usize,
    /// What happens to the rest of the body.
    pub rest: Rest,
}

impl Default for Upload {
    /// Takes the whole body at once, as wasmtime does.
    fn default() -> Self {
        Upload { chunk_bytes: 1 << 20, chunk_time: Duration::ZERO, seen_after: usize::MAX, rest: Rest::Read }
    }
}

/// A request that the plugin sent.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// When the plugin sent it, since the host's start.
    pub sent: Duration,
    /// The request. Its `authorization` header is marked sensitive, so that it does not print.
    pub request: Request,
    /// The reply of the service in this process; `None` over real connections, and if the host
    /// failed the request.
    pub reply: Option<Reply>,
}

/// The host of one instance.
pub struct Host {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    http_client: HttpClient,
    token_source: TokenSource,
    token_latency: Box<dyn FnMut() -> Duration + Send>,
    /// The key-value store, if there is one.
    pub(crate) store: Option<StoreClient>,
    /// How often the guest read the monotonic clock, as the plugin does after each use of an import
    /// that takes time.
    pub(crate) clock_readings: Arc<AtomicU64>,
    /// Every token request, in order.
    pub(crate) token_requests: Vec<TokenRequest>,
    /// The call into the plugin during a token request, if one is planned.
    pub(crate) reentry: Option<PlannedReentry>,
    pub(crate) memory: Memory,
}

/// The plugin's linear memory in bytes.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) size: usize,
    max: usize,
}

#[derive(Clone)]
struct HttpClient {
    outbound: Outbound,
    upload: Upload,
    start: Instant,
    errors: Arc<Mutex<VecDeque<ErrorCode>>>,
    log: Arc<Mutex<Vec<Exchange>>>,
}

impl Host {
    /// A host that starts now. `seed` determines the plugin's random numbers.
    pub fn new(outbound: Outbound, token_source: TokenSource, seed: u64) -> Self {
        Host::with(&mut WasiCtx::builder(), outbound, token_source, seed)
    }

    /// A host for components that import more, such as apps. Arguments, environment, files and
    /// streams are in `wasi`.
    pub fn with(wasi: &mut WasiCtxBuilder, outbound: Outbound, token_source: TokenSource, seed: u64) -> Self {
        let start = Instant::now();
        let clock = Clock::since(start);
        let clock_readings = clock.readings();
        let wasi = wasi.monotonic_clock(clock).secure_random(StdRng::seed_from_u64(seed)).build();
        Host {
            table: ResourceTable::new(),
            wasi,
            http: WasiHttpCtx::new(),
            http_client: HttpClient {
                outbound,
                upload: Upload::default(),
                start,
                errors: Arc::default(),
                log: Arc::default(),
            },
            token_source,
            token_latency: Box::new(|| Duration::ZERO),
            store: None,
            clock_readings,
            token_requests: Vec::new(),
            reentry: None,
            memory: Memory { size: 0, max: usize::MAX },
        }
    }

    /// The same host, whose HTTP client fails the first requests with these errors, one each.
    pub fn fail_first(self, errors: impl IntoIterator<Item = ErrorCode>) -> Self {
        self.fail_next(errors);
        self
    }

    /// Fails the next requests with these errors, one each.
    pub(crate) fn fail_next(&self, errors: impl IntoIterator<Item = ErrorCode>) {
        lock(&self.http_client.errors).extend(errors);
    }

    /// The same host, whose HTTP client takes the bodies of requests like this.
    pub fn upload(mut self, upload: Upload) -> Self {
        self.http_client.upload = upload;
        self
    }

    /// The same host, whose token source responds after this time, drawn for each request.
    pub fn token_latency(mut self, latency: impl FnMut() -> Duration + Send + 'static) -> Self {
        self.token_latency = Box::new(latency);
        self
    }

    /// The same host with a key-value store.
    pub fn store(mut self, client: StoreClient) -> Self {
        self.store = Some(client);
        self
    }

    /// The same host, which gives the plugin at most so many bytes of linear memory.
    pub fn max_memory(mut self, bytes: usize) -> Self {
        self.memory.max = bytes;
        self
    }

    /// The time since its start.
    pub(crate) fn now(&self) -> Duration {
        self.http_client.start.elapsed()
    }

    /// Every request that the plugin sent so far, in order.
    pub fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.http_client.log).clone()
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("memory", &self.memory).finish_non_exhaustive()
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Host {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.http_client }
    }
}

impl Host {
    /// The call into the plugin that is planned for this token request.
    pub(crate) fn due_reentry(&mut self) -> Option<PlannedReentry> {
        match &mut self.reentry {
            Some(planned) if planned.skipped > 0 => {
                planned.skipped -= 1;
                None
            }
            planned => planned.take(),
        }
    }

    pub(crate) async fn get_token(&mut self, request: TokenRequest) -> Result<Credential, TokenError> {
        let result = (self.token_source)(&request);
        self.token_requests.push(request);
        let latency = (self.token_latency)();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        result
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let fits = desired <= self.max;
        if fits {
            self.size = self.size.max(desired);
        }
        Ok(fits)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
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
            let record = |reply| lock(&log).push(Exchange { sent, request: request.clone(), reply });
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

impl Upload {
    /// Reads a body to its end, or as much of it as the service waits for.
    async fn read(self, body: &mut WasiBody) -> Result<BytesMut, Error> {
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
    async fn finish(self, mut body: WasiBody) -> Result<(), Error> {
        match self.rest {
            Rest::Read => Upload { seen_after: usize::MAX, ..self }.read(&mut body).await.map(drop),
            Rest::Stalled => std::future::pending().await,
            Rest::Closed => Ok(()),
        }
    }
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
