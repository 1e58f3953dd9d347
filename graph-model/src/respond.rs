//! Microsoft Graph's own response to a request: its checks, in their order.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use uuid::Uuid;

use crate::list::PageRequest;
use crate::request::{parse_ids, token};
use crate::response::ResponseContext;
use crate::route::{self, Bucket, ROUTES, RouteError, Target};
use crate::state::State;
use crate::{Collection, Request, Response, Settings};

/// What comes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It was refused.
    Nothing,
    /// It applies its action.
    Applies,
    /// It receives a page with these ids.
    Lists(Vec<String>),
}

/// Microsoft Graph's response to a request, and what comes of it.
pub(crate) fn respond(
    settings: &Settings,
    state: &mut State,
    now: Duration,
    request: &Request,
    context: &ResponseContext,
) -> (Response, Effect) {
    let target = match route::find(request.uri().path()) {
        Ok(target) => target,
        Err(error) => {
            let message = match error {
                RouteError::Version(version) => format!("Invalid version: {version}"),
                RouteError::Segment(segment) => format!("Resource not found for the segment '{segment}'."),
            };
            return (context.error(StatusCode::BAD_REQUEST, "BadRequest", &message), Effect::Nothing);
        }
    };
    // A request counts against the limit whatever the response is.
    let (window, limit) = match target.bucket() {
        Bucket::Users => (&mut state.users, settings.users),
        Bucket::SignIns => (&mut state.sign_ins, settings.sign_ins),
    };
    let over = window.arrive(now, &mut state.rng);
    let (method, permission) = match target {
        Target::Action(_) => (Method::POST, &settings.write_permission),
        Target::List(_) => (Method::GET, &settings.read_permission),
    };
    if request.method() != method {
        let message = "Specified HTTP method is not allowed for the request target.";
        let mut response = context.error(StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest", message);
        response.headers_mut().extend(HeaderValue::from_str(method.as_str()).ok().map(|method| (ALLOW, method)));
        return (response, Effect::Nothing);
    }
    let valid = settings.token.as_deref();
    if let Some(rejection) = valid.and_then(|valid| state.tokens.reject(valid, request, context)) {
        return (rejection, Effect::Nothing);
    }
    let permits = |needed: &String| token(request).is_some_and(|token| String::from_utf8_lossy(token).contains(needed));
    if !permission.as_ref().is_none_or(permits) {
        return (context.forbidden(StatusCode::FORBIDDEN), Effect::Nothing);
    }
    if let Some(wait) = over {
        return (context.throttled(limit.sends_retry_after.then_some(wait)), Effect::Nothing);
    }
    match target {
        Target::Action(index) => respond_to_body(settings, state, index, request, context),
        Target::List(collection) => respond_with_page(settings, state, collection, request, context),
    }
}

/// The response to an action that passed all checks but those of its body.
fn respond_to_body(
    settings: &Settings,
    state: &State,
    index: usize,
    request: &Request,
    context: &ResponseContext,
) -> (Response, Effect) {
    let media = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.split(';').next());
    if media.map(str::trim) != Some("application/json") {
        let message = "Write requests must contain the Content-Type header declaration application/json.";
        return (context.error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "RequestBodyRead", message), Effect::Nothing);
    }
    let is_bad = |id: &&Uuid| {
        settings.absent.contains(*id)
            || state.directory.is_deleted(index, **id)
            || (settings.refuses_applied && state.applied.contains(&(index, **id)))
    };
    match parse_ids(&ROUTES[index], request.body()) {
        Err(message) => (context.error(StatusCode::BAD_REQUEST, "BadRequest", &message), Effect::Nothing),
        Ok(ids) if ids.iter().any(|id| is_bad(&id)) => {
            let message = settings.naming.message(&ids, is_bad);
            (context.error(StatusCode::NOT_FOUND, "Request_ResourceNotFound", &message), Effect::Nothing)
        }
        Ok(_) => (context.response(StatusCode::NO_CONTENT, Bytes::new()), Effect::Applies),
    }
}

/// The response to a request for a page that passed all checks but those of its query.
fn respond_with_page(
    settings: &Settings,
    state: &State,
    collection: Collection,
    request: &Request,
    context: &ResponseContext,
) -> (Response, Effect) {
    match PageRequest::parse(collection, request.uri().query()) {
        Err(message) => (context.error(StatusCode::BAD_REQUEST, "BadRequest", &message), Effect::Nothing),
        Ok(page) => {
            let entries = state.directory.entries(collection);
            let page = page.page(entries, settings, request);
            (context.json(StatusCode::OK, page.body), Effect::Lists(page.ids))
        }
    }
}
