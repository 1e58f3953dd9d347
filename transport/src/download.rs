//! A response while its body is read.

use std::mem;

use entra_risk_engine::http::response::{BodyEnd, NO_CONTENT, Response};
use waki::bindings::wasi::http::types::{Fields, IncomingBody, IncomingResponse};
use waki::bindings::wasi::io::poll::Pollable;
use waki::bindings::wasi::io::streams::{InputStream, StreamError};

/// A response whose status and headers have arrived.
pub(crate) struct Download {
    /// The body of the response, until it has been read.
    body: Option<Body>,
    /// The body of a 204, which is empty. It is kept, because dropping it would end the upload in
    /// some hosts.
    _empty: Option<Body>,
    response: Response,
    /// The response that the host keeps. Dropping it would end the upload in some hosts.
    _incoming: IncomingResponse,
}

// Fields drop in this order: a resource goes before the one that it came from.
struct Body {
    readable: Pollable,
    stream: InputStream,
    _body: IncomingBody,
}

impl Download {
    /// Takes the status and the headers of a response.
    pub(crate) fn start(incoming: IncomingResponse) -> Download {
        let headers = incoming.headers();
        let first = |name: &str| values(&headers, name).into_iter().next();
        let status = incoming.status();
        let (request_id, date) = (first("request-id"), first("date"));
        let mut response = Response { status, request_id, date, ..Response::default() };
        let mut body = Body::of(&incoming);
        let mut empty = None;
        if status == NO_CONTENT {
            // jco's host neither closes a connection nor uses it again until somebody has tried to
            // read the body.
            let _ = body.as_ref().map(|body| body.stream.read(1));
            empty = body.take();
        } else {
            response.retry_after = values(&headers, "retry-after");
            response.www_authenticate = values(&headers, "www-authenticate");
        }
        drop(headers);
        Download { body, _empty: empty, response, _incoming: incoming }
    }

    /// The status of the response.
    pub(crate) fn status(&self) -> u16 {
        self.response.status
    }

    /// Becomes ready when more of the body arrives. None: the body has been read.
    pub(crate) fn readable(&self) -> Option<&Pollable> {
        self.body.as_ref().map(|body| &body.readable)
    }

    /// The response, once it is complete.
    pub(crate) fn take_response(&mut self) -> Response {
        mem::take(&mut self.response)
    }

    /// The response as far as it was read.
    pub(crate) fn into_response(self) -> Response {
        let Download { body, mut response, .. } = self;
        if body.is_some() {
            response.body_end = BodyEnd::Broken;
        }
        response
    }

    /// Reads what has arrived of the body, `max` bytes at most, and returns whether the response is
    /// complete. Because its status has arrived, a break in the body completes it as well as its
    /// end.
    pub(crate) fn is_complete(&mut self, max: usize) -> bool {
        let Response { body: received, body_end, .. } = &mut self.response;
        while let Some(body) = &self.body {
            match body.stream.read(MAX_PART_BYTES) {
                Ok(bytes) if bytes.is_empty() => return false,
                Ok(mut bytes) => {
                    let room = max.saturating_sub(received.len());
                    let is_within = bytes.len() <= room;
                    bytes.truncate(room);
                    if received.capacity().saturating_sub(received.len()) < bytes.len() {
                        // Twice as much, but never more than is needed at most.
                        received.reserve_exact(received.len().max(bytes.len()).min(room));
                    }
                    received.append(&mut bytes);
                    if is_within {
                        continue;
                    }
                    *body_end = BodyEnd::TooLong;
                }
                Err(StreamError::Closed) => {}
                Err(StreamError::LastOperationFailed(_)) => *body_end = BodyEnd::Broken,
            }
            self.body = None;
        }
        true
    }
}

impl Body {
    fn of(response: &IncomingResponse) -> Option<Body> {
        let body = response.consume().ok()?;
        let stream = body.stream().ok()?;
        Some(Body { readable: stream.subscribe(), stream, _body: body })
    }
}

/// Those values of a header that are text.
fn values(headers: &Fields, name: &str) -> Vec<String> {
    headers.get(&name.to_owned()).into_iter().filter_map(|value| String::from_utf8(value).ok()).collect()
}

/// The most bytes of a body that are read at a time, so that they are in memory twice only in part.
const MAX_PART_BYTES: u64 = 65_536;
