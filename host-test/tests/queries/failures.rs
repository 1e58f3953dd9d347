//! Responses other than a page, and requests without a response.

use std::time::Duration;

use graph_model::{Behavior, Reply};
use host_test::plugin::canary;
use host_test::reader::queries::{ErrorKind, Options};
use host_test::reader::{Listing, Reader};
use host_test::script::{DATE, REQUEST_ID, Script, graph_error, respond, response};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

use super::{found, link, page};

async fn read(options: Options, behaviors: impl IntoIterator<Item = Behavior>) -> Listing {
    Reader::scripted(behaviors).await.read(options).await
}

/// Each status of Microsoft Graph, its meaning, and whether it is retried.
const STATUSES: &[(u16, ErrorKind, bool)] = &[
    (201, ErrorKind::UnexpectedStatus, false),
    (202, ErrorKind::UnexpectedStatus, false),
    (204, ErrorKind::UnexpectedStatus, false),
    (206, ErrorKind::UnexpectedStatus, false),
    (301, ErrorKind::UnexpectedStatus, false),
    (302, ErrorKind::UnexpectedStatus, false),
    (304, ErrorKind::UnexpectedStatus, false),
    (307, ErrorKind::UnexpectedStatus, false),
    (400, ErrorKind::ClientError, false),
    (401, ErrorKind::Unauthenticated, true),
    (403, ErrorKind::Forbidden, false),
    (404, ErrorKind::ClientError, false),
    (405, ErrorKind::ClientError, false),
    (407, ErrorKind::ClientError, false),
    (408, ErrorKind::ClientError, true),
    (409, ErrorKind::ClientError, false),
    (410, ErrorKind::ClientError, false),
    (413, ErrorKind::ClientError, false),
    (414, ErrorKind::ClientError, false),
    (421, ErrorKind::ClientError, true),
    (422, ErrorKind::ClientError, false),
    (429, ErrorKind::Throttled, true),
    (499, ErrorKind::ClientError, false),
    (500, ErrorKind::ServerError, true),
    (501, ErrorKind::ServerError, false),
    (502, ErrorKind::ServerError, true),
    (503, ErrorKind::ServerError, true),
    (504, ErrorKind::ServerError, true),
    (505, ErrorKind::ServerError, false),
    (509, ErrorKind::ServerError, true),
    (599, ErrorKind::ServerError, false),
];

#[tokio::test(start_paused = true)]
async fn each_status_has_its_meaning() {
    for &(status, kind, is_retried) in STATUSES {
        let failure = || graph_error(status, &[], "Code", "The message.");
        if is_retried {
            let listing = read(Options::default(), [failure(), page(&["1"], None)]).await;
            assert_eq!((listing.end.as_ref(), listing.entries().len()), (None, 1), "{status}");
        }
        let ends_at_once = !matches!(status, 401 | 429);
        // A 429 ends the query when patience is over.
        let options = Options { max_attempts: Some(1), patience_ms: Some(1), ..Options::default() };
        let attempts = if ends_at_once { 1 } else { 2 };
        let listing = read(options, (0..attempts).map(|_| failure())).await;
        let error = listing.error();
        assert_eq!(error.kind, kind, "{status}");
        assert!(error.message.starts_with(&format!("{status}: ")), "{}", error.message);
        let response = error.response.as_ref().unwrap();
        // The body of a 204 is not read.
        if status != 204 {
            assert!(error.message.ends_with("; Code; The message."), "{}", error.message);
            assert_eq!((&*response.code, &*response.message), ("Code", "The message."));
        }
        assert_eq!(response.status, status);
        assert_eq!((response.request_id.as_deref(), response.date.as_deref()), (Some(REQUEST_ID), Some(DATE)));
        let sent = listing.exchanges.last().unwrap().request.headers()["client-request-id"].clone();
        assert_eq!(response.client_request_id, sent);
    }
}

