//! One request in flight over wasi:http. Nothing here blocks except [`wait`].

use std::mem;

use entra_risk_engine::contract::endpoint::Endpoint;
use entra_risk_engine::http::request::Request;
use entra_risk_engine::http::response::{BodyEnd, NO_CONTENT, Response};
use entra_risk_engine::http::transport_error::{TransportError, TransportErrorKind};
use entra_risk_engine::time::Instant;
use waki::bindings::wasi::clocks::monotonic_clock;
use waki::bindings::wasi::http::outgoing_handler;
use waki::bindings::wasi::http::types::{
    Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use waki::bindings::wasi::io::poll::{self, Pollable};
use waki::bindings::wasi::io::streams::{InputStream, OutputStream, StreamError};

use crate::host::now;
use crate::transport_error::{header_error, rejected_by_host, transport_error};

/// A request in flight. Dropping it abandons it.
// Fields drop in this order: a resource goes before the one that it came from.
pub struct InFlight {
    /// The body of the request, until it is written or the host takes no more of it.
    upload: Option<Upload>,
    /// Whether all of the request was sent.
    request_is_complete: bool,
    /// The most bytes of the body of the response that are read.
    max_body: usize,
    /// The response, once its status and headers have arrived.
    download: Option<Download>,
    /// Ready once the status and headers of the response have arrived.
    responded: Pollable,
    future: FutureIncomingResponse,
}

/// How far a request in flight has come.
pub enum State {
    /// Its response is not complete.
    Pending,
    /// Its response is complete.
    Response(Response),
    /// It has no response.
    Failed(TransportError),
}

/// A request whose body is being written.
struct Upload {
    /// Ready once the host takes more. Present if the host did not take all of the body
    /// immediately.
    writable: Option<Pollable>,
    stream: OutputStream,
    body: OutgoingBody,
    bytes: Vec<u8>,
    written: usize,
    /// Whether everything is written. Dropping the stream before the flush ends can lose the last
    /// write.
    is_flushing: bool,
}

/// A response whose status and headers have arrived.
struct Download {
    /// The body of the response, until it has been read.
    body: Option<Body>,
    /// The body of a 204, which is empty. It is kept, because dropping it would end the upload in
    /// some hosts.
    _empty: Option<Body>,
    response: Response,
    /// The response that the host keeps. Dropping it would end the upload in some hosts.
    _incoming: IncomingResponse,
}

struct Body {
    readable: Pollable,
    stream: InputStream,
    _body: IncomingBody,
}

/// Sends a request, and waits for its response until `end`. None: no response was complete by then.
/// Of a body, `max_body` bytes are read.
pub fn exchange(
    endpoint: &Endpoint,
    request: Request,
    max_body: usize,
    end: Instant,
) -> Option<Result<Response, TransportError>> {
    let mut request = match InFlight::start(endpoint, request, max_body) {
        Ok(request) => request,
        Err(error) => return Some(Err(error)),
    };
    loop {
        match request.advance() {
            State::Response(response) => return Some(Ok(response)),
            State::Failed(error) => return Some(Err(error)),
            // After the end it fails even if something has arrived, so that a response that
            // trickles in ends too.
            State::Pending if now() >= end => return None,
            State::Pending => wait([&request].into_iter(), end),
        };
    }
}

/// Waits until one of the requests can make progress, or until this time. Returns whether one can.
pub fn wait<'a>(requests: impl Iterator<Item = &'a InFlight>, until: Instant) -> bool {
    let timer = monotonic_clock::subscribe_instant(until.as_nanos());
    let mut pollables = vec![&timer];
    for request in requests {
        request.pollables(&mut pollables);
    }
    poll::poll(&pollables).iter().any(|ready| *ready > 0)
}

impl InFlight {
    /// Hands a request to the host, and writes as much of its body as the host takes. Of the body
    /// of its response, `max_body` bytes are read.
    pub fn start(endpoint: &Endpoint, request: Request, max_body: usize) -> Result<InFlight, TransportError> {
        let headers = Fields::from_list(&request.headers).map_err(header_error)?;
        let outgoing = OutgoingRequest::new(headers);
        let scheme = if endpoint.https { Scheme::Https } else { Scheme::Http };
        let method = if request.body.is_some() { Method::Post } else { Method::Get };
        outgoing.set_method(&method).map_err(rejected_by_host)?;
        outgoing.set_scheme(Some(&scheme)).map_err(rejected_by_host)?;
        outgoing.set_authority(Some(&endpoint.authority)).map_err(rejected_by_host)?;
        outgoing.set_path_with_query(Some(&request.path)).map_err(rejected_by_host)?;
        let upload = match request.body {
            Some(bytes) => Some(Upload::of(&outgoing, bytes)?),
            None => None,
        };
        let future = outgoing_handler::handle(outgoing, None).map_err(|code| transport_error(&code))?;
        let responded = future.subscribe();
        let request_is_complete = upload.is_none();
        let mut request = InFlight { upload, request_is_complete, max_body, download: None, responded, future };
        request.write();
        Ok(request)
    }

