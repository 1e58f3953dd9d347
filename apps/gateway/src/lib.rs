//! The gateway of entra-risk: a `wasi:http/incoming-handler` that accepts the requests of the
//! actions as Microsoft Graph does, from callers with a key instead of a token, and reports the
//! outcome of every id.
//!
//! The steps for a request: `settings` from the environment, `probe`, `key`, `route`, `body`, the
//! `caller`'s `reason`, `protection` and `capacity`, the plugin, and a `response` in one piece or
//! in the lines of `ndjson`. For `mcp`, the body names the action. The first step that fails
//! determines the response. Callers without a key learn only what the probes and the description
//! report, and cannot make the gateway work: what it does before it knows the key is bounded,
//! however many and long the headers are. Nothing is sent to Microsoft Graph for a request that is
//! not valid, and nothing before the `audit` record that the call has started. The record of an id
//! is in the log as soon as the id has its outcome: a caller that closes the connection loses the
//! response, not the record.

#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the component serves requests"))]

mod audit;
mod bindings;
mod body;
mod body_headers;
mod caller;
mod capacity;
mod effect;
mod http;
mod key;
mod log;
mod mcp;
mod ndjson;
mod preference;
mod probe;
mod protection;
mod reason;
mod rejections;
mod request_id;
mod response;
mod route;
mod settings;

use audit::Audit;
use bindings::wasi::cli::environment::get_environment;
use bindings::wasi::http::types::{IncomingRequest, ResponseOutparam};
use body_headers::{MAX_BODY_BYTES, MAX_STREAMED_BODY_BYTES};
use caller::{Caller, record_start, report};
use entra_risk_common::actions::Options;
use entra_risk_common::calls::Call;
use key::Sent;
use response::Response;
use settings::Settings;

/// The implementation of the component's export.
struct Gateway;

impl bindings::exports::wasi::http::incoming_handler::Guest for Gateway {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let start = log::Instant::now();
        let path = request.path_with_query().unwrap_or_default();
        let settings = Settings::parse(&get_environment());
        if let Err(problems) = &settings {
            log::write_problems_once(problems);
        }
        let probe = probe::find(&path, http::is_get_or_head(&request), &settings, log::is_writable);
        match probe {
            Some(response) => http::send(out, response),
            None => serve(&request, out, &path, &settings, start),
        }
    }
}

/// How a request with a valid key is answered.
enum Reply {
    /// In one piece.
    Whole(Response),
    /// With the outcomes of this call, which has just started, as they come.
    Streamed(Call),
}

/// Serves and logs a request that is not a probe.
fn serve(
    request: &IncomingRequest,
    out: ResponseOutparam,
    path: &str,
    settings: &Result<Settings, Vec<String>>,
    start: log::Instant,
) {
    let headers = http::headers(request);
    let sent = Sent::only(&headers.authorization, &headers.api_key);
    let request_id = match settings {
        Ok(settings) => request_id::choose(&headers.request_id, &settings.keys, sent.as_ref(), log::random_id),
        // The id of the caller may be a key, and the keys are not known.
        Err(_) => log::random_id(),
    };
    let mut audit = Audit::new(&request_id);
    let response = match respond(request, sent.as_ref(), path, settings, &mut audit) {
        Ok(Reply::Streamed(call)) => return ndjson::send(out, &call, &mut audit, start),
        Ok(Reply::Whole(response)) | Err(response) => response,
    };
    let line = audit.request(&log::time(), "request", response.logged_status, response.code, start.elapsed_ms());
    if audit.key.is_some() {
        log::write([line]);
    } else {
        log::write_rejection(line);
    }
    http::send(out, response.with_header("x-request-id", request_id));
}

/// Performs the action of a request, or starts it if its outcomes are streamed. The error is the
/// response to a request that is rejected.
fn respond<'a>(
    request: &IncomingRequest,
    sent: Option<&Sent<'_>>,
    path: &str,
    settings: &'a Result<Settings, Vec<String>>,
    audit: &mut Audit<'a>,
) -> Result<Reply, Response> {
    let route = route::find(path);
    audit.action = route.as_ref().ok().map(|(action, _)| *action);
    let settings = settings.as_ref().map_err(|problems| Response::misconfigured(problems))?;
    let key = key::find(&settings.keys, sent)?;
    audit.key = Some(&key.name);
    let caller = Caller { request, settings, key, sent };
    let (action, api_version) = match route {
        Ok(route) => route,
        Err(_) if route::is_mcp(path) => {
            check_method(request)?;
            return mcp::serve(&caller, audit).map(Reply::Whole);
        }
        Err(response) => return Err(response),
    };
    check_method(request)?;
    if !caller.permits(action) {
        let message = format!(
            "The key '{}' does not permit {}: its entry in GATEWAY_KEYS must name the action.",
            key.name, action.definition.name
        );
        return Err(Response::error(403, "forbidden", &message));
    }
    let is_streamed = ndjson::is_accepted(&http::header(request, "accept"));
    let max_bytes = if is_streamed { MAX_STREAMED_BODY_BYTES } else { MAX_BODY_BYTES };
    let body = body::parse(action, &http::read(request, max_bytes)?)?;
    caller.admit(audit, action, &body, is_streamed)?;
    record_start(audit, &body.ids)?;
    let options = caller.options(api_version);
    if is_streamed {
        let call = Call::start(action.id, &body.ids, Some(&Options { deadline_ms: None, ..options }));
        return call.map(Reply::Streamed).map_err(|_| Response::rejected_by_the_plugin());
    }
    let is_strict = preference::is_strict(&http::header(request, "prefer"));
    Ok(Reply::Whole(report(audit, action, &body.ids, &options, is_strict)))
}

/// Checks that the method is POST. The error is the response.
fn check_method(request: &IncomingRequest) -> Result<(), Response> {
    match http::is_post(request) {
        true => Ok(()),
        false => Err(Response::error(405, "methodNotAllowed", "The method must be POST.").with_header("allow", "POST")),
    }
}