#[tokio::test(start_paused = true)]
async fn what_to_do_is_said_in_words_about_reading() {
    for (status, message, text) in [
        (400, "Invalid filter clause", "400: the service does not accept the query: check the filter"),
        (404, "Resource not found for the segment 'riskyUsers'.", "404: this cloud or version does not have it: check"),
        (403, "Your tenant is not licensed for this feature.", "403: the tenant lacks the license that this needs"),
        (403, "", "403: a permission, a role or a license is missing"),
        (413, "", "413: the service does not accept the query"),
    ] {
        let listing = read(Options::default(), [graph_error(status, &[], "", message)]).await;
        assert!(listing.error().message.starts_with(text), "{}", listing.error().message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_403_after_a_page_is_an_error_too() {
    let behaviors = [page(&["1"], Some(&link("a"))), graph_error(403, &[], "Forbidden", "")];
    let listing = read(Options::default(), behaviors).await;
    assert_eq!((listing.error().kind, listing.entries().len()), (ErrorKind::Forbidden, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_page_ends_the_query() {
    for body in [
        "",
        "<html>Sign in</html>",
        "{}",
        "[]",
        "null",
        r#"{"value":"#,
        r#"{"value":null}"#,
        r#"{"value":{}}"#,
        r#"{"value":[{}]}"#,
        r#"{"value":[{"id":7}]}"#,
        r#"{"value":[],"@odata.nextLink":{}}"#,
        r#"{"error":{"code":"Code","message":"m"}}"#,
        "\u{0}\u{1b}[2J",
    ] {
        let listing = read(Options::default(), [found(body)]).await;
        let error = listing.error();
        assert_eq!(error.kind, ErrorKind::UnexpectedStatus, "{body}");
        let text =
            "the response is not a page of Microsoft Graph: check the endpoint and the proxy settings of the host";
        assert_eq!(error.message, text, "{body}");
        assert_eq!(error.response.as_ref().map(|response| response.status), Some(200));
    }
    let compressed = [0x1f_u8, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0];
    let listing = read(Options::default(), [respond(200, &[("content-encoding", "gzip")], compressed.to_vec())]).await;
    assert_eq!(listing.error().kind, ErrorKind::UnexpectedStatus);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_breaks_off_is_read_again() {
    let part = response(200, &[], r#"{"value":[{"id":"1"}"#);
    let behaviors = [Behavior::Truncated(part.clone()), Behavior::Stalled(part), page(&["1"], None)];
    let options = Options { attempt_timeout_ms: Some(5_000), ..Options::default() };
    let listing = read(options, behaviors).await;
    assert_eq!((listing.end.as_ref(), listing.entries().len(), listing.exchanges.len()), (None, 1, 3));

    let part = response(200, &[], r#"{"value":[]}"#);
    let options = Options { max_attempts: Some(1), ..Options::default() };
    let listing = read(options, [Behavior::Truncated(part)]).await;
    assert_eq!(listing.error().kind, ErrorKind::NoResponse);
    assert_eq!(listing.error().message, "no complete response arrived: the page broke off");
}

#[tokio::test(start_paused = true)]
async fn silence_ends_with_the_timeout() {
    let options = Options { max_attempts: Some(2), attempt_timeout_ms: Some(7_000), ..Options::default() };
    let listing = read(options, [Behavior::Silence, Behavior::Silence]).await;
    assert_eq!(listing.error().kind, ErrorKind::NoResponse);
    assert_eq!(listing.error().message, "no complete response arrived: no response within 7000 ms");
    assert!((17_000..18_000).contains(&listing.elapsed.as_millis()), "{:?}", listing.elapsed);
}

#[tokio::test(start_paused = true)]
async fn the_error_codes_of_the_host_have_their_meaning() {
    for (code, kind, is_retried) in [
        (ErrorCode::DnsTimeout, ErrorKind::Unreachable, true),
        (ErrorCode::ConnectionRefused, ErrorKind::Unreachable, true),
        (ErrorCode::ConnectionTimeout, ErrorKind::NoResponse, true),
        (ErrorCode::HttpProtocolError, ErrorKind::NoResponse, true),
        (ErrorCode::TlsProtocolError, ErrorKind::Unreachable, false),
        (ErrorCode::TlsCertificateError, ErrorKind::Unreachable, false),
        (ErrorCode::HttpRequestDenied, ErrorKind::DeniedByHost, false),
        (ErrorCode::HttpResponseBodySize(None), ErrorKind::NoResponse, false),
        (ErrorCode::ConfigurationError, ErrorKind::Other, false),
    ] {
        if is_retried {
            let mut reader = Reader::scripted([page(&["1"], None)]).await;
            reader.host().fail_next([code.clone()]);
            assert_eq!(reader.read(Options::default()).await.end, None, "{code:?}");
        }
        let mut reader = Reader::scripted([]).await;
        reader.host().fail_next([code.clone()]);
        let options = Options { max_attempts: Some(1), ..Options::default() };
        assert_eq!(reader.read(options).await.error().kind, kind, "{code:?}");
    }
    // Once a page was read, a failed handshake may be by chance.
    let mut reader = Reader::scripted([page(&["1"], None), page(&["1"], None)]).await;
    assert_eq!(reader.read(Options::default()).await.end, None);
    reader.host().fail_next([ErrorCode::TlsProtocolError]);
    assert_eq!(reader.read(Options::default()).await.end, None);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_a_minute_loses_nothing() {
    let failures = (0..9).map(|_| graph_error(503, &[], "", ""));
    let listing = read(Options::default(), failures.chain([page(&["1"], None)])).await;
    assert_eq!((listing.end.as_ref(), listing.exchanges.len()), (None, 10));
    assert!((79_000..100_000).contains(&listing.elapsed.as_millis()), "{:?}", listing.elapsed);

    let listing = read(Options::default(), (0..10).map(|_| graph_error(500, &[], "", ""))).await;
    assert_eq!(listing.error().kind, ErrorKind::ServerError);
}

#[tokio::test(start_paused = true)]
async fn each_page_has_all_attempts() {
    let failure = || graph_error(502, &[], "", "");
    let options = Options { max_attempts: Some(2), ..Options::default() };
    let behaviors = [failure(), page(&["1"], Some(&link("a"))), failure(), page(&["2"], None)];
    let listing = read(options, behaviors).await;
    assert_eq!((listing.end.as_ref(), listing.entries().len()), (None, 2));
    let sent: Vec<String> = listing.exchanges.iter().map(|exchange| exchange.request.uri().to_string()).collect();
    assert_eq!((&sent[0], &sent[2]), (&sent[1], &sent[3]), "the same page is read again");
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_is_waited_out() {
    for status in [429, 503, 500] {
        let failure = graph_error(status, &[("retry-after", "20")], "", "");
        let listing = read(Options::default(), [failure, page(&["1"], None)]).await;
        assert_eq!(listing.end, None);
        assert!((20_000..25_100).contains(&listing.elapsed.as_millis()), "{status}: {:?}", listing.elapsed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_beyond_patience_or_deadline_ends_the_query_immediately() {
    let patience = Options::default();
    let deadline = Options { deadline_ms: Some(100_000), ..Options::default() };
    for (options, seconds, option) in [(patience, "181", "patience-ms"), (deadline, "101", "deadline-ms")] {
        for (status, kind) in [(429, ErrorKind::Throttled), (503, ErrorKind::ServerError)] {
            let failure = graph_error(status, &[("retry-after", seconds)], "", "");
            let listing = read(options.clone(), [failure]).await;
            let error = listing.error();
            assert_eq!((error.kind, listing.elapsed), (kind, Duration::ZERO));
            let expected = format!("{status}: the service asks to wait {seconds} s, longer than {option} permits: ");
            assert!(error.message.starts_with(&expected), "{}", error.message);
            let asked = error.response.as_ref().unwrap().retry_after_ms;
            assert_eq!(asked, Some(seconds.parse::<u32>().unwrap() * 1_000));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_ends_when_patience_is_over() {
    let throttled = || Reply::at_once(graph_error(429, &[], "TooManyRequests", ""));
    let service = Script::new((0..9).map(|_| throttled()).chain([Reply::at_once(page(&["1"], None))]));
    let mut reader = Reader::with(service, canary()).await;
    let options = Options { max_attempts: Some(1), ..Options::default() };
    // The script ends with a page, so that attempts that are answered 429 cannot have counted.
    let listing = reader.read(options).await;
    assert!(listing.end.is_none() || listing.error().kind == ErrorKind::Throttled, "{:?}", listing.end);
}
