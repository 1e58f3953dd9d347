//! Calls into the plugin from within its own `get-token`. This embedding of wasmtime lets them in,
//! as wasmtime-py and jco do; the contract permits `stop` there, and has everything else trap.

use std::sync::Arc;

use wasmtime::StoreContextMut;

use crate::bindings::Plugin;
use crate::bindings::calls::{Action, Call};

/// What a host does with an open call while the plugin asks for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reentry {
    /// `stop`, with this grace. It takes effect.
    Stop(Option<u32>),
    /// `next`. It traps.
    Next,
    /// `report`. It traps.
    Report,
    /// A drop of the call. It traps.
    Drop,
    /// `start` of another call. It traps.
    Start,
    /// `dismiss-risky-users`. It traps.
    Function,
}

/// A call into the plugin that waits for a token request.
pub(crate) struct PlannedReentry {
    pub(crate) exports: Arc<Plugin>,
    pub(crate) call: Call,
    pub(crate) reentry: Reentry,
    /// Token requests that come before.
    pub(crate) skipped: usize,
}

impl PlannedReentry {
    /// Makes the call.
    ///
    /// # Errors
    /// The trap that it causes.
    pub(crate) async fn perform<T: Send>(self, store: &mut StoreContextMut<'_, T>) -> wasmtime::Result<()> {
        let PlannedReentry { exports, call, reentry, .. } = self;
        let calls = exports.entra_risk_calls().call();
        match reentry {
            Reentry::Stop(grace_ms) => calls.call_stop(store, call, grace_ms).await,
            Reentry::Next => calls.call_next(store, call, Some(0)).await.map(drop),
            Reentry::Report => calls.call_report(store, call).await.map(drop),
            Reentry::Drop => call.resource_drop_async(store).await,
            Reentry::Start => calls.call_start(store, Action::DismissRiskyUsers, &[], None).await.map(drop),
            Reentry::Function => {
                exports.entra_risk_actions().call_dismiss_risky_users(store, &[], None).await.map(drop)
            }
        }
    }
}
