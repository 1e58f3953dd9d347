//! What the errors of wasi:http prove about a request.

use entra_risk_engine::http::transport_error::{TransportError, TransportErrorKind};
use waki::bindings::wasi::http::types::{DnsErrorPayload, ErrorCode, HeaderError, TlsAlertReceivedPayload};

/// The host does not accept a header of the request, and nothing was sent.
pub(crate) fn header_error(error: HeaderError) -> TransportError {
    match error {
        HeaderError::Forbidden => TransportError {
            kind: TransportErrorKind::RejectedByHost,
            cause: "the host forbids a header of the request".to_owned(),
        },
        HeaderError::InvalidSyntax | HeaderError::Immutable => rejected_by_host(()),
    }
}

/// The host does not accept the request, and nothing was sent.
pub(crate) fn rejected_by_host<T>(_: T) -> TransportError {
    TransportError {
        kind: TransportErrorKind::RejectedByHost,
        cause: "the host does not accept the request".to_owned(),
    }
}

/// What an error of wasi:http proves about the request. A connection timeout does not prove that
/// nothing was sent, because some hosts report an idle connection with it.
pub(crate) fn transport_error(code: &ErrorCode) -> TransportError {
    use TransportErrorKind::{Certificate, Denied, NoResponse, Other, Tls, Unreachable, Unreadable};
    let (kind, cause) = match code {
        ErrorCode::DnsTimeout => (Unreachable, "DNS-timeout"),
        ErrorCode::DnsError(_) => (Unreachable, "DNS-error"),
        ErrorCode::DestinationNotFound => (Unreachable, "destination-not-found"),
        ErrorCode::DestinationUnavailable => (Unreachable, "destination-unavailable"),
        ErrorCode::DestinationIpUnroutable => (Unreachable, "destination-IP-unroutable"),
        ErrorCode::ConnectionRefused => (Unreachable, "connection-refused"),

        ErrorCode::TlsProtocolError => (Tls, "TLS-protocol-error"),
        ErrorCode::TlsCertificateError => (Certificate, "TLS-certificate-error"),
        ErrorCode::TlsAlertReceived(_) => (Tls, "TLS-alert-received"),

        ErrorCode::HttpRequestDenied => (Denied, "HTTP-request-denied"),
        ErrorCode::DestinationIpProhibited => (Denied, "destination-IP-prohibited"),

        ErrorCode::ConnectionTerminated => (NoResponse, "connection-terminated"),
        ErrorCode::ConnectionTimeout => (NoResponse, "connection-timeout"),
        ErrorCode::ConnectionReadTimeout => (NoResponse, "connection-read-timeout"),
        ErrorCode::ConnectionWriteTimeout => (NoResponse, "connection-write-timeout"),
        ErrorCode::ConnectionLimitReached => (NoResponse, "connection-limit-reached"),
        ErrorCode::HttpResponseIncomplete => (NoResponse, "HTTP-response-incomplete"),
        ErrorCode::HttpResponseTimeout => (NoResponse, "HTTP-response-timeout"),
        ErrorCode::HttpProtocolError => (NoResponse, "HTTP-protocol-error"),
        ErrorCode::InternalError(_) => (NoResponse, "internal-error"),

        ErrorCode::HttpResponseHeaderSectionSize(_) => (Unreadable, "HTTP-response-header-section-size"),
        ErrorCode::HttpResponseHeaderSize(_) => (Unreadable, "HTTP-response-header-size"),
        ErrorCode::HttpResponseBodySize(_) => (Unreadable, "HTTP-response-body-size"),
        ErrorCode::HttpResponseTrailerSectionSize(_) => (Unreadable, "HTTP-response-trailer-section-size"),
        ErrorCode::HttpResponseTrailerSize(_) => (Unreadable, "HTTP-response-trailer-size"),
        ErrorCode::HttpResponseTransferCoding(_) => (Unreadable, "HTTP-response-transfer-coding"),
        ErrorCode::HttpResponseContentCoding(_) => (Unreadable, "HTTP-response-content-coding"),
        ErrorCode::HttpUpgradeFailed => (Unreadable, "HTTP-upgrade-failed"),

        ErrorCode::HttpRequestLengthRequired => (Other, "HTTP-request-length-required"),
        ErrorCode::HttpRequestBodySize(_) => (Other, "HTTP-request-body-size"),
        ErrorCode::HttpRequestMethodInvalid => (Other, "HTTP-request-method-invalid"),
        ErrorCode::HttpRequestUriInvalid => (Other, "HTTP-request-URI-invalid"),
        ErrorCode::HttpRequestUriTooLong => (Other, "HTTP-request-URI-too-long"),
        ErrorCode::HttpRequestHeaderSectionSize(_) => (Other, "HTTP-request-header-section-size"),
        ErrorCode::HttpRequestHeaderSize(_) => (Other, "HTTP-request-header-size"),
        ErrorCode::HttpRequestTrailerSectionSize(_) => (Other, "HTTP-request-trailer-section-size"),
        ErrorCode::HttpRequestTrailerSize(_) => (Other, "HTTP-request-trailer-size"),
        ErrorCode::LoopDetected => (Other, "loop-detected"),
        ErrorCode::ConfigurationError => (Other, "configuration-error"),
    };
    let detail = match code {
        ErrorCode::DnsError(DnsErrorPayload { rcode: detail, .. })
        | ErrorCode::TlsAlertReceived(TlsAlertReceivedPayload { alert_message: detail, .. })
        | ErrorCode::InternalError(detail) => detail.as_deref(),
        _ => None,
    };
    let mut cause = cause.to_owned();
    if let Some(detail) = detail {
        cause.push_str(": ");
        cause.push_str(detail);
    }
    TransportError { kind, cause }
}
