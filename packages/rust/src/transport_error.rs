//! What a failed request proves, in the words of wasi:http: whether anything can have reached the
//! destination, and whether sending again can help.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use hyper_util::client::legacy;
use wasmtime_wasi_http::Error;

use crate::connector::TunnelError;

/// Returns the error that the plugin sees. It tells that no connection was established, or leaves
/// the plugin to assume that the request was sent.
pub(crate) fn transport_error(error: &legacy::Error) -> Error {
    if !error.is_connect() {
        return match find::<hyper::Error>(error) {
            Some(error) if error.is_incomplete_message() => Error::HttpResponseIncomplete,
            Some(error) if error.is_canceled() || error.is_closed() => Error::ConnectionTerminated,
            _ => Error::HttpProtocolError,
        };
    }
    if let Some(TunnelError::ProxyAuthRequired) = find(error) {
        // Repeating the request would not help: the proxy needs credentials.
        return Error::HttpRequestDenied;
    }
    match find(error) {
        Some(rustls::Error::InvalidCertificate(_)) => return Error::TlsCertificateError,
        Some(_) => return Error::TlsProtocolError,
        None => {}
    }
    match find::<io::Error>(error).map(io::Error::kind) {
        Some(ErrorKind::ConnectionRefused) => Error::ConnectionRefused,
        Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => Error::DestinationIpUnroutable,
        _ if chain(error).any(|cause| cause.to_string() == "dns error") => Error::DestinationNotFound,
        _ => Error::DestinationUnavailable,
    }
}

/// Returns the causes of an error in words, the outermost one first.
pub(crate) fn causes(error: &legacy::Error) -> String {
    let mut causes: Vec<_> = chain(error).map(ToString::to_string).collect();
    // An `io::Error` that contains another error prints as that error.
    causes.dedup();
    causes.join(": ")
}

fn find<T: StdError + 'static>(error: &legacy::Error) -> Option<&T> {
    chain(error).find_map(|cause| cause.downcast_ref())
}

/// Yields an error and its causes. An error inside an `io::Error` is not its source, so it is taken
/// out.
fn chain(error: &legacy::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let mut next = Some(error as &(dyn StdError + 'static));
    std::iter::from_fn(move || {
        let current = next?;
        let inner = current.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| current.source());
        Some(current)
    })
}
