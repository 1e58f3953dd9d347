//! The error and outcome for each error code of wasi:http. The table does not compile if it lacks
//! one.

use host_test::bindings::actions::Options;
use host_test::checked_call::CheckedCall;
use host_test::plugin::{Action, Plugin};
use host_test::script::{Script, accepted};
use wasmtime_wasi_http::p2::bindings::http::types::{
    DnsErrorPayload, ErrorCode, FieldSizePayload, TlsAlertReceivedPayload,
};

/// The meaning of a code.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Meaning {
    /// Not sent; another attempt may succeed.
    Unreachable,
    /// Not sent, because of TLS: ends the call if the instance has never seen an acceptance.
    Tls,
    /// Not sent, because the host forbids it: ends the call.
    Denied,
    /// Perhaps sent; another attempt may succeed.
    TransientNoResponse,
    /// Perhaps sent; another attempt would fail too.
    NoResponse,
    /// Perhaps sent; any other error.
    Other,
}
use Meaning::{Denied, NoResponse, Other, Tls, TransientNoResponse, Unreachable};

macro_rules! codes {
    ($($variant:ident $(($payload:expr))? => $name:literal $meaning:ident,)*) => {
        const CODES: usize = [$($name),*].len();

        fn codes() -> [(ErrorCode, &'static str, Meaning); CODES] {
            [$((ErrorCode::$variant $(($payload))?, $name, $meaning)),*]
        }

        #[expect(dead_code, reason = "the match must be exhaustive")]
        fn every_code_is_in_the_table(code: ErrorCode) {
            match code {
                $(ErrorCode::$variant { .. } => {})*
            }
        }
    };
}

codes! {
    DnsTimeout => "DNS-timeout" Unreachable,
    DnsError(no_such_name()) => "DNS-error: NXDOMAIN" Unreachable,
    DestinationNotFound => "destination-not-found" Unreachable,
    DestinationUnavailable => "destination-unavailable" Unreachable,
    DestinationIpProhibited => "destination-IP-prohibited" Denied,
    DestinationIpUnroutable => "destination-IP-unroutable" Unreachable,
    ConnectionRefused => "connection-refused" Unreachable,
    ConnectionTerminated => "connection-terminated" TransientNoResponse,
    ConnectionTimeout => "connection-timeout" TransientNoResponse,
    ConnectionReadTimeout => "connection-read-timeout" TransientNoResponse,
    ConnectionWriteTimeout => "connection-write-timeout" TransientNoResponse,
    ConnectionLimitReached => "connection-limit-reached" TransientNoResponse,
    TlsProtocolError => "TLS-protocol-error" Tls,
    TlsCertificateError => "TLS-certificate-error" Tls,
    TlsAlertReceived(unknown_ca()) => "TLS-alert-received: unknown CA" Tls,
    HttpRequestDenied => "HTTP-request-denied" Denied,
    HttpRequestLengthRequired => "HTTP-request-length-required" Other,
    HttpRequestBodySize(Some(1)) => "HTTP-request-body-size" Other,
    HttpRequestMethodInvalid => "HTTP-request-method-invalid" Other,
    HttpRequestUriInvalid => "HTTP-request-URI-invalid" Other,
    HttpRequestUriTooLong => "HTTP-request-URI-too-long" Other,
    HttpRequestHeaderSectionSize(None) => "HTTP-request-header-section-size" Other,
    HttpRequestHeaderSize(Some(field())) => "HTTP-request-header-size" Other,
    HttpRequestTrailerSectionSize(None) => "HTTP-request-trailer-section-size" Other,
    HttpRequestTrailerSize(field()) => "HTTP-request-trailer-size" Other,
    HttpResponseIncomplete => "HTTP-response-incomplete" TransientNoResponse,
    HttpResponseHeaderSectionSize(None) => "HTTP-response-header-section-size" NoResponse,
    HttpResponseHeaderSize(field()) => "HTTP-response-header-size" NoResponse,
    HttpResponseBodySize(None) => "HTTP-response-body-size" NoResponse,
    HttpResponseTrailerSectionSize(None) => "HTTP-response-trailer-section-size" NoResponse,
    HttpResponseTrailerSize(field()) => "HTTP-response-trailer-size" NoResponse,
    HttpResponseTransferCoding(Some("gzip".into())) => "HTTP-response-transfer-coding" NoResponse,
    HttpResponseContentCoding(None) => "HTTP-response-content-coding" NoResponse,
    HttpResponseTimeout => "HTTP-response-timeout" TransientNoResponse,
    HttpUpgradeFailed => "HTTP-upgrade-failed" NoResponse,
    HttpProtocolError => "HTTP-protocol-error" TransientNoResponse,
    LoopDetected => "loop-detected" Other,
    ConfigurationError => "configuration-error" Other,
    InternalError(Some("out of sockets".into())) => "internal-error: out of sockets" TransientNoResponse,
}

fn no_such_name() -> DnsErrorPayload {
    DnsErrorPayload { rcode: Some("NXDOMAIN".into()), info_code: None }
}

fn unknown_ca() -> TlsAlertReceivedPayload {
    TlsAlertReceivedPayload { alert_id: Some(48), alert_message: Some("unknown CA".into()) }
}

fn field() -> FieldSizePayload {
    FieldSizePayload { field_name: Some("cookie".into()), field_size: Some(9) }
}

const IDS: [&str; 2] = ["29f270bb-4d23-4f68-8a57-dc73dc0d4caf", "20f91ec9-d140-4d90-9cd9-f618587a1471"];

/// Two batches, one at a time. The first attempt of the first one fails.
async fn fail_first(code: &ErrorCode, max_attempts: u32, then_accepted: usize) -> CheckedCall {
    let options = Options {
        ids_per_request: Some(1),
        max_in_flight: Some(1),
        max_attempts: Some(max_attempts),
        ..Options::default()
    };
    let behaviors = (0..then_accepted).map(|_| accepted());
    CheckedCall::failing_first([code.clone()], behaviors, Action::DismissSignIns, &IDS, options).await
}

#[tokio::test(start_paused = true)]
async fn each_code_has_its_error_and_outcome() {
    for (code, name, meaning) in codes() {
        let ends_call = matches!(meaning, Denied | Tls);
        let call = fail_first(&code, 1, if ends_call { 0 } else { 1 }).await;
        let [first, second] = call.failure().batches.as_slice() else { panic!("{call:#?}") };
        let outcome = match meaning {
            Unreachable | Tls => "not-applied(unreachable)",
            Denied => "not-applied(denied-by-host)",
            TransientNoResponse | NoResponse => "unknown(no-response)",
            Other => "unknown(other)",
        };
        assert_eq!(first.case(), outcome, "{name}");
        let expected = if ends_call { "not-applied(not-attempted)" } else { "accepted" };
        assert_eq!(second.case(), expected, "{name}");
        let cause = &call.failure().cause;
        assert_eq!(first.error.as_ref(), Some(cause), "{name}");
        assert!(cause.message.contains(name), "{name}: {cause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_transient_codes_are_retried() {
    for (code, name, meaning) in codes() {
        let ends_call = matches!(meaning, Denied | Tls);
        let retried = matches!(meaning, Unreachable | TransientNoResponse);
        let call = fail_first(&code, 2, if ends_call { 0 } else { 1 + usize::from(retried) }).await;
        let attempts: Vec<u32> = call.batches().iter().map(|batch| batch.attempts).collect();
        let expected = if retried { [2, 1] } else { [1, u32::from(!ends_call)] };
        assert_eq!((call.result.is_ok(), &*attempts), (retried, &expected[..]), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_an_acceptance_only_a_bad_certificate_ends_the_call() {
    for (code, name, meaning) in codes() {
        let is_certificate = matches!(code, ErrorCode::TlsCertificateError);
        if meaning != Tls {
            continue;
        }
        let acceptances = if is_certificate { 1 } else { 2 };
        let mut plugin = Plugin::before(Script::at_once((0..acceptances).map(|_| accepted()))).await;
        let ids = IDS.map(str::to_owned);
        assert!(plugin.call(Action::DismissSignIns, &ids, None).await.expect("no trap").is_ok());
        plugin.fail_next([code]);
        let result = plugin.call(Action::DismissSignIns, &ids, None).await.expect("no trap");
        assert_eq!(result.is_err(), is_certificate, "{name}: {result:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_maybe_applied_batch_stays_unknown() {
    for (before, outcome) in [
        (ErrorCode::ConnectionReadTimeout, "unknown(unreachable)"),
        (ErrorCode::ConnectionRefused, "not-applied(unreachable)"),
    ] {
        let errors = [before, ErrorCode::TlsCertificateError];
        let call = CheckedCall::failing_first(errors, [], Action::DismissRiskyUsers, &IDS, Options::default()).await;
        assert_eq!(call.batch().case(), outcome);
    }
}
