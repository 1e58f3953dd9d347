//! What an instance of a component is linked to: WASI, the requests, and the tokens that it never
//! sees.

use std::sync::Arc;

use tokio::select;
use tokio::sync::watch;
use wasmtime::{ResourceLimiter, Trap};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::asker::Asker;
use crate::bindings::credentials::{self, Credential};
use crate::outbound::{HttpClient, Outbound};
use crate::sends::Sender;
use crate::token::{AnyTokenSource, FutureToken};
use crate::{AccessToken, TokenError, TokenRequest};

/// The imports of an instance, and what they share.
pub(crate) struct Host {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    pub(crate) outbound: Outbound,
    token_source: Arc<dyn AnyTokenSource>,
    /// A token that an asker stopped waiting for, because another one had an order.
    pending_token: Option<(TokenRequest, FutureToken)>,
    /// Changes whenever an open call or list has an order, or another call has come.
    orders: watch::Receiver<()>,
    /// The open calls or lists, whose orders must not wait for a token.
    open: Vec<Arc<dyn Asker>>,
    /// The one whose `next` runs.
    pub(crate) current: Option<Arc<dyn Asker>>,
    pub(crate) memory: Memory,
    max_instructions: u64,
}

/// The limits of an instance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The linear memory that the instance may take up.
    pub(crate) max_memory_bytes: usize,
    /// The WebAssembly instructions that each call may execute.
    pub(crate) max_instructions: u64,
}

/// The linear memory of an instance.
pub(crate) struct Memory {
    pub(crate) bytes: usize,
    max_bytes: usize,
    /// Whether the plugin needed more than `max_bytes`.
    is_exceeded: bool,
}

impl Host {
    pub(crate) fn new(
        limits: Limits,
        http_client: Arc<HttpClient>,
        sender: Sender,
        token_source: Arc<dyn AnyTokenSource>,
    ) -> Host {
        Host {
            table: ResourceTable::new(),
            // A clock and random numbers. Nothing is inherited from this process.
            wasi: WasiCtx::builder().build(),
            http: WasiHttpCtx::new(),
            outbound: Outbound::new(http_client, sender),
            token_source,
            pending_token: None,
            orders: watch::channel(()).1,
            open: Vec::new(),
            current: None,
            memory: Memory { bytes: 0, max_bytes: limits.max_memory_bytes, is_exceeded: false },
            max_instructions: limits.max_instructions,
        }
    }

    /// Notes which calls or lists are open, and where they announce orders. Without any, every
    /// token is forgotten.
    pub(crate) fn attend(&mut self, open: Vec<Arc<dyn Asker>>, orders: &watch::Receiver<()>) {
        if open.is_empty() {
            self.outbound.forget_tokens();
            self.pending_token = None;
        }
        self.open = open;
        self.orders = orders.clone();
    }

    /// Why the plugin was stopped, in words.
    pub(crate) fn reason(&self, error: &wasmtime::Error) -> String {
        if self.memory.is_exceeded {
            return format!("it needed more than {} bytes of memory", self.memory.max_bytes);
        }
        match error.downcast_ref() {
            Some(Trap::OutOfFuel) => format!("it executed more than {} instructions", self.max_instructions),
            _ => error.root_cause().to_string(),
        }
    }

    /// Removes tokens from a text of the token source.
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
                // When the plugin asks again, it waits for the same token: a person may be signing
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
        // A request to an endpoint that is not allowed is denied when it is sent: it needs no
        // token.
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

/// The plugin's tables are fixed: a few hundred elements.
const MAX_TABLE_ELEMENTS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sends::Sends;
    use crate::{Proxy, Settings};

    #[tokio::test]
    async fn the_plugin_never_gets_a_token() {
        let settings = Settings { proxy: Proxy::None, ..Settings::default() };
        let token_source = Arc::new(AccessToken::new("canary-of-24-characters!").unwrap());
        let limits = Limits { max_memory_bytes: 0, max_instructions: 0 };
        let http_client = Arc::new(HttpClient::new(&settings).unwrap());
        let mut host = Host::new(limits, http_client, Sends::default().sender(&None), token_source);
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
