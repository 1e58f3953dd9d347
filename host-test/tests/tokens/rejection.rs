//! Tokens: requested before each attempt, renewed once after a 401, never revealed.

use std::time::Duration;

use graph_model::{Behavior, Reply};
use host_test::bindings::actions::{Options, RateLimit};
use host_test::bindings::credentials::{Credential, TokenRequest};
use host_test::checked_call::CheckedCall;
use host_test::plugin::{Action, CANARY, canary};
use host_test::script::{Script, accepted, graph_error};
use uuid::Uuid;

use super::{dismiss, one_by_one, source};

fn unauthorized(www_authenticate: &str) -> Behavior {
    graph_error(
        401,
        &[("www-authenticate", www_authenticate)],
        "InvalidAuthenticationToken",
        "Access token is invalid.",
    )
}

#[tokio::test(start_paused = true)]
async fn a_token_is_requested_before_each_attempt() {
    let behaviors = [graph_error(503, &[], "", ""), accepted(), accepted()];
    let call = dismiss(canary(), one_by_one(), behaviors).await;
    let plain = TokenRequest {
        tenant: None,
        audience: "https://graph.microsoft.com".into(),
        endpoint: "https://graph.microsoft.com".into(),
        refresh: false,
        claims: None,
    };
    assert_eq!(call.token_requests, [plain.clone(), plain.clone(), plain]);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_is_renewed_and_the_batch_sent_again_at_once() {
    let fresh = source(|request| {
        let token = if request.refresh { format!("fresh-{CANARY}") } else { CANARY.into() };
        Ok(Credential::of(token))
    });
    let call = dismiss(fresh, Options::default(), [unauthorized("Bearer"), accepted()]).await;
    assert_eq!(call.accepted()[0].attempts, 2);
    let refresh: Vec<bool> = call.token_requests.iter().map(|request| request.refresh).collect();
    assert_eq!(refresh, [false, true]);
    assert_eq!(call.exchanges[1].sent, Duration::ZERO);
    let sent = |n: usize| call.exchanges[n].request.headers()["authorization"].as_bytes();
    assert!(sent(0) == format!("Bearer {CANARY}").as_bytes() && sent(1) == format!("Bearer fresh-{CANARY}").as_bytes());
}

#[tokio::test(start_paused = true)]
async fn a_rejected_fresh_token_ends_the_call() {
    let call = dismiss(canary(), one_by_one(), [unauthorized("Bearer"), unauthorized("Bearer")]).await;
    let failure = call.failure();
    assert_eq!(failure.cause.case(), "unauthenticated");
    let outcomes: Vec<String> = failure.batches.iter().map(|batch| batch.case()).collect();
    assert_eq!(outcomes, ["not-applied(unauthenticated)", "not-applied(not-attempted)"]);
    assert_eq!(failure.cause.response.as_ref().map(|error| &*error.code), Some("InvalidAuthenticationToken"));
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_does_not_count_as_an_attempt() {
    for (max_attempts, behaviors) in [
        (1, vec![unauthorized("Bearer"), accepted()]),
        (2, vec![graph_error(503, &[], "", ""), unauthorized("Bearer"), accepted()]),
    ] {
        let options = Options { max_attempts: Some(max_attempts), ..Options::default() };
        let requests = behaviors.len();
        let call = dismiss(canary(), options, behaviors).await;
        assert_eq!(call.accepted()[0].attempts as usize, requests);
    }
}

#[tokio::test(start_paused = true)]
async fn requests_rejected_with_one_token_cause_one_refresh() {
    let ids: Vec<String> = (1..=32).map(|n| Uuid::from_u128(n).to_string()).collect();
    let options = Options {
        ids_per_request: Some(1),
        max_in_flight: Some(32),
        rate_limit: Some(RateLimit { requests: 100, window_ms: 1_000 }),
        ..Options::default()
    };
    let late = Duration::from_millis(200);
    let rejected = (0..32).map(|_| Reply::at_once(unauthorized("Bearer")).after(late));
    let service = Script::new(rejected.chain((0..32).map(|_| Reply::at_once(accepted()).after(late))));
    let call = CheckedCall::before(service, canary(), Action::DismissSignIns, &ids, options).await;
    assert!(call.accepted().iter().all(|batch| batch.attempts == 2));
    assert_eq!(call.token_requests.iter().filter(|request| request.refresh).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_403_is_final_unless_it_asks_for_claims() {
    let forbidden =
        |challenge: &str| graph_error(403, &[("www-authenticate", challenge)], "Authorization_RequestDenied", "");
    let challenge = r#"Bearer realm="", error="insufficient_claims", claims="e30=""#;
    let call = dismiss(canary(), Options::default(), [forbidden(challenge), accepted()]).await;
    assert!(call.result.is_ok());
    assert_eq!((call.token_requests[1].refresh, call.token_requests[1].claims.as_deref()), (true, Some("{}")));

    let call = dismiss(canary(), one_by_one(), [forbidden(challenge), forbidden(challenge)]).await;
    assert_eq!(call.outcomes(), ["not-applied(forbidden)", "not-applied(not-attempted)"]);

    let call = dismiss(canary(), one_by_one(), [forbidden(r#"Bearer error="insufficient_scope""#)]).await;
    assert_eq!(call.outcomes(), ["not-applied(forbidden)", "not-applied(not-attempted)"]);
    assert_eq!(call.failure().cause.case(), "forbidden");
}

#[tokio::test(start_paused = true)]
async fn a_token_request_contains_tenant_audience_and_endpoint() {
    for (endpoint, normal) in [
        ("https://Gateway.Example:443", "https://gateway.example"),
        ("https://Gateway.Example:8443", "https://gateway.example:8443"),
        ("http://LOCALHOST:80", "http://localhost"),
        ("http://[::1]:443", "http://[::1]:443"),
    ] {
        let options = Options {
            tenant: Some("Contoso".into()),
            audience: Some("https://Graph.Example:443".into()),
            endpoint: Some(endpoint.into()),
            ..Options::default()
        };
        let call = dismiss(canary(), options, [accepted()]).await;
        let expected = TokenRequest {
            tenant: Some("Contoso".into()),
            audience: "https://Graph.Example:443".into(),
            endpoint: normal.into(),
            refresh: false,
            claims: None,
        };
        assert_eq!(call.token_requests, [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_claims_challenge_is_decoded_for_the_token_source() {
    // In each base64 text there are characters in which the two alphabets differ.
    const CLAIMS: &str = r#"{"access_token":{"nbf":{"value":"1>?"}}}"#;
    let standard = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7InZhbHVlIjoiMT4/In19fQ==";
    let forms = [
        format!(
            "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
             error=\"insufficient_claims\", claims=\"{standard}\""
        ),
        format!(r#"Bearer claims="{standard}", error="insufficient_claims""#),
        format!(r#"Bearer error="insufficient_claims",claims="{}""#, standard.trim_end_matches('=')),
        format!(r#"Bearer error="insufficient_claims", claims="{}""#, standard.replace('/', "_")),
        format!(r#"bearer ERROR=insufficient_claims, Claims="{}""#, standard.replace('/', "_").trim_end_matches('=')),
        format!(r#"Basic realm="x, error=\"y\"", Bearer error="insufficient_claims", claims="{standard}""#),
    ];
    for form in forms {
        let call = dismiss(canary(), Options::default(), [unauthorized(&form), accepted()]).await;
        let [_, renewal] = call.token_requests.as_slice() else { panic!("{form}: {call:#?}") };
        assert_eq!((renewal.refresh, renewal.claims.as_deref()), (true, Some(CLAIMS)), "{form}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_challenges_request_no_claims() {
    let forms = [
        "",
        "Bearer",
        r#"Bearer error="invalid_token", claims="e30=""#,
        r#"Bearer error="insufficient_claims""#,
        r#"Bearer error="insufficient_claims", claims="""#,
        r#"Bearer error="insufficient_claims", claims="%%%""#,
        r#"Bearer error="insufficient_claims", claims="bm90IEpTT04=""#,
        // 1.5, which is no object.
        r#"Bearer error="insufficient_claims", claims="MS41""#,
        r#"Bearer error="insufficient_claims", claims="/w==""#,
        r#"Basic error="insufficient_claims", claims="e30=""#,
        r#"Bearer error="insufficient_claims", claims="e30="#,
        r#"=,"",\"#,
    ];
    for form in forms {
        let call = dismiss(canary(), Options::default(), [unauthorized(form), accepted()]).await;
        let [_, renewal] = call.token_requests.as_slice() else { panic!("{form}: {call:#?}") };
        let unfinished = form.ends_with("e30=");
        assert_eq!((renewal.refresh, renewal.claims.as_deref()), (true, unfinished.then_some("{}")), "{form}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_token_is_sent_in_full() {
    let long = source(|_| Ok(Credential::of("x".repeat(65_536))));
    let call = dismiss(long, Options::default(), [accepted()]).await;
    assert_eq!(call.exchanges[0].request.headers()["authorization"].len(), "Bearer ".len() + 65_536);
}
