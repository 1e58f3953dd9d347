//! An instance of the plugin, with its limits.

use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::sync::watch;
use wasmtime::component::ResourceAny;
use wasmtime::{ResourceLimiter, Store, Trap};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bindings::actions::Options;
use crate::bindings::calls::{Action, Event};
use crate::bindings::credentials::{self, Credential};
use crate::bindings::{Plugin, PluginPre};
use crate::call_state::CallState;
use crate::conversion::in_ms;
use crate::outbound::{HttpClient, Outbound};
use crate::token::{AnyTokenSource, FutureToken};
use crate::{AccessToken, TokenError, TokenRequest};

/// An instance of the plugin. Once a function has failed, it cannot be used again.
pub(crate) struct Instance {
    store: Store<Host>,
    plugin: Plugin,
}

/// The limits of an instance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_memory_bytes: usize,
    /// For each call.
    pub(crate) max_instructions: u64,
}

/// What a call has taken up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    max_instructions: u64,
    instructions_left: u64,
    /// Requests that the call has sent.
    pub(crate) requests: u32,
}

/// What an instance is linked to.
pub(crate) struct Host {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    token_source: Arc<dyn AnyTokenSource>,
    /// The token that a call did not wait for, because another one had an order.
    pending_token: Option<(TokenRequest, FutureToken)>,
    /// Changes whenever an open call has an order, or another call has come.
    orders: watch::Receiver<()>,
    /// The open calls.
    open: Vec<Arc<CallState>>,
    /// The call whose `next` runs.
    current: Option<Arc<CallState>>,
    memory: Memory,
    max_instructions: u64,
}

/// The linear memory of an instance.
struct Memory {
    bytes: usize,
    max_bytes: usize,
    /// The plugin needed more.
    is_exceeded: bool,
}

/// The result of a function of the plugin, or in words why the plugin was stopped.
type Called<T> = Result<T, String>;

impl Usage {
    /// Nothing.
    pub(crate) fn of(limits: Limits) -> Usage {
        let Limits { max_instructions, .. } = limits;
        Usage { max_instructions, instructions_left: max_instructions, requests: 0 }
    }

    /// Instructions that the call has executed.
    pub(crate) fn instructions(self) -> u64 {
        self.max_instructions.saturating_sub(self.instructions_left)
    }
}

impl Instance {
    /// Instantiates the plugin. The error is the reason in words.
    pub(crate) async fn new(
        plugin: &PluginPre<Host>,
        limits: Limits,
        http_client: Arc<HttpClient>,
        token_source: Arc<dyn AnyTokenSource>,
    ) -> Result<Instance, String> {
        let mut store = Store::new(plugin.engine(), Host::new(limits, http_client, token_source));
        store.limiter(|host| &mut host.memory);
        store
            .set_fuel(limits.max_instructions)
            .and_then(|()| store.fuel_async_yield_interval(Some(YIELD_INSTRUCTIONS)))
            .map_err(|error| error.to_string())?;
        match plugin.instantiate_async(&mut store).await {
            Ok(plugin) => Ok(Instance { store, plugin }),
            Err(error) => Err(store.data().reason(&error)),
        }
    }

    /// Tells the instance which calls are open, and where they announce orders. Without any, it
    /// forgets every token.
    pub(crate) fn attend(&mut self, open: Vec<Arc<CallState>>, orders: &watch::Receiver<()>) {
        let host = self.store.data_mut();
        if open.is_empty() {
            host.outbound.forget_tokens();
            host.pending_token = None;
        }
        host.open = open;
        host.orders = orders.clone();
    }

    /// Starts a call. The inner error says which argument is not valid.
    pub(crate) async fn start(
        &mut self,
        usage: &mut Usage,
        action: Action,
        ids: &[String],
        options: &Options,
    ) -> Called<Result<ResourceAny, String>> {
        self.refuel(usage)?;
        let calls = self.plugin.entra_risk_calls();
        let result = calls.call().call_start(&mut self.store, action, ids, Some(options)).await;
        self.account(usage, result)
    }

    /// Works on a call until an id gets its outcome, but no longer than this.
    pub(crate) async fn next(
        &mut self,
        usage: &mut Usage,
        call: ResourceAny,
        state: &Arc<CallState>,
        wait: Duration,
    ) -> Called<Event> {
        self.refuel(usage)?;
        self.store.data_mut().current = Some(Arc::clone(state));
        let calls = self.plugin.entra_risk_calls();
        let result = calls.call().call_next(&mut self.store, call, Some(in_ms(wait))).await;
        self.store.data_mut().current = None;
        self.account(usage, result)
    }

    /// Ends a call early.
    pub(crate) async fn stop(&mut self, usage: &mut Usage, call: ResourceAny, grace: Option<Duration>) -> Called<()> {
        self.refuel(usage)?;
        let calls = self.plugin.entra_risk_calls();
        let result = calls.call().call_stop(&mut self.store, call, grace.map(in_ms)).await;
        self.account(usage, result)
    }

    /// Drops a call, and abandons its requests.
    pub(crate) async fn close(&mut self, usage: &mut Usage, call: ResourceAny) -> Called<()> {
        self.refuel(usage)?;
        let result = call.resource_drop_async(&mut self.store).await;
        self.account(usage, result)
    }

