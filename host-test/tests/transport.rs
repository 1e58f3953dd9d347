//! What each error of wasi:http becomes, and how a body gets through a stream that is slow to take it. The table does not
//! compile when wasi:http has a code that it lacks.

use std::mem;

use bytes::Bytes;
use host_test::bindings::PluginPre;
use host_test::bindings::actions::{Error, Options};
use host_test::engine::{COMPONENT, grant};
use host_test::exchange::Fate;
use host_test::host::{Host, Way};
use host_test::plugin::{Action, canary};
use host_test::script::{Script, accepted};
use host_test::trial::Trial;
use wasmtime::component::{Component, Resource};
use wasmtime::{Engine, Store, StoreContextMut};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError};
use wasmtime_wasi_http::p2::bindings::http::types::{
    DnsErrorPayload, ErrorCode, FieldSizePayload, OutgoingBody, TlsAlertReceivedPayload,
};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

/// What a code means, and what follows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Meaning {
    /// Nothing was sent; another attempt may succeed.
    UnreachableForNow,
    /// Nothing was sent, and nothing would be the next time.
    Unreachable,
    /// Nothing may be sent: ends the call.
    Denied,
    /// Perhaps sent; another attempt may succeed.
    NoAnswerForNow,
    /// Perhaps sent, and the answer would be no better the next time.
    NoAnswer,
    /// Perhaps sent, and not as it should be.
    Other,
}
use Meaning::{Denied, NoAnswer, NoAnswerForNow, Other, Unreachable, UnreachableForNow};

