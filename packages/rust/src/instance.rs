//! An instance of the plugin, with its limits.

use std::sync::Arc;

use wasmtime::{ResourceLimiter, Store, Trap};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::action::Action;
use crate::bindings::actions::{Batch, Failure, Options};
use crate::bindings::credentials::{self, Credential, TokenError, TokenRequest};
use crate::bindings::{Plugin, PluginPre};
use crate::outbound::{HttpClient, Outbound, Sent};
use crate::token::AnyTokenSource;

/// An instance of the plugin. It can be called repeatedly until a call of it is stopped or abandoned.
pub(crate) struct Instance {
    store: Store<Host>,
    plugin: Plugin,
}

/// The limits of an instance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_memory_bytes: usize,
    pub(crate) max_instructions: u64,
}

/// What an instance is linked to.
pub(crate) struct Host {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    token_source: Arc<dyn AnyTokenSource>,
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

/// The end of a call: its result, or why the plugin was stopped.
pub(crate) type Ended = Result<Result<Vec<Batch>, Failure>, String>;

impl Instance {
    /// Instantiates the plugin. The error is the reason in words.
    pub(crate) async fn new(
        plugin: &PluginPre<Host>,
        limits: Limits,
        http_client: Arc<HttpClient>,
        token_source: Arc<dyn AnyTokenSource>,
    ) -> Result<Instance, String> {
        let Limits { max_memory_bytes, max_instructions } = limits;
        let host = Host {
            table: ResourceTable::new(),
            // A clock and random numbers. Nothing is inherited from this process.
            wasi: WasiCtx::builder().build(),
            http: WasiHttpCtx::new(),
            outbound: Outbound::new(http_client),
            token_source,
            memory: Memory { bytes: 0, max_bytes: max_memory_bytes, is_exceeded: false },
            max_instructions,
        };
        let mut store = Store::new(plugin.engine(), host);
        store.limiter(|host| &mut host.memory);
        refuel(&mut store)?;
        match plugin.instantiate_async(&mut store).await {
            Ok(plugin) => Ok(Instance { store, plugin }),
            Err(error) => Err(store.data().reason(&error)),
        }
    }

    /// Performs an action. After an error the instance cannot be called again.
    pub(crate) async fn call(&mut self, action: Action, ids: &[String], options: &Options) -> (Ended, Sent) {
        let (store, actions, options) = (&mut self.store, self.plugin.entra_risk_actions(), Some(options));
        let ended = match refuel(store) {
            Err(reason) => Err(reason),
            Ok(()) => match action {
                Action::DismissSignIns => actions.call_dismiss_sign_ins(&mut *store, ids, options).await,
                Action::ConfirmSignInsSafe => actions.call_confirm_sign_ins_safe(&mut *store, ids, options).await,
                Action::ConfirmSignInsCompromised => {
                    actions.call_confirm_sign_ins_compromised(&mut *store, ids, options).await
                }
                Action::DismissRiskyUsers => actions.call_dismiss_risky_users(&mut *store, ids, options).await,
            }
            .map_err(|error| store.data().reason(&error)),
        };
        (ended, store.data_mut().outbound.finish())
    }

    /// Instructions of the latest call.
    pub(crate) fn instructions(&self) -> u64 {
        self.store.data().max_instructions.saturating_sub(self.store.get_fuel().unwrap_or_default())
    }

    /// The size of its linear memory. It never shrinks.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.store.data().memory.bytes
    }
}

impl Host {
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
    async fn get_token(&mut self, request: TokenRequest) -> Result<Credential, TokenError> {
        let endpoint = request.endpoint.clone();
        // The request is denied when it is sent: it needs no token.
        if self.outbound.allows(&endpoint) {
            let token = self.token_source.get_token(request.into()).await?;
            if !self.outbound.attach(endpoint, token) {
                return Err(TokenError::Denied("the token does not fit into a header".to_owned()));
            }
        }
        Ok(Credential::AttachedByHost)
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

/// Grants the instructions of a call. The plugin yields to other tasks of the runtime while it executes them.
fn refuel(store: &mut Store<Host>) -> Result<(), String> {
    let instructions = store.data().max_instructions;
    store
        .set_fuel(instructions)
        .and_then(|()| store.fuel_async_yield_interval(Some(YIELD_INSTRUCTIONS)))
        .map_err(|error| error.to_string())
}

/// About a millisecond.
const YIELD_INSTRUCTIONS: u64 = 1_000_000;

/// The plugin's tables are fixed: a few hundred elements.
const MAX_TABLE_ELEMENTS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccessToken, Proxy, Settings};

    #[tokio::test]
    async fn the_plugin_never_gets_a_token() {
        let settings = Settings { proxy: Proxy::None, ..Settings::default() };
        let mut host = Host {
            table: ResourceTable::new(),
            wasi: WasiCtx::builder().build(),
            http: WasiHttpCtx::new(),
            outbound: Outbound::new(Arc::new(HttpClient::new(&settings).unwrap())),
            token_source: Arc::new(AccessToken::new("canary").unwrap()),
            memory: Memory { bytes: 0, max_bytes: 0, is_exceeded: false },
            max_instructions: 0,
        };
        let graph = "https://graph.microsoft.com".to_owned();
        for endpoint in [graph.clone(), "https://graph.test".to_owned()] {
            let request =
                TokenRequest { tenant: None, audience: graph.clone(), endpoint, refresh: false, claims: None };
            let credential = credentials::Host::get_token(&mut host, request).await;
            assert!(matches!(credential, Ok(Credential::AttachedByHost)));
        }
        // It was requested once, for Microsoft Graph, and is gone after the call.
        assert_eq!(host.outbound.finish().tokens, [AccessToken::new("canary").unwrap()]);
        assert!(host.outbound.finish().tokens.is_empty());
    }
}