    /// The size of its linear memory. It never shrinks.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.store.data().memory.bytes
    }

    /// Grants the instructions that a call may still execute. The plugin yields to other tasks of
    /// the runtime meanwhile.
    fn refuel(&mut self, usage: &Usage) -> Called<()> {
        self.store.set_fuel(usage.instructions_left).map_err(|error| error.to_string())
    }

    fn account<T>(&mut self, usage: &mut Usage, result: wasmtime::Result<T>) -> Called<T> {
        usage.instructions_left = self.store.get_fuel().unwrap_or_default();
        usage.requests = usage.requests.saturating_add(self.store.data_mut().outbound.take_requests());
        result.map_err(|error| self.store.data().reason(&error))
    }
}

impl Host {
    fn new(limits: Limits, http_client: Arc<HttpClient>, token_source: Arc<dyn AnyTokenSource>) -> Host {
        Host {
            table: ResourceTable::new(),
            // A clock and random numbers. Nothing is inherited from this process.
            wasi: WasiCtx::builder().build(),
            http: WasiHttpCtx::new(),
            outbound: Outbound::new(http_client),
            token_source,
            pending_token: None,
            orders: watch::channel(()).1,
            open: Vec::new(),
            current: None,
            memory: Memory { bytes: 0, max_bytes: limits.max_memory_bytes, is_exceeded: false },
            max_instructions: limits.max_instructions,
        }
    }

    /// Why the plugin was stopped, in words.
    fn reason(&self, error: &wasmtime::Error) -> String {
        if self.memory.is_exceeded {
            return format!("it needed more than {} bytes of memory", self.memory.max_bytes);
        }
        match error.downcast_ref() {
            Some(Trap::OutOfFuel) => format!("it executed more than {} instructions", self.max_instructions),
            _ => error.root_cause().to_string(),
        }
    }

    /// A text of the token source, without tokens.
    fn clean(&self, text: &str) -> String {
        self.outbound.tokens().redaction().clean(text)
    }

    /// Asks the token source, but returns as soon as an open call has an order, because no other
    /// function of the plugin can be called meanwhile.
    async fn token(&mut self, request: TokenRequest) -> Result<AccessToken, TokenError> {
        let mut token = match self.pending_token.take() {
            Some((pending, token)) if pending == request => token,
            _ => Arc::clone(&self.token_source).get_token(request.clone()),
        };
        loop {
            select! {
                biased;
                result = &mut token => return result,
                Ok(()) = self.orders.changed() => {}
            }
            if self.current.as_ref().is_some_and(|call| call.has_order()) {
                return Err(TokenError::Unavailable(
                    "the call was stopped before the token source returned".to_owned(),
                ));
            }
            if self.open.iter().any(|call| call.has_order()) {
                // The same token is waited for when the plugin asks again: a person may be signing
                // in.
                self.pending_token = Some((request, token));
                return Err(TokenError::Unavailable("the token source has not returned yet".to_owned()));
            }
        }
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
    async fn get_token(&mut self, request: credentials::TokenRequest) -> Result<Credential, credentials::TokenError> {
        let endpoint = request.endpoint.clone();
        // The request is denied when it is sent: it needs no token.
        if self.outbound.allows(&endpoint) {
            let credentials::TokenRequest { tenant, audience, endpoint: to, refresh, claims } = request;
            let request = TokenRequest { tenant, audience, endpoint: to, refresh, claims };
            let token = self.token(request).await.map_err(|error| match error {
                TokenError::Unavailable(text) => credentials::TokenError::Unavailable(self.clean(&text)),
                TokenError::Denied(text) => credentials::TokenError::Denied(self.clean(&text)),
                TokenError::Failed(error) => {
                    self.current.iter().for_each(|call| call.token_source_failed(Arc::clone(&error)));
                    credentials::TokenError::Denied("the token source failed".to_owned())
                }
            })?;
            if !self.outbound.attach(endpoint, token) {
                return Err(credentials::TokenError::Denied("the token does not fit into a header".to_owned()));
            }
        }
        // The host attaches it.
        Ok(Credential { bearer: None })
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let fits = desired <= self.max_bytes;
        if fits {
            self.bytes = desired;
        }
        self.is_exceeded |= !fits;
        Ok(fits)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }
}

/// About a millisecond.
const YIELD_INSTRUCTIONS: u64 = 1_000_000;

/// The plugin's tables are fixed: a few hundred elements.
const MAX_TABLE_ELEMENTS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Proxy, Settings};

    #[tokio::test]
    async fn the_plugin_never_gets_a_token() {
        let settings = Settings { proxy: Proxy::None, ..Settings::default() };
        let token_source = Arc::new(AccessToken::new("canary-of-24-characters!").unwrap());
        let limits = Limits { max_memory_bytes: 0, max_instructions: 0 };
        let mut host = Host::new(limits, Arc::new(HttpClient::new(&settings).unwrap()), token_source);
        let graph = "https://graph.microsoft.com".to_owned();
        let mut redacted = Vec::new();
        for endpoint in ["https://graph.test".to_owned(), graph.clone()] {
            let (tenant, claims) = (None, None);
            let request =
                credentials::TokenRequest { tenant, audience: graph.clone(), endpoint, refresh: false, claims };
            let credential = credentials::Host::get_token(&mut host, request).await;
            assert!(matches!(credential, Ok(Credential { bearer: None })));
            redacted.push(host.clean("canary-of-24-characters!"));
        }
        // It was requested for Microsoft Graph only, and is gone when no call is open.
        host.outbound.forget_tokens();
        redacted.push(host.clean("canary-of-24-characters!"));
        assert_eq!(redacted, ["canary-of-24-characters!", "[token]", "canary-of-24-characters!"]);
    }
}
