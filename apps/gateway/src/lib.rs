//! The gateway of entra-risk: a `wasi:http/incoming-handler` that accepts the requests of the four actions as Microsoft
//! Graph does, from callers with a key instead of a token, and reports the outcome of every id.
//!
//! The steps for a request: `settings` from the environment, `key`, `route`, `body`, the plugin, `response`. The first
//! step that fails determines the response. Callers without the key learn nothing else, and nothing is sent to Microsoft
//! Graph for a request that is not valid.

#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the component serves requests"))]

mod bindings;
mod body;
mod http;
mod key;
mod response;
mod route;
mod settings;

use bindings::wasi::cli::environment::get_environment;
use bindings::wasi::http::types::{IncomingRequest, ResponseOutparam};
use entra_risk_report::Report;
use entra_risk_report::actions::Options;
use response::Response;
use settings::Settings;

/// The component's export.
struct Gateway;

impl bindings::exports::wasi::http::incoming_handler::Guest for Gateway {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        http::send(out, respond(&request).unwrap_or_else(|error| error));
    }
}

/// The response to a request. The error is the response to one that is not valid.
fn respond(request: &IncomingRequest) -> Result<Response, Response> {
    let settings = Settings::parse(get_environment());
    let headers = request.headers();
    key::check(settings.key.as_deref(), &headers.get("authorization"), &headers.get("x-api-key"))?;
    let options = settings.options.map_err(Response::misconfigured)?;
    let path = request.path_with_query().unwrap_or_default();
    let (action, api_version) = route::find(&path, http::is_post(request))?;
    body::check_headers(&headers.get("content-type"), &headers.get("content-length"))?;
    let ids = body::parse(action, &http::read(request)?)?;
    let result = (action.call)(&ids, Some(&Options { api_version, ..options }));
    Ok(Response::report(action, &Report::from(result)))
}
