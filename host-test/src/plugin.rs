//! One instance of the plugin, to be called again and again.

use std::sync::Arc;

use wasmtime::Store;

use crate::bindings;
use crate::bindings::actions::{Failure, Options, Receipt};
use crate::bindings::credentials::{Credential, TokenRequest};
use crate::engine::Engine;
use crate::exchange::Service;
use crate::host::{Exchange, Host, TokenSource, Way};

/// The token that the plugin gets unless a test says otherwise. It must never turn up in what the plugin says.
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
    /// All four.
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

/// An instance of the plugin and the host that it sees.
pub struct Plugin {
    store: Store<Host>,
    exports: bindings::Plugin,
}

impl Plugin {
    /// Instantiates the plugin in a host.
    pub async fn new(engine: &Engine, host: Host) -> wasmtime::Result<Plugin> {
        let mut store = Store::new(engine.plugin.engine(), host);
        store.limiter(|host| &mut host.memory);
        let exports = engine.plugin.instantiate_async(&mut store).await?;
        Ok(Plugin { store, exports })
    }

    /// The plugin before a service in this process, with [`CANARY`] as its token.
    ///
    /// # Panics
    /// Where the component does not load.
    pub async fn before(service: Arc<dyn Service>) -> Plugin {
        Plugin::with(Way::Stub(service), canary()).await
    }

    /// The plugin with another way for its requests or another source of tokens.
    ///
    /// # Panics
    /// Where the component does not load.
    pub async fn with(way: Way, token_source: TokenSource) -> Plugin {
        let host = Host::new(way, token_source, 0);
        Plugin::new(Engine::shared(), host)
            .await
            .unwrap_or_else(|error| panic!("the component does not start: {error:?}"))
    }

    /// Performs an action.
    ///
    /// # Errors
    /// The outer error is a trap, and the instance is lost; the inner one is the plugin's account.
    pub async fn call(
        &mut self,
        action: Action,
        ids: &[String],
        options: Option<&Options>,
    ) -> wasmtime::Result<Result<Vec<Receipt>, Failure>> {
        let (store, actions) = (&mut self.store, self.exports.entra_risk_actions());
        match action {
            Action::DismissSignIns => actions.call_dismiss_sign_ins(store, ids, options).await,
            Action::ConfirmSignInsSafe => actions.call_confirm_sign_ins_safe(store, ids, options).await,
            Action::ConfirmSignInsCompromised => actions.call_confirm_sign_ins_compromised(store, ids, options).await,
            Action::DismissRiskyUsers => actions.call_dismiss_risky_users(store, ids, options).await,
        }
    }

    /// Every request that left this instance, in the order it sent them.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.store.data().exchanges()
    }

    /// Every request for a token that this instance made.
    pub fn token_requests(&self) -> &[TokenRequest] {
        &self.store.data().token_requests
    }

    /// The size of the instance's linear memory in bytes, which never shrinks.
    pub fn memory(&self) -> usize {
        self.store.data().memory.0
    }
}

/// Gives [`CANARY`], whatever is asked.
pub fn canary() -> TokenSource {
    Box::new(|_| Ok(Credential::Bearer(CANARY.into())))
}
