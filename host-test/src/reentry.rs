//! Calls into the plugin or the reader from within its own `get-token`. This embedding of wasmtime
//! lets them in, as wasmtime-py and jco do; the contract permits `stop` there, and has everything
//! else trap.

use std::sync::Arc;

use wasmtime::StoreContextMut;

use crate::bindings::calls::{Action, Call};
use crate::bindings::queries::{Collection, Query};
use crate::bindings::{Plugin, Reader};

/// What a host does with an open call or query while a token is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reentry {
    /// `stop`, with this grace. It takes effect.
    Stop(Option<u32>),
    /// `next`. It traps.
    Next,
    /// `report`. It traps.
    Report,
    /// A drop of the call or query. It traps.
    Drop,
    /// `start` of another one. It traps.
    Start,
    /// `dismiss-risky-users`. It traps.
    Function,
}

/// A call into an instance that waits for a token request.
pub(crate) struct PlannedReentry {
    pub(crate) into: Into,
    pub(crate) reentry: Reentry,
    /// Token requests that come before.
    pub(crate) skipped: usize,
}

/// What is called.
pub(crate) enum Into {
    Call(Arc<Plugin>, Call),
    Query(Arc<Reader>, Query),
}

impl PlannedReentry {
    /// Makes the call.
    ///
    /// # Errors
    /// The trap that it causes.
    pub(crate) async fn perform<T: Send>(self, store: &mut StoreContextMut<'_, T>) -> wasmtime::Result<()> {
        let reentry = self.reentry;
        let (exports, call) = match self.into {
            Into::Call(exports, call) => (exports, call),
            Into::Query(exports, query) => {
                let queries = exports.entra_risk_queries().query();
                return match reentry {
                    Reentry::Next => queries.call_next(store, query, Some(0)).await.map(drop),
                    Reentry::Drop => query.resource_drop_async(store).await,
                    Reentry::Start => queries.call_start(store, Collection::SignIns, None, None).await.map(drop),
                    reentry => panic!("a query has no {reentry:?}"),
                };
            }
        };
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
