//! The requests and responses of wasi:http: reads a body within limits, and sends a response. No
//! other file uses these types.

use entra_risk_common::io::poll::poll;
use entra_risk_common::io::streams::StreamError;
use entra_risk_common::stream;

use crate::bindings::wasi::clocks::monotonic_clock::subscribe_duration;
use crate::bindings::wasi::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use crate::body::{BodyHeaders, MAX_BODY_BYTES, too_large};
use crate::response::Response;

/// The time limit for receiving a whole body in nanoseconds: 10 s.
const BODY_TIMEOUT_NS: u64 = 10_000_000_000;

/// The time limit for sending a whole response in nanoseconds: 10 s. A caller that does not read
/// must not occupy the instance.
const RESPONSE_TIMEOUT_NS: u64 = 10_000_000_000;

/// The headers of a request that the gateway reads before it knows the caller's key.
pub(crate) struct RequestHeaders {
    /// The values of `authorization`, which may contain a key.
    pub(crate) authorization: Vec<Vec<u8>>,
    /// The values of `x-api-key`, which may contain a key.
    pub(crate) api_key: Vec<Vec<u8>>,
    /// The values of `x-request-id`.
    pub(crate) request_id: Vec<Vec<u8>>,
}

/// Reads the headers that the gateway needs before it knows the caller's key.
pub(crate) fn headers(request: &IncomingRequest) -> RequestHeaders {
    let headers = request.headers();
    RequestHeaders {
        authorization: headers.get("authorization"),
        api_key: headers.get("x-api-key"),
        request_id: headers.get("x-request-id"),
    }
}

/// Reads the values of a header. Only for callers whose key is known.
pub(crate) fn header(request: &IncomingRequest, name: &str) -> Vec<Vec<u8>> {
    request.headers().get(name)
}

/// Reads the headers that describe the body.
pub(crate) fn body_headers(request: &IncomingRequest) -> BodyHeaders {
    let headers = request.headers();
    BodyHeaders {
        content_type: headers.get("content-type"),
        content_encoding: headers.get("content-encoding"),
        content_length: headers.get("content-length"),
    }
}

/// Whether the method of the request is POST.
pub(crate) fn is_post(request: &IncomingRequest) -> bool {
    matches!(request.method(), Method::Post)
}

/// Whether the method of the request is GET or HEAD.
pub(crate) fn is_get_or_head(request: &IncomingRequest) -> bool {
    matches!(request.method(), Method::Get | Method::Head)
}

/// Reads the whole body of a request. The error is the response to one that is incomplete, too
/// large or too slow.
pub(crate) fn read(request: &IncomingRequest) -> Result<Vec<u8>, Response> {
    let incomplete = || Response::error(400, "incompleteBody", "The body ended before it was complete.");
    let body = request.consume().map_err(|()| incomplete())?;
    let stream = body.stream().map_err(|()| incomplete())?;
    let readable = stream.subscribe();
    let timeout = subscribe_duration(BODY_TIMEOUT_NS);
    let mut bytes = Vec::new();
    loop {
        poll(&[&readable, &timeout]);
        if timeout.ready() {
            return Err(Response::error(408, "bodyTimeout", "The body was not complete within 10 s."));
        }
        match stream.read(64 << 10) {
            Ok(part) => bytes.extend(part),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(_)) => return Err(incomplete()),
        }
        if bytes.len() > MAX_BODY_BYTES {
            return Err(too_large());
        }
    }
}

/// Sends a response. Errors are ignored, because a caller that has closed the connection cannot
/// receive them.
pub(crate) fn send(out: ResponseOutparam, response: Response) {
    let common = [
        ("content-type", response.content_type.to_owned()),
        ("content-length", response.body.len().to_string()),
        ("cache-control", "no-store".to_owned()),
    ];
    let headers = Fields::new();
    for (name, value) in common.into_iter().chain(response.headers) {
        let _ = headers.append(name, value.as_bytes());
    }
    let outgoing = OutgoingResponse::new(headers);
    let _ = outgoing.set_status_code(response.status);
    let body = outgoing.body();
    ResponseOutparam::set(out, Ok(outgoing));
    let Ok(body) = body else { return };
    let timeout = subscribe_duration(RESPONSE_TIMEOUT_NS);
    if body.write().is_ok_and(|stream| stream::write(&stream, response.body.as_bytes(), Some(&timeout)).is_ok()) {
        let _ = OutgoingBody::finish(body, None);
    }
}
