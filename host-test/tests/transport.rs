//! The error and outcome for each error code of wasi:http, and a request body through a slow stream. The table does not
//! compile if it lacks a code of wasi:http.

use std::mem;

use bytes::Bytes;
use host_test::bindings::PluginPre;
use host_test::bindings::actions::{Error, Options};
use host_test::checked_call::CheckedCall;
use host_test::component::{FILE, grant};
use host_test::host::{Host, Outbound};
use host_test::plugin::{Action, canary};
use host_test::script::{Script, accepted};
use wasmtime::component::{Component, Resource};
use wasmtime::{Engine, Store, StoreContextMut};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError};
use wasmtime_wasi_http::p2::bindings::http::types::{
    DnsErrorPayload, ErrorCode, FieldSizePayload, OutgoingBody, TlsAlertReceivedPayload,
};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

/// The meaning of a code.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Meaning {
    /// Not sent; another attempt may succeed.
    TransientUnreachable,
    /// Not sent; another attempt would fail too.
    Unreachable,
    /// Not sent, because the host forbids it: ends the call.
    Denied,
    /// Perhaps sent; another attempt may succeed.
    TransientNoResponse,
    /// Perhaps sent; another attempt would fail too.
    NoResponse,
    /// Perhaps sent; any other error.
    Other,
}
use Meaning::{Denied, NoResponse, Other, TransientNoResponse, TransientUnreachable, Unreachable};

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
    DnsTimeout => "DNS-timeout" TransientUnreachable,
    DnsError(no_such_name()) => "DNS-error: NXDOMAIN" TransientUnreachable,
    DestinationNotFound => "destination-not-found" TransientUnreachable,
    DestinationUnavailable => "destination-unavailable" TransientUnreachable,
    DestinationIpProhibited => "destination-IP-prohibited" Denied,
    DestinationIpUnroutable => "destination-IP-unroutable" TransientUnreachable,
    ConnectionRefused => "connection-refused" TransientUnreachable,
    ConnectionTerminated => "connection-terminated" TransientNoResponse,
    ConnectionTimeout => "connection-timeout" TransientNoResponse,
    ConnectionReadTimeout => "connection-read-timeout" TransientNoResponse,
    ConnectionWriteTimeout => "connection-write-timeout" TransientNoResponse,
    ConnectionLimitReached => "connection-limit-reached" TransientNoResponse,
    TlsProtocolError => "TLS-protocol-error" Unreachable,
    TlsCertificateError => "TLS-certificate-error" Unreachable,
    TlsAlertReceived(unknown_ca()) => "TLS-alert-received: unknown CA" Unreachable,
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
        let ends_call = meaning == Denied;
        let call = fail_first(&code, 1, if ends_call { 0 } else { 1 }).await;
        let [first, second] = call.failure().batches.as_slice() else { panic!("{call:#?}") };
        let outcome = match meaning {
            TransientUnreachable | Unreachable => "unsent(unreachable)",
            Denied => "unsent(denied-by-host)",
            TransientNoResponse | NoResponse => "unknown(no-answer)",
            Other => "unknown(other)",
        };
        assert_eq!(first.outcome.case(), outcome, "{name}");
        assert_eq!(second.outcome.case(), if ends_call { "unsent(stopped)" } else { "accepted" }, "{name}");
        let text = match &call.failure().cause {
            Error::Unreachable(text) | Error::DeniedByHost(text) | Error::NoAnswer(text) | Error::Other(text) => text,
            cause => panic!("{name}: {cause:?}"),
        };
        assert_eq!(text, name);
    }
}

#[tokio::test(start_paused = true)]
async fn only_transient_codes_are_retried() {
    for (code, name, meaning) in codes() {
        let retried = matches!(meaning, TransientUnreachable | TransientNoResponse);
        let call = fail_first(&code, 2, if meaning == Denied { 0 } else { 1 + usize::from(retried) }).await;
        let attempts: Vec<u32> = match &call.result {
            Ok(receipts) => receipts.iter().map(|receipt| receipt.attempts).collect(),
            Err(failure) => failure.batches.iter().map(|batch| batch.attempts).collect(),
        };
        let expected = if retried { [2, 1] } else { [1, u32::from(meaning != Denied)] };
        assert_eq!((call.result.is_ok(), &*attempts), (retried, &expected[..]), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_maybe_applied_batch_stays_unknown() {
    for (before, outcome) in [
        (ErrorCode::ConnectionReadTimeout, "unknown(unreachable)"),
        (ErrorCode::ConnectionRefused, "unsent(unreachable)"),
    ] {
        let errors = [before, ErrorCode::TlsCertificateError];
        let call = CheckedCall::failing_first(errors, [], Action::DismissRiskyUsers, &IDS, Options::default()).await;
        assert_eq!(call.batch().outcome.case(), outcome);
    }
}

/// A host's stream that accepts a few bytes at a time, forwards them when flushed, and discards them when dropped.
struct Slow {
    inner: DynOutputStream,
    buffer: Vec<u8>,
    room: usize,
    flushing: bool,
}

#[async_trait]
impl Pollable for Slow {
    async fn ready(&mut self) {
        let _ = self.inner.write_ready().await;
        if self.flushing {
            let _ = self.inner.write(mem::take(&mut self.buffer).into());
            let _ = self.inner.flush();
            let _ = self.inner.write_ready().await;
            self.flushing = false;
        }
        self.room = 16;
    }
}

#[async_trait]
impl OutputStream for Slow {
    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(self.room)
    }

    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.room = 0;
        self.buffer.extend(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        (self.room, self.flushing) = (0, true);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_complete_if_the_host_discards_unflushed_bytes() {
    let engine = Engine::default();
    let mut linker = grant(&engine).unwrap();
    linker.allow_shadowing(true);
    let write = |mut store: StoreContextMut<'_, Host>, (body,): (Resource<OutgoingBody>,)| {
        let WasiHttpCtxView { table, .. } = store.data_mut().http();
        let Some(inner) = table.get_mut(&body)?.take_output_stream() else { return Ok((Err(()),)) };
        let slow: DynOutputStream = Box::new(Slow { inner, buffer: Vec::new(), room: 0, flushing: false });
        Ok((Ok::<_, ()>(table.push_child(slow, &body)?),))
    };
    linker.instance("wasi:http/types@0.2.12").unwrap().func_wrap("[method]outgoing-body.write", write).unwrap();
    let component = Component::from_file(&engine, FILE).unwrap();
    let plugin = PluginPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
    let mut store = Store::new(&engine, Host::new(Outbound::InProcess(Script::at_once([accepted()])), canary(), 0));
    let plugin = plugin.instantiate_async(&mut store).await.unwrap();

    let ids = IDS.map(str::to_owned);
    let result = plugin.entra_risk_actions().call_dismiss_risky_users(&mut store, &ids, None).await.unwrap();
    assert!(result.is_ok(), "{result:?}");
    let [exchange] = &*store.data().exchanges() else { panic!("one request") };
    assert_eq!(exchange.request.body(), &format!(r#"{{"userIds":["{}","{}"]}}"#, IDS[0], IDS[1]));
}
