//! The only file that touches requests and responses of wasi:http: reads a body within bounds, sends an answer.

use crate::answer::{self, Answer};
use crate::bindings::wasi::clocks::monotonic_clock::subscribe_duration;
use crate::bindings::wasi::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use crate::bindings::wasi::io::poll::poll;
use crate::bindings::wasi::io::streams::StreamError;
use crate::body::{MOST_BYTES, too_large};

/// The time for a whole body, however it trickles in: 10 s in nanoseconds.
const BODY_NS: u64 = 10_000_000_000;

/// A call of `blocking-write-and-flush` takes at most this: see wasi:io.
const WRITE_BYTES: usize = 4096;

/// Whether the method is POST.
pub(crate) fn is_post(request: &IncomingRequest) -> bool {
    matches!(request.method(), Method::Post)
}

/// The whole body, where it ends in time and within the most bytes there may be.
pub(crate) fn read(request: &IncomingRequest) -> Result<Vec<u8>, Answer> {
    let incomplete = || answer::refuse(400, "incompleteBody", "The body did not come to its end.");
    let body = request.consume().map_err(|()| incomplete())?;
    let stream = body.stream().map_err(|()| incomplete())?;
    let more = stream.subscribe();
    let late = subscribe_duration(BODY_NS);
    let mut bytes = Vec::new();
    loop {
        poll(&[&more, &late]);
        if late.ready() {
            return Err(answer::refuse(408, "bodyTimeout", "The body did not come to its end within 10 s."));
        }
        match stream.read(64 << 10) {
            Ok(part) => bytes.extend(part),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(_)) => return Err(incomplete()),
        }
        if bytes.len() > MOST_BYTES {
            return Err(too_large());
        }
    }
}

/// Sends the answer. A caller that has gone is nobody to tell.
pub(crate) fn send(out: ResponseOutparam, answer: Answer) {
    let usual = [
        ("content-type", "application/json".to_owned()),
        ("content-length", answer.body.len().to_string()),
        ("cache-control", "no-store".to_owned()),
    ];
    let headers = Fields::new();
    for (name, value) in usual.into_iter().chain(answer.header) {
        // Each name and value is the gateway's own, and valid.
        let _ = headers.append(name, value.as_bytes());
    }
    let response = OutgoingResponse::new(headers);
    let _ = response.set_status_code(answer.status);
    let body = response.body();
    ResponseOutparam::set(out, Ok(response));
    let Ok(body) = body else { return };
    let written = body.write().map(|stream| {
        let mut parts = answer.body.as_bytes().chunks(WRITE_BYTES);
        parts.all(|part| stream.blocking_write_and_flush(part).is_ok())
    });
    if written == Ok(true) {
        let _ = OutgoingBody::finish(body, None);
    }
}
