//! One instance of the plugin, which can be called repeatedly.

use std::sync::Arc;
use std::time::Duration;

use graph_model::Service;
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

use crate::bindings;
use crate::bindings::actions::{Batch, Failure, Options};
pub use crate::bindings::calls::Action;
use crate::bindings::calls::{Call, Event};
use crate::bindings::credentials::{Credential, TokenRequest};
use crate::component::PluginComponent;
use crate::host::{Host, Outbound, RecordedExchange, TokenSource};
use crate::reentry::{Into, PlannedReentry, Reentry};

/// The token that the plugin gets unless a test supplies another. No output of the plugin may
/// contain it.
pub const CANARY: &str = "eyJjanary.0token-that-must-never-show.0";

/// An instance of the plugin and its host.
pub struct Plugin {
    store: Store<Host>,
    exports: Arc<bindings::Plugin>,
}

impl Plugin {
    /// Instantiates the plugin in a host.
    pub async fn new(component: &PluginComponent, host: Host) -> wasmtime::Result<Plugin> {
        let mut store = Store::new(component.pre.engine(), host);
        store.limiter(|host| &mut host.memory);
        let exports = component.pre.instantiate_async(&mut store).await?;
        Ok(Plugin { store, exports: Arc::new(exports) })
    }

    /// The plugin with a service in this process, and with [`CANARY`] as its token.
    ///
    /// # Panics
    /// If the plugin does not load.
    pub async fn before(service: Arc<dyn Service>) -> Plugin {
        Plugin::with(Outbound::InProcess(service), canary()).await
    }

    /// The plugin with any destination of its requests and any source of tokens.
    ///
    /// # Panics
    /// If the plugin does not load.
    pub async fn with(outbound: Outbound, token_source: TokenSource) -> Plugin {
        let host = Host::new(outbound, token_source, 0);
        Plugin::new(PluginComponent::shared(), host)
            .await
            .unwrap_or_else(|error| panic!("the plugin does not start: {error:?}"))
    }

    /// Performs one of the four actions of [`Action::FUNCTIONS`] through its function.
    ///
    /// # Errors
    /// The outer error is a trap, after which the instance is unusable; the inner one is the
    /// plugin's report.
    ///
    /// # Panics
    /// If the action has no function.
    pub async fn call(
        &mut self,
        action: Action,
        ids: &[String],
        options: Option<&Options>,
    ) -> wasmtime::Result<Result<Vec<Batch>, Failure>> {
        let (store, actions) = (&mut self.store, self.exports.entra_risk_actions());
        match action {
            Action::DismissSignIns => actions.call_dismiss_sign_ins(store, ids, options).await,
            Action::ConfirmSignInsSafe => actions.call_confirm_sign_ins_safe(store, ids, options).await,
            Action::ConfirmSignInsCompromised => actions.call_confirm_sign_ins_compromised(store, ids, options).await,
            Action::DismissRiskyUsers => actions.call_dismiss_risky_users(store, ids, options).await,
            _ => panic!("{} is not a function", action.name()),
        }
    }

    /// Starts a call of any action.
    ///
    /// # Errors
    /// The outer error is a trap; the inner one is the plugin's, about an argument.
    pub async fn start(
        &mut self,
        action: Action,
        ids: &[String],
        options: Option<&Options>,
    ) -> wasmtime::Result<Result<Call, String>> {
        self.exports.entra_risk_calls().call().call_start(&mut self.store, action, ids, options).await
    }

    /// Works on a call until something ended, but no longer than this.
    ///
    /// # Errors
    /// A trap.
    pub async fn next(&mut self, call: Call, wait_ms: Option<u32>) -> wasmtime::Result<Event> {
        self.exports.entra_risk_calls().call().call_next(&mut self.store, call, wait_ms).await
    }

    /// Ends a call.
    ///
    /// # Errors
    /// A trap.
    pub async fn stop(&mut self, call: Call, grace_ms: Option<u32>) -> wasmtime::Result<()> {
        self.exports.entra_risk_calls().call().call_stop(&mut self.store, call, grace_ms).await
    }

    /// The outcomes of a call so far.
    ///
    /// # Errors
    /// A trap.
    pub async fn report(&mut self, call: Call) -> wasmtime::Result<Vec<Batch>> {
        self.exports.entra_risk_calls().call().call_report(&mut self.store, call).await
    }

    /// Drops a call, which abandons its requests in flight.
    ///
    /// # Errors
    /// A trap.
    pub async fn drop_call(&mut self, call: Call) -> wasmtime::Result<()> {
        call.resource_drop_async(&mut self.store).await
    }

    /// Plans a use of a call from within a token request, after `skipped` others.
    pub fn reenter(&mut self, call: Call, reentry: Reentry, skipped: usize) {
        let exports = Arc::clone(&self.exports);
        self.store.data_mut().reentry = Some(PlannedReentry { into: Into::Call(exports, call), reentry, skipped });
    }

    /// Performs any action as a call, with one `next` after the other, each as long as `wait_ms`,
    /// and drops the call.
    ///
    /// # Errors
    /// The outer error is a trap; the inner one is the plugin's, about an argument.
    pub async fn drive(
        &mut self,
        action: Action,
        ids: &[String],
        options: Option<&Options>,
        wait_ms: Option<u32>,
    ) -> wasmtime::Result<Result<Driven, String>> {
        let call = match self.start(action, ids, options).await? {
            Ok(call) => call,
            Err(message) => return Ok(Err(message)),
        };
        let mut events = Vec::new();
        loop {
            let event = self.next(call, wait_ms).await?;
            let is_over = matches!(event, Event::Over(_));
            events.push((self.now(), event));
            if is_over {
                break;
            }
        }
        let report = self.report(call).await?;
        self.drop_call(call).await?;
        Ok(Ok(Driven { events, report }))
    }

    /// The time since the host's start, on its monotonic clock.
    pub fn now(&self) -> Duration {
        self.store.data().now()
    }

    /// Makes the host fail the next requests with these errors, one each.
    pub fn fail_next(&self, errors: impl IntoIterator<Item = ErrorCode>) {
        self.store.data().fail_next(errors);
    }

    /// Every request of this instance, in the order it was sent.
    pub fn exchanges(&self) -> Vec<RecordedExchange> {
        self.store.data().exchanges()
    }

    /// The times between the requests of this instance, in milliseconds.
    pub fn gaps_ms(&self) -> Vec<u128> {
        let sent: Vec<Duration> = self.exchanges().iter().map(|exchange| exchange.sent).collect();
        sent.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect()
    }

    /// Every request of this instance for a token.
    pub fn token_requests(&self) -> &[TokenRequest] {
        &self.store.data().token_requests
    }

    /// The size of the instance's linear memory in bytes. It never shrinks.
    pub fn memory(&self) -> usize {
        self.store.data().memory.size
    }
}

/// A call that was driven to its end.
#[derive(Debug, Clone)]
pub struct Driven {
    /// What each `next` returned, and when. The last one is `over`.
    pub events: Vec<(Duration, Event)>,
    /// The report after that.
    pub report: Vec<Batch>,
}

/// Returns [`CANARY`] for every token request.
pub fn canary() -> TokenSource {
    Box::new(|_| Ok(Credential::of(CANARY)))
}
