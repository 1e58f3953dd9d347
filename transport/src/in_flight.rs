//! One request in flight over wasi:http. Nothing here blocks except [`wait`] and [`exchange`].

use entra_risk_engine::contract::endpoint::Endpoint;
use entra_risk_engine::http::request::Request;
use entra_risk_engine::http::response::{NO_CONTENT, Response};
use entra_risk_engine::http::transport_error::{TransportError, TransportErrorKind};
use entra_risk_engine::time::Instant;
use waki::bindings::wasi::clocks::monotonic_clock;
use waki::bindings::wasi::http::outgoing_handler;
use waki::bindings::wasi::http::types::{Fields, FutureIncomingResponse, Method, OutgoingRequest, Scheme};
use waki::bindings::wasi::io::poll::{self, Pollable};

use crate::download::Download;
use crate::host::now;
use crate::transport_error::{header_error, rejected_by_host, transport_error};
use crate::upload::{Upload, Written};

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
    /// The response is not complete.
    Pending,
    /// The response is complete.
    Response(Response),
    /// The request failed without a response.
    Failed(TransportError),
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
                    if download.status() != NO_CONTENT {
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
        let mut response = download.take_response();
        response.request_is_complete = self.request_is_complete;
        State::Response(response)
    }

    /// Stops waiting for the response. If its status has arrived, it is returned with as much of
    /// its body as has arrived.
    pub fn into_response(self) -> Option<Response> {
        let mut response = self.download?.into_response();
        response.request_is_complete = self.request_is_complete;
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
        pollables.extend(self.upload.as_ref().and_then(Upload::writable));
        match &self.download {
            Some(download) => pollables.extend(download.readable()),
            None => pollables.push(&self.responded),
        }
    }
}
