//! An instance of the plugin, and what its calls may take up.

use std::sync::Arc;
use std::time::Duration;

use entra_risk_engine::contract::action::ServiceLimit;
use tokio::sync::watch;
use tokio::time::Instant;
use wasmtime::component::ResourceAny;
use wasmtime::{Engine, Store};

use crate::asker::Asker;
use crate::bindings::actions::Options;
use crate::bindings::calls::{Action, Event};
use crate::bindings::{Plugin, PluginPre};
use crate::call_state::CallState;
use crate::conversion::in_ms;
use crate::host::{Host, Limits};

/// An instance of the plugin. Once a function has failed, it cannot be used again.
pub(crate) struct Instance {
    store: Store<Host>,
    plugin: Plugin,
}

/// What a call has taken up so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    max_instructions: u64,
    instructions_left: u64,
    /// Requests that the call has sent.
    pub(crate) requests: u32,
}

/// The result of a function of the plugin, or in words why the plugin was stopped.
type Called<T> = Result<T, String>;

impl Usage {
    /// The usage of a call that has not begun.
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
    pub(crate) async fn new(plugin: &PluginPre<Host>, limits: Limits, host: Host) -> Result<Instance, String> {
        let mut store = store(plugin.engine(), limits, host)?;
        match plugin.instantiate_async(&mut store).await {
            Ok(plugin) => Ok(Instance { store, plugin }),
            Err(error) => Err(store.data().reason(&error)),
        }
    }

    /// Tells the instance which calls are open, and where they announce orders. Without any open
    /// call, it forgets every token.
    pub(crate) fn attend(&mut self, open: Vec<Arc<CallState>>, orders: &watch::Receiver<()>) {
        let open = open.into_iter().map(|call| call as Arc<dyn Asker>).collect();
        self.store.data_mut().attend(open, orders);
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
        self.charge(usage, result)
    }

    /// Works on a call until an id has its outcome, but no longer than `wait`.
    pub(crate) async fn next(
        &mut self,
        usage: &mut Usage,
        call: ResourceAny,
        state: &Arc<CallState>,
        wait: Duration,
    ) -> Called<Event> {
        self.refuel(usage)?;
        self.store.data_mut().current = Some(Arc::clone(state) as Arc<dyn Asker>);
        let calls = self.plugin.entra_risk_calls();
        let result = calls.call().call_next(&mut self.store, call, Some(in_ms(wait))).await;
        self.store.data_mut().current = None;
        self.charge(usage, result)
    }

    /// Ends a call early.
    pub(crate) async fn stop(&mut self, usage: &mut Usage, call: ResourceAny, grace: Option<Duration>) -> Called<()> {
        self.refuel(usage)?;
        let calls = self.plugin.entra_risk_calls();
        let result = calls.call().call_stop(&mut self.store, call, grace.map(in_ms)).await;
        self.charge(usage, result)
    }

    /// Drops a call, and abandons its requests.
    pub(crate) async fn close(&mut self, usage: &mut Usage, call: ResourceAny) -> Called<()> {
        self.refuel(usage)?;
        let result = call.resource_drop_async(&mut self.store).await;
        self.charge(usage, result)
    }

    /// When a new call may send its first request, because of lists. `None`: now.
    pub(crate) fn may_send_at(&self, limit: ServiceLimit, window: Duration) -> Option<Instant> {
        self.store.data().outbound.may_send_at(limit, window)
    }

    /// The size of the instance's linear memory, which never shrinks.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.store.data().memory.bytes
    }

    /// Grants the instructions that a call may still execute. The plugin yields to other tasks of
    /// the runtime meanwhile.
    fn refuel(&mut self, usage: &Usage) -> Called<()> {
        self.store.set_fuel(usage.instructions_left).map_err(|error| error.to_string())
    }

    /// Charges the call with what a function of the plugin has taken up.
    fn charge<T>(&mut self, usage: &mut Usage, result: wasmtime::Result<T>) -> Called<T> {
        usage.instructions_left = self.store.get_fuel().unwrap_or_default();
        usage.requests = usage.requests.saturating_add(self.store.data_mut().outbound.take_requests());
        result.map_err(|error| self.store.data().reason(&error))
    }
}

/// A store for an instance that may take up this much. The error is the reason in words.
pub(crate) fn store(engine: &Engine, limits: Limits, host: Host) -> Result<Store<Host>, String> {
    let mut store = Store::new(engine, host);
    store.limiter(|host| &mut host.memory);
    store
        .set_fuel(limits.max_instructions)
        .and_then(|()| store.fuel_async_yield_interval(Some(YIELD_INSTRUCTIONS)))
        .map_err(|error| error.to_string())?;
    Ok(store)
}

/// How many instructions the plugin executes before it yields to other tasks of the runtime: about
/// a millisecond of them.
const YIELD_INSTRUCTIONS: u64 = 1_000_000;
