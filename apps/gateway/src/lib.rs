//! entra-risk as a gateway: a `wasi:http/incoming-handler` that takes the requests of the four actions as Microsoft
//! Graph does, from callers that hold a key instead of a token, and answers with what became of every id.
//!
//! A request goes this way: [`settings`] from the environment, [`key`], [`route`], [`body`], the plugin, [`answer`].
//! Each step is taken only where the one before let the request pass, so that nobody without the key learns anything,
//! and nothing is sent for a request that is not in order.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use entra_risk_account::Account;
use entra_risk_account::actions::Options;

pub mod answer;
mod bindings;
pub mod body;
mod http;
pub mod key;
pub mod route;
pub mod settings;

use answer::Answer;
use bindings::wasi::cli::environment::get_environment;
use bindings::wasi::http::types::{IncomingRequest, ResponseOutparam};
use settings::Settings;

/// The component's export.
struct Gateway;

impl bindings::exports::wasi::http::incoming_handler::Guest for Gateway {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        http::send(out, respond(&request).unwrap_or_else(|refusal| refusal));
    }
}

/// The answer; the error is the answer of a request that is not in order.
fn respond(request: &IncomingRequest) -> Result<Answer, Answer> {
    let settings = Settings::of(get_environment());
    let headers = request.headers();
    key::check(settings.key.as_deref(), &headers.get("authorization"), &headers.get("x-api-key"))?;
    let options = settings.options.map_err(|variable| answer::misconfigured(&variable))?;
    let path = request.path_with_query().unwrap_or_default();
    let (action, api_version) = route::find(&path, http::is_post(request))?;
    body::check_head(&headers.get("content-type"), &headers.get("content-length"))?;
    let ids = body::ids(action, &http::read(request)?)?;
    let answer = (action.call)(&ids, Some(&Options { api_version, ..options }));
    Ok(answer::account(action, &Account::of(answer)))
}