    /// Whether part of the request has yet to be written.
    pub fn is_uploading(&self) -> bool {
        self.upload.is_some()
    }

    /// Writes and reads as much as the host permits.
    pub fn advance(&mut self) -> State {
        self.write();
        if self.download.is_none() {
            match self.future.get() {
                None => return State::Pending,
                Some(Ok(Ok(response))) => {
                    let download = Download::start(response);
                    // Only success needs the whole request.
                    if download.response.status != NO_CONTENT {
                        self.upload = None;
                    }
                    self.download = Some(download);
                }
                Some(Ok(Err(code))) => return State::Failed(transport_error(&code)),
                Some(Err(())) => {
                    let cause = "the response was taken already".to_owned();
                    return State::Failed(TransportError { kind: TransportErrorKind::Other, cause });
                }
            }
        }
        let Some(download) = &mut self.download else { return State::Pending };
        if !download.is_complete(self.max_body) || self.upload.is_some() {
            return State::Pending;
        }
        let mut response = mem::take(&mut download.response);
        response.request_is_complete = self.request_is_complete;
        State::Response(response)
    }

    /// Stops waiting for the response. If its status has arrived, it is returned with as much of
    /// its body as has arrived.
    pub fn into_response(self) -> Option<Response> {
        let Download { body, mut response, .. } = self.download?;
        response.request_is_complete = self.request_is_complete;
        if body.is_some() {
            response.body_end = BodyEnd::Broken;
        }
        Some(response)
    }

    fn write(&mut self) {
        match self.upload.take().map(Upload::advance) {
            Some(Written::Part(upload)) => self.upload = Some(upload),
            Some(Written::All) => self.request_is_complete = true,
            // The response contains the reason.
            Some(Written::Broken) | None => {}
        }
    }

    fn pollables<'a>(&'a self, pollables: &mut Vec<&'a Pollable>) {
        pollables.extend(self.upload.as_ref().and_then(|upload| upload.writable.as_ref()));
        match &self.download {
            Some(download) => pollables.extend(download.body.as_ref().map(|body| &body.readable)),
            None => pollables.push(&self.responded),
        }
    }
}

/// How much of the body of a request is written.
enum Written {
    /// The host takes no more at the moment.
    Part(Upload),
    /// All of the body is written and flushed.
    All,
    /// The host takes no more ever.
    Broken,
}

impl Upload {
    fn of(request: &OutgoingRequest, bytes: Vec<u8>) -> Result<Upload, TransportError> {
        let body = request.body().map_err(rejected_by_host)?;
        let stream = body.write().map_err(rejected_by_host)?;
        Ok(Upload { writable: None, stream, body, bytes, written: 0, is_flushing: false })
    }

    /// Writes as much as the host takes.
    fn advance(mut self) -> Written {
        loop {
            let room = match self.stream.check_write() {
                Ok(0) => {
                    self.writable.get_or_insert_with(|| self.stream.subscribe());
                    return Written::Part(self);
                }
                Ok(room) => usize::try_from(room).unwrap_or(usize::MAX),
                // A host that knows the length closes the stream after the last byte, perhaps
                // before the flush ends or begins.
                Err(StreamError::Closed) if self.written == self.bytes.len() => break,
                Err(StreamError::Closed | StreamError::LastOperationFailed(_)) => return Written::Broken,
            };
            let rest = self.bytes.get(self.written..).unwrap_or_default();
            if !rest.is_empty() {
                let chunk = rest.get(..room).unwrap_or(rest);
                if self.stream.write(chunk).is_err() {
                    return Written::Broken;
                }
                self.written = self.written.saturating_add(chunk.len());
            } else if self.is_flushing {
                break;
            } else {
                match self.stream.flush() {
                    Ok(()) => self.is_flushing = true,
                    Err(StreamError::Closed) => break,
                    Err(StreamError::LastOperationFailed(_)) => return Written::Broken,
                }
            }
        }
        let Upload { writable, stream, body, .. } = self;
        drop(writable);
        drop(stream);
        // A failure here surfaces in the response.
        let _ = OutgoingBody::finish(body, None);
        Written::All
    }
}

impl Download {
    /// Takes the status and the headers of a response.
    fn start(incoming: IncomingResponse) -> Download {
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

    /// Reads what has arrived of the body, `max` bytes at most, and returns whether the response is
    /// complete. Because its status has arrived, a break in the body completes it as well as its
    /// end.
    fn is_complete(&mut self, max: usize) -> bool {
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