macro_rules! codes {
    ($($variant:ident $(($payload:expr))? => $name:literal $meaning:ident,)*) => {
        const CODES: usize = [$($name),*].len();

        fn codes() -> [(ErrorCode, &'static str, Meaning); CODES] {
            [$((ErrorCode::$variant $(($payload))?, $name, $meaning)),*]
        }

        #[expect(dead_code, reason = "it is there to be complete")]
        fn every_code_is_in_the_table(code: ErrorCode) {
            match code {
                $(ErrorCode::$variant { .. } => {})*
            }
        }
    };
}

codes! {
    DnsTimeout => "DNS-timeout" UnreachableForNow,
    DnsError(no_such_name()) => "DNS-error: NXDOMAIN" UnreachableForNow,
    DestinationNotFound => "destination-not-found" UnreachableForNow,
    DestinationUnavailable => "destination-unavailable" UnreachableForNow,
    DestinationIpProhibited => "destination-IP-prohibited" Denied,
    DestinationIpUnroutable => "destination-IP-unroutable" UnreachableForNow,
    ConnectionRefused => "connection-refused" UnreachableForNow,
    ConnectionTerminated => "connection-terminated" NoAnswerForNow,
    ConnectionTimeout => "connection-timeout" NoAnswerForNow,
    ConnectionReadTimeout => "connection-read-timeout" NoAnswerForNow,
    ConnectionWriteTimeout => "connection-write-timeout" NoAnswerForNow,
    ConnectionLimitReached => "connection-limit-reached" NoAnswerForNow,
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
    HttpResponseIncomplete => "HTTP-response-incomplete" NoAnswerForNow,
    HttpResponseHeaderSectionSize(None) => "HTTP-response-header-section-size" NoAnswer,
    HttpResponseHeaderSize(field()) => "HTTP-response-header-size" NoAnswer,
    HttpResponseBodySize(None) => "HTTP-response-body-size" NoAnswer,
    HttpResponseTrailerSectionSize(None) => "HTTP-response-trailer-section-size" NoAnswer,
    HttpResponseTrailerSize(field()) => "HTTP-response-trailer-size" NoAnswer,
    HttpResponseTransferCoding(Some("gzip".into())) => "HTTP-response-transfer-coding" NoAnswer,
    HttpResponseContentCoding(None) => "HTTP-response-content-coding" NoAnswer,
    HttpResponseTimeout => "HTTP-response-timeout" NoAnswerForNow,
    HttpUpgradeFailed => "HTTP-upgrade-failed" NoAnswer,
    HttpProtocolError => "HTTP-protocol-error" NoAnswerForNow,
    LoopDetected => "loop-detected" Other,
    ConfigurationError => "configuration-error" Other,
    InternalError(Some("out of sockets".into())) => "internal-error: out of sockets" NoAnswerForNow,
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

/// Two batches, one at a time, of which the first one's first attempt fails.
async fn fail_first(code: &ErrorCode, max_attempts: u32, then_accepted: usize) -> Trial {
    let options = Options {
        ids_per_request: Some(1),
        max_in_flight: Some(1),
        max_attempts: Some(max_attempts),
        ..Options::default()
    };
    let fates = std::iter::once(Fate::Failed(code.clone())).chain((0..then_accepted).map(|_| accepted()));
    Trial::scripted(Action::DismissSignIns, &IDS, options, fates).await
}

#[tokio::test(start_paused = true)]
async fn each_code_becomes_its_error_and_outcome() {
    for (code, name, meaning) in codes() {
        let ends_call = meaning == Denied;
        let trial = fail_first(&code, 1, if ends_call { 0 } else { 1 }).await;
        let [first, second] = trial.failure().batches.as_slice() else { panic!("{trial:#?}") };
        let outcome = match meaning {
            UnreachableForNow | Unreachable => "unsent(unreachable)",
            Denied => "unsent(denied-by-host)",
            NoAnswerForNow | NoAnswer => "unknown(no-answer)",
            Other => "unknown(other)",
        };
        assert_eq!(first.outcome.case(), outcome, "{name}");
        assert_eq!(second.outcome.case(), if ends_call { "unsent(stopped)" } else { "accepted" }, "{name}");
        let text = match &trial.failure().cause {
            Error::Unreachable(text) | Error::DeniedByHost(text) | Error::NoAnswer(text) | Error::Other(text) => text,
            cause => panic!("{name}: {cause:?}"),
        };
        assert_eq!(text, name);
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_and_nothing_else() {
    for (code, name, meaning) in codes() {
        let retried = matches!(meaning, UnreachableForNow | NoAnswerForNow);
        let trial = fail_first(&code, 2, if meaning == Denied { 0 } else { 1 + usize::from(retried) }).await;
        let attempts: Vec<u32> = match &trial.result {
            Ok(receipts) => receipts.iter().map(|receipt| receipt.attempts).collect(),
            Err(failure) => failure.batches.iter().map(|batch| batch.attempts).collect(),
        };
        let expected = if retried { [2, 1] } else { [1, u32::from(meaning != Denied)] };
        assert_eq!((trial.result.is_ok(), &*attempts), (retried, &expected[..]), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_perhaps_sent_once_stays_unknown() {
    for (before, outcome) in [
        (ErrorCode::ConnectionReadTimeout, "unknown(unreachable)"),
        (ErrorCode::ConnectionRefused, "unsent(unreachable)"),
    ] {
        let fates = [Fate::Failed(before), Fate::Failed(ErrorCode::TlsCertificateError)];
        let trial = Trial::scripted(Action::DismissRiskyUsers, &IDS, Options::default(), fates).await;
        assert_eq!(trial.batch().outcome.case(), outcome);
    }
}

/// The stream of a host that takes a few bytes at a time, passes them on when it is flushed, and loses what it still holds
/// when it is dropped.
struct Slow {
    inner: DynOutputStream,
    held: Vec<u8>,
    room: usize,
    flushing: bool,
}

#[async_trait]
impl Pollable for Slow {
    async fn ready(&mut self) {
        let _ = self.inner.write_ready().await;
        if self.flushing {
            let _ = self.inner.write(mem::take(&mut self.held).into());
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
        self.held.extend(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        (self.room, self.flushing) = (0, true);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_arrives_whole_at_a_host_that_loses_what_is_not_flushed() {
    let engine = Engine::default();
    let mut linker = grant(&engine).unwrap();
    linker.allow_shadowing(true);
    let write = |mut store: StoreContextMut<'_, Host>, (body,): (Resource<OutgoingBody>,)| {
        let WasiHttpCtxView { table, .. } = store.data_mut().http();
        let Some(inner) = table.get_mut(&body)?.take_output_stream() else { return Ok((Err(()),)) };
        let slow: DynOutputStream = Box::new(Slow { inner, held: Vec::new(), room: 0, flushing: false });
        Ok((Ok::<_, ()>(table.push_child(slow, &body)?),))
    };
    linker.instance("wasi:http/types@0.2.12").unwrap().func_wrap("[method]outgoing-body.write", write).unwrap();
    let component = Component::from_file(&engine, COMPONENT).unwrap();
    let plugin = PluginPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
    let mut store = Store::new(&engine, Host::new(Way::Stub(Script::at_once([accepted()])), canary(), 0));
    let plugin = plugin.instantiate_async(&mut store).await.unwrap();

    let ids = IDS.map(str::to_owned);
    let said = plugin.entra_risk_actions().call_dismiss_risky_users(&mut store, &ids, None).await.unwrap();
    assert!(said.is_ok(), "{said:?}");
    let [exchange] = &*store.data().exchanges() else { panic!("one request") };
    assert_eq!(exchange.request.body(), &format!(r#"{{"userIds":["{}","{}"]}}"#, IDS[0], IDS[1]));
}
