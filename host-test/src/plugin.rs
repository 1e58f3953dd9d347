//! One instance of the plugin, which can be called repeatedly.

use std::sync::Arc;

use graph_model::Service;
use wasmtime::Store;

use crate::bindings;
use crate::bindings::actions::{Batch, Failure, Options};
use crate::bindings::credentials::{Credential, TokenRequest};
use crate::component::PluginComponent;
use crate::host::{Exchange, Host, Outbound, TokenSource};

/// The token that the plugin gets unless a test supplies another. No output of the plugin may contain it.
pub const CANARY: &str = "eyJjanary.0token-that-must-never-show.0";

/// The four actions, in their order everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// `dismiss-sign-ins`
    DismissSignIns,
    /// `confirm-sign-ins-safe`
    ConfirmSignInsSafe,
    /// `confirm-sign-ins-compromised`
    ConfirmSignInsCompromised,
    /// `dismiss-risky-users`
    DismissRiskyUsers,
}

impl Action {
    /// All four actions.
    pub const ALL: [Action; 4] = [
        Action::DismissSignIns,
        Action::ConfirmSignInsSafe,
        Action::ConfirmSignInsCompromised,
        Action::DismissRiskyUsers,
    ];

    /// The name of the exported function.
    pub fn name(self) -> &'static str {
        match self {
            Action::DismissSignIns => "dismiss-sign-ins",
            Action::ConfirmSignInsSafe => "confirm-sign-ins-safe",
            Action::ConfirmSignInsCompromised => "confirm-sign-ins-compromised",
            Action::DismissRiskyUsers => "dismiss-risky-users",
        }
    }
}

/// An instance of the plugin and its host.
pub struct Plugin {
    store: Store<Host>,
    exports: bindings::Plugin,
}

impl Plugin {
    /// Instantiates the plugin in a host.
    pub async fn new(component: &PluginComponent, host: Host) -> wasmtime::Result<Plugin> {
        let mut store = Store::new(component.pre.engine(), host);
        store.limiter(|host| &mut host.memory);
        let exports = component.pre.instantiate_async(&mut store).await?;
        Ok(Plugin { store, exports })
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

    /// Performs an action.
    ///
    /// # Errors
    /// The outer error is a trap, after which the instance is unusable; the inner one is the plugin's report.
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
        }
    }

    /// Every request of this instance, in the order it was sent.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.store.data().exchanges()
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

/// Returns [`CANARY`] for every token request.
pub fn canary() -> TokenSource {
    Box::new(|_| Ok(Credential::Bearer(CANARY.into())))
}
