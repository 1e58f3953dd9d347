//! Tokens of the reader: requested before each attempt, renewed once after a 401, never revealed.

use graph_model::Behavior;
use host_test::bindings::credentials::{Credential, TokenError, TokenRequest};
use host_test::host::TokenSource;
use host_test::plugin::{CANARY, canary};
use host_test::reader::queries::{Cloud, ErrorKind, Options};
use host_test::reader::{Listing, Reader};
use host_test::script::{Script, graph_error, respond, response};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

use super::{found, link, page};

async fn read(source: TokenSource, options: Options, behaviors: impl IntoIterator<Item = Behavior>) -> Listing {
    Reader::with(Script::at_once(behaviors), source).await.read(options).await
}

fn unauthorized(challenge: &str) -> Behavior {
    graph_error(401, &[("www-authenticate", challenge)], "InvalidAuthenticationToken", "")
}

#[tokio::test(start_paused = true)]
async fn a_token_is_requested_before_each_attempt() {
    let options = Options {
        tenant: Some("Contoso".into()),
        cloud: Some(Cloud::UsGovL4),
        endpoint: Some("https://Gateway.Example:443".into()),
        ..Options::default()
    };
    let next = link("a").replace("graph.microsoft.com", "graph.microsoft.us");
    let behaviors = [graph_error(503, &[], "", ""), page(&["1"], Some(&next)), page(&["2"], None)];
    let listing = read(canary(), options, behaviors).await;
    let plain = TokenRequest {
        tenant: Some("Contoso".into()),
        audience: "https://graph.microsoft.us".into(),
        endpoint: "https://gateway.example".into(),
        refresh: false,
        claims: None,
    };
    assert_eq!((listing.end, listing.token_requests), (None, vec![plain; 3]));
    assert!(listing.exchanges.iter().all(|exchange| exchange.request.uri().host() == Some("gateway.example")));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_revoked_in_the_middle_of_a_list_is_renewed() {
    let source: TokenSource = Box::new(|request| {
        Ok(Credential::of(if request.refresh { format!("fresh-{CANARY}") } else { CANARY.to_owned() }))
    });
    let challenge = r#"Bearer error="insufficient_claims", claims="e30=""#;
    let behaviors = [
        page(&["1"], Some(&link("a"))),
        unauthorized("Bearer"),
        page(&["2"], Some(&link("b"))),
        unauthorized(challenge),
        page(&["3"], None),
    ];
    let options = Options { max_attempts: Some(1), ..Options::default() };
    let listing = read(source, options, behaviors).await;
    assert_eq!((listing.end.as_ref(), listing.entries().len()), (None, 3));
    let asked: Vec<_> =
        listing.token_requests.iter().map(|request| (request.refresh, request.claims.as_deref())).collect();
    assert_eq!(asked, [(false, None), (false, None), (true, None), (false, None), (true, Some("{}"))]);
    let sent = |n: usize| listing.exchanges[n].request.headers()["authorization"].as_bytes();
    assert!(sent(2) == format!("Bearer fresh-{CANARY}").as_bytes());
}

#[tokio::test(start_paused = true)]
async fn a_rejected_fresh_token_ends_the_query() {
    let listing = read(canary(), Options::default(), [unauthorized("Bearer"), unauthorized("Bearer")]).await;
    assert_eq!(listing.error().kind, ErrorKind::Unauthenticated);
    let challenge = [("www-authenticate", r#"Bearer error="insufficient_claims", claims="e30=""#)];
    let forbidden = || graph_error(403, &challenge, "", "");
    let listing = read(canary(), Options::default(), [forbidden(), forbidden()]).await;
    assert_eq!(listing.error().kind, ErrorKind::Forbidden);
}

#[tokio::test(start_paused = true)]
async fn without_a_usable_token_nothing_is_sent() {
    let sources: [TokenSource; 3] = [
        Box::new(|_| Err(TokenError::Denied("no credential".into()))),
        Box::new(|_| Ok(Credential::of(format!("{CANARY}\n")))),
        Box::new(|_| Err(TokenError::Unavailable("no credential".into()))),
    ];
    for source in sources {
        let listing = read(source, Options::default(), []).await;
        assert_eq!(listing.error().kind, ErrorKind::NoToken);
        assert!(listing.elapsed.as_secs() <= 200 && listing.token_requests.len() <= 40, "{listing:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_token_provider_loses_nothing() {
    let mut left = 5;
    let source: TokenSource = Box::new(move |_| {
        left -= 1;
        if left > 0 { Err(TokenError::Unavailable("down".into())) } else { Ok(Credential::of(CANARY)) }
    });
    let listing = read(source, Options::default(), [page(&["1"], None)]).await;
    assert_eq!((listing.end, listing.token_requests.len()), (None, 5));
}

#[tokio::test(start_paused = true)]
async fn the_host_can_attach_the_token() {
    let source: TokenSource = Box::new(|_| Ok(Credential { bearer: None }));
    let listing = read(source, Options::default(), [page(&["1"], None)]).await;
    assert_eq!(listing.end, None);
    assert!(!listing.exchanges[0].request.headers().contains_key("authorization"));
}

/// `Reader::read` checks that no output contains the token.
#[tokio::test(start_paused = true)]
async fn no_text_contains_the_token() {
    let echo = format!("Bearer {CANARY} is not valid; {CANARY}");
    let headers = [("request-id", &*echo), ("date", &*echo)];
    let error = format!(r#"{{"error":{{"code":"{echo}","message":"{echo}","innerError":{{"date":"{echo}"}}}}}}"#);
    let options = || Options { max_attempts: Some(1), patience_ms: Some(1), ..Options::default() };
    for status in [302, 400, 401, 403, 429, 503] {
        let behaviors = vec![respond(status, &headers, error.clone()); if matches!(status, 401 | 429) { 2 } else { 1 }];
        let listing = read(canary(), options(), behaviors).await;
        let response = listing.error().response.as_ref().unwrap();
        assert_eq!(response.message, "Bearer [token] is not valid; [token]", "{status}");
    }
    // A page that is none, a link that leads elsewhere, and a page that breaks off.
    for body in [&*echo, &format!(r#"{{"value":[],"@odata.nextLink":"{echo}"}}"#)] {
        read(canary(), options(), [respond(200, &headers, body.to_owned())]).await.error();
    }
    read(canary(), options(), [Behavior::Truncated(response(200, &headers, echo.clone()))]).await.error();

    let body = format!(
        r#"{{"value":[{{"id":"{CANARY}","displayName":"{echo}","riskLevel":"{echo}","riskState":"{echo}",
            "riskDetail":"{echo}","riskLastUpdatedDateTime":"{echo}"}}]}}"#
    );
    let listing = read(canary(), options(), [found(body)]).await;
    assert_eq!(listing.entries()[0].name, "Bearer [token] is not valid; [token]");

    let denied: TokenSource = {
        let (mut is_first, echo) = (true, echo.clone());
        Box::new(move |_| match std::mem::take(&mut is_first) {
            true => Ok(Credential::of(CANARY)),
            false => Err(TokenError::Denied(echo.clone())),
        })
    };
    let listing = read(denied, options(), [page(&["1"], Some(&link("a")))]).await;
    assert!(listing.error().message.contains("[token]"), "{}", listing.error().message);

    let mut reader = Reader::scripted([]).await;
    reader.host().fail_next([ErrorCode::InternalError(Some(echo))]);
    assert!(reader.read(options()).await.error().message.contains("[token]"));
}
