//! What one plugin instance sees of its host: credentials, a clock, random numbers, and a way for its requests, each
//! of which is kept.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http_body_util::{BodyExt, Full};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;
use wasmtime::ResourceLimiter;
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use crate::bindings::credentials::{self, Credential, TokenError, TokenRequest};
use crate::clock::Clock;
use crate::exchange::{Reply, Request, Service};
use crate::playback::play;

/// Where the plugin's requests go.
#[derive(Clone)]
pub enum Way {
    /// To a service in this process, at once and without a connection.
    Stub(Arc<dyn Service>),
    /// To wherever they say, over real connections.
    Sockets,
}

/// Answers the plugin's requests for a token.
pub type TokenSource = Box<dyn FnMut(&TokenRequest) -> Result<Credential, TokenError> + Send>;

/// A request that left the plugin.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// When the plugin sent it, since the host's start.
    pub sent: Duration,
    /// What it sent. The `authorization` header is marked sensitive: it does not print.
    pub request: Request,
    /// What the stub made of it; `None` over real connections.
    pub reply: Option<Reply>,
}

/// The host of one instance.
pub struct Host {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    token_source: TokenSource,
    /// Every token request, in order.
    pub(crate) token_requests: Vec<TokenRequest>,
    pub(crate) memory: Memory,
}

/// The plugin's linear memory in bytes: as it is, which is also the most it ever was.
#[derive(Debug, Default)]
pub(crate) struct Memory(pub(crate) usize);

#[derive(Clone)]
struct Outbound {
    way: Way,
    start: Instant,
    log: Arc<Mutex<Vec<Exchange>>>,
}

impl Host {
    /// A host that starts now. `seed` decides the plugin's random numbers.
    pub fn new(way: Way, token_source: TokenSource, seed: u64) -> Self {
        Host::with(&mut WasiCtx::builder(), way, token_source, seed)
    }

    /// The same for a front, which sees more: its arguments, environment, files and streams are in `wasi`.
    pub fn with(wasi: &mut WasiCtxBuilder, way: Way, token_source: TokenSource, seed: u64) -> Self {
        let start = Instant::now();
        let wasi = wasi.monotonic_clock(Clock::since(start)).secure_random(StdRng::seed_from_u64(seed)).build();
        Host {
            table: ResourceTable::new(),
            wasi,
            http: WasiHttpCtx::new(),
            outbound: Outbound { way, start, log: Arc::default() },
            token_source,
            token_requests: Vec::new(),
            memory: Memory::default(),
        }
    }

    /// Every request that left the plugin so far, in the order it sent them.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.outbound.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outbound }
    }
}

impl credentials::Host for Host {
    fn get_token(&mut self, request: TokenRequest) -> Result<Credential, TokenError> {
        let answer = (self.token_source)(&request);
        self.token_requests.push(request);
        answer
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.0 = self.0.max(desired);
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

/// What a response that came becomes for the plugin: itself, and work that goes on while its body is read.
type Sent = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for Outbound {
    /// A stub shows exactly what the plugin wrote; on a connection HTTP demands the header.
    fn set_host_header(&mut self) -> bool {
        matches!(self.way, Way::Sockets)
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let sent = self.start.elapsed();
        let Outbound { way, start, log } = self.clone();
        Box::new(async move {
            let (mut parts, body) = request.into_parts();
            if let Some(authorization) = parts.headers.get_mut(AUTHORIZATION) {
                authorization.set_sensitive(true);
            }
            let request = Request::from_parts(parts, body.collect().await?.to_bytes());
            let keep = |reply| {
                let exchange = Exchange { sent, request: request.clone(), reply };
                log.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
            };
            match way {
                Way::Stub(service) => {
                    let reply = service.serve(start.elapsed(), request.clone());
                    drop(service);
                    keep(Some(reply.clone()));
                    let response = play(reply).await.map_err(report)?;
                    Ok((response.map(|body| body.map_err(report).boxed_unsync()), Box::new(async { Ok(()) }) as _))
                }
                Way::Sockets => {
                    keep(None);
                    let request = request.map(|body| Full::new(body).map_err(Error::from));
                    let (response, io) = wasmtime_wasi_http::default_send_request(request, options).await?;
                    Ok((response.map(BodyExt::boxed_unsync), Box::new(io) as _))
                }
            }
        })
    }
}

/// The error by which wasmtime reports `code`. Its own conversion takes one code for another.
fn report(code: ErrorCode) -> Error {
    match code {
        ErrorCode::HttpResponseHeaderSize(field) => {
            Error::HttpResponseHeaderSize { field_name: field.field_name, field_size: field.field_size }
        }
        code => code.into(),
    }
}
