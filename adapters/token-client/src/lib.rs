//! What the token adapters share that request tokens over HTTP: where a token may be sent, a cache, requests to a token
//! endpoint with their retries, and the responses.
//!
//! An adapter describes one request to its token endpoint, as an [`Exchange`], and leaves the rest to [`provide`]:
//!
//! ```text
//! get-token ── provide ── may the token be sent there? ── cached? ── describe ── send, judge, wait, send again
//!              (here)     (engine: destination)           (cache)    (adapter)   (exchange, http, response)
//! ```
//!
//! The messages of errors contain no secret: only fixed texts, known error codes and host names.

#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the components send requests"))]

mod application;
pub mod bindings;
mod cache;
mod environment;
mod exchange;
mod form;
mod http;
mod response;

use std::cell::RefCell;

use entra_risk_adapter_common::destination;

pub use application::{Application, ClientCredential, advice};
pub use bindings::exports::entra::risk::credentials::{Credential, Guest, TokenError, TokenRequest};
use bindings::wasi::clocks::monotonic_clock;
use cache::Cache;
pub use environment::Environment;
pub use exchange::{Exchange, Issuer};

thread_local! {
    static CACHE: RefCell<Cache> = const { RefCell::new(Cache::new()) };
}

/// Returns a token for a request of the plugin: a cached one, or the response to what `describe` returns.
///
/// # Errors
/// `denied` if the token must not be sent to the endpoint of the request, and the error of `describe` or of the exchange.
pub fn provide(
    request: &TokenRequest,
    describe: impl FnOnce(&Environment) -> Result<Exchange, TokenError>,
) -> Result<Credential, TokenError> {
    let environment = Environment::read();
    let listed = environment.get(destination::VARIABLE).unwrap_or_default();
    destination::check(&request.endpoint, &request.audience, listed).map_err(TokenError::Denied)?;
    let fetch = || describe(&environment)?.run();
    let token = CACHE.with_borrow_mut(|cache| cache.token(request, monotonic_clock::now(), fetch))?;
    Ok(Credential { bearer: Some(token) })
}
