//! The host of one plugin instance: credentials, a clock, random numbers, and an HTTP client.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

pub use graph_model::Rest;
use rand::SeedableRng;
use rand::rngs::StdRng;
use wasmtime::ResourceLimiter;
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bindings::credentials::{Credential, TokenError, TokenRequest};
use crate::clock::Clock;
use crate::http_client::HttpClient;
pub use crate::http_client::{Outbound, RecordedExchange};
use crate::keyvalue::StoreClient;
use crate::reentry::PlannedReentry;
pub use crate::upload::Upload;

/// Responds to the plugin's requests for a token.
pub type TokenSource = Box<dyn FnMut(&TokenRequest) -> Result<Credential, TokenError> + Send>;

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

impl Host {
    /// A host that starts now. `seed` determines the plugin's random numbers.
    pub fn new(outbound: Outbound, token_source: TokenSource, seed: u64) -> Self {
        Host::with(&mut WasiCtx::builder(), outbound, token_source, seed)
    }

    /// A host for components that import more, such as apps. Arguments, environment, files and
    /// streams are in `wasi`.
    pub fn with(wasi: &mut WasiCtxBuilder, outbound: Outbound, token_source: TokenSource, seed: u64) -> Self {
        let http_client = HttpClient::new(outbound);
        let clock = Clock::since(http_client.start);
        let clock_readings = clock.readings();
        let wasi = wasi.monotonic_clock(clock).secure_random(StdRng::seed_from_u64(seed)).build();
        Host {
            table: ResourceTable::new(),
            wasi,
            http: WasiHttpCtx::new(),
            http_client,
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
    pub fn fail_next(&self, errors: impl IntoIterator<Item = ErrorCode>) {
        self.http_client.fail_next(errors);
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

    /// The same host, which gives the plugin at most this many bytes of linear memory.
    pub fn max_memory(mut self, bytes: usize) -> Self {
        self.memory.max = bytes;
        self
    }

    /// The time since its start.
    pub(crate) fn now(&self) -> Duration {
        self.http_client.start.elapsed()
    }

    /// Every request that the plugin sent so far, in order.
    pub fn exchanges(&self) -> Vec<RecordedExchange> {
        self.http_client.exchanges()
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
