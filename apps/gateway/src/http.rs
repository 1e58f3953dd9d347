//! The requests and responses of wasi:http: reads a body within limits, and sends a response. No
//! other file uses these types.

use entra_risk_common::io::poll::poll;
use entra_risk_common::io::streams::{OutputStream, StreamError};
use entra_risk_common::stream;

use crate::bindings::wasi::clocks::monotonic_clock::subscribe_duration;
use crate::bindings::wasi::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use crate::body_headers::{BodyHeaders, too_large};
use crate::response::Response;

/// The time limit for receiving a whole body in nanoseconds: 10 s.
const BODY_TIMEOUT_NS: u64 = 10_000_000_000;

/// The time limit for sending a whole response, or a part of one, in nanoseconds: 10 s. A caller
/// that does not read must not occupy the instance.
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
fn body_headers(request: &IncomingRequest) -> BodyHeaders {
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

/// Reads the whole body of a request, whose headers describe it. The error is the response to one
/// that is not JSON, incomplete, too large or too slow.
pub(crate) fn read(request: &IncomingRequest, max_bytes: usize) -> Result<Vec<u8>, Response> {
    let length = body_headers(request).check(max_bytes)?;
    let incomplete = || Response::error(400, "incompleteBody", "The body ended before it was complete.");
    let body = request.consume().map_err(|()| incomplete())?;
    let stream = body.stream().map_err(|()| incomplete())?;
    let readable = stream.subscribe();
    let timeout = subscribe_duration(BODY_TIMEOUT_NS);
    let mut bytes = Vec::with_capacity(length.unwrap_or_default());
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
        if bytes.len() > max_bytes {
            return Err(too_large(max_bytes));
        }
    }
}

/// Sends a response. Errors are ignored, because a caller that has closed the connection cannot
/// receive them.
pub(crate) fn send(out: ResponseOutparam, response: Response) {
    let length = ("content-length", response.body.len().to_string());
    let headers = response.headers.into_iter().chain([length]);
    let body = Parts::begin(out, response.status, response.content_type, headers);
    if let Some(body) = body.filter(|body| body.send(&response.body)) {
        body.end();
    }
}

/// The body of a response, which is sent in parts. Without an end it counts as incomplete.
pub(crate) struct Parts {
    // Dropped before the body that it belongs to.
    stream: OutputStream,
    body: OutgoingBody,
}

impl Parts {
    /// Sends the head of a response. None if the host takes no body.
    pub(crate) fn begin(
        out: ResponseOutparam,
        status: u16,
        content_type: &str,
        headers: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Option<Parts> {
        let fields = Fields::new();
        let _ = fields.append("content-type", content_type.as_bytes());
        let _ = fields.append("cache-control", b"no-store");
        for (name, value) in headers {
            let _ = fields.append(name, value.as_bytes());
        }
        let outgoing = OutgoingResponse::new(fields);
        let _ = outgoing.set_status_code(status);
        let body = outgoing.body();
        ResponseOutparam::set(out, Ok(outgoing));
        let body = body.ok()?;
        Some(Parts { stream: body.write().ok()?, body })
    }

    /// Sends a part, and returns whether the caller still takes it.
    pub(crate) fn send(&self, part: &str) -> bool {
        stream::write(&self.stream, part.as_bytes(), Some(&subscribe_duration(RESPONSE_TIMEOUT_NS))).is_ok()
    }

    /// Ends the body.
    pub(crate) fn end(self) {
        drop(self.stream);
        let _ = OutgoingBody::finish(self.body, None);
    }
}
