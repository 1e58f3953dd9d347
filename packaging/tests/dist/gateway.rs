//! The gateway as its callers see it, with a scripted Microsoft Graph. Every response is validated
//! against `openapi.yaml`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use graph_model::{Behavior, Graph, Settings};
use host_test::host::RecordedExchange;
use host_test::plugin::CANARY;
use host_test::script::{accepted, graph_error, respond};
use http::header::{ALLOW, AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::compositions::wasi_imports;
use crate::gateway_call::{Body, Call, KEY, Rest, USERS, document, id, not_found, users};
use crate::gateway_instance::HangUp;

/// The path of each action, the member of its body, and its default version.
pub(crate) const PATHS: [(&str, &str, &str); 11] = [
    ("/auditLogs/signIns/dismiss", "requestIds", "v1.0"),
    ("/auditLogs/signIns/confirmSafe", "requestIds", "beta"),
    ("/auditLogs/signIns/confirmCompromised", "requestIds", "beta"),
    (USERS, "userIds", "v1.0"),
    ("/identityProtection/riskyUsers/confirmSafe", "userIds", "v1.0"),
    ("/identityProtection/riskyUsers/confirmCompromised", "userIds", "v1.0"),
    ("/identityProtection/riskyServicePrincipals/dismiss", "servicePrincipalIds", "v1.0"),
    ("/identityProtection/riskyServicePrincipals/confirmCompromised", "servicePrincipalIds", "v1.0"),
    ("/identityProtection/riskyAgents/dismiss", "agentIds", "beta"),
    ("/identityProtection/riskyAgents/confirmSafe", "agentIds", "beta"),
    ("/identityProtection/riskyAgents/confirmCompromised", "agentIds", "beta"),
];

#[tokio::test(start_paused = true)]
async fn each_action_is_forwarded_to_graph() {
    for (path, field, default) in PATHS {
        for (prefix, version) in [("", default), ("/v1.0", "v1.0"), ("/beta", "beta")] {
            let body = json!({ field: [id(1), id(2)] }).to_string();
            let call = Call::new(&format!("{prefix}{path}"), body.clone()).permitted_every_action();
            let received = call.send([accepted()]).await;
            assert_eq!(received.status, 200, "{path}: {}", received.body);
            assert_eq!(received.body["ids"], json!({"accepted": 2, "refused": 0, "notApplied": 0, "unknown": 0}));
            assert_eq!(received.body["cause"], Value::Null);
            let [RecordedExchange { request, .. }] = received.exchanges.as_slice() else {
                panic!("expected one request")
            };
            assert_eq!(request.uri(), format!("https://graph.microsoft.com/{version}{path}").as_str());
            assert_eq!(request.body(), body.as_bytes());
            assert!(!format!("{:?}", request.headers()).contains(KEY), "the request contains the key");
            assert_eq!(request.headers()[AUTHORIZATION], format!("Bearer {CANARY}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_is_a_success_without_batches() {
    for (path, field, _) in PATHS {
        let call = Call { token: None, ..Call::new(path, json!({ field: [] }).to_string()) };
        let received = call.permitted_every_action().send([]).await;
        assert_eq!((received.status.as_u16(), &received.body["cause"]), (200, &Value::Null), "{path}");
        for list in ["accepted", "refused", "notApplied", "unknown"] {
            assert_eq!((&received.body["ids"][list], &received.body[list]), (&json!(0), &json!([])), "{path}");
        }
        let [request] = received.log.as_slice() else { panic!("expected one line: {:?}", received.log) };
        assert_eq!((&request["status"], &request["ids"]), (&json!(200), &received.body["ids"]));
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_key_is_unauthorized() {
    for authorization in [None, Some("Bearer wrong"), Some(CANARY), Some(KEY), Some("Basic a2V5")] {
        let call = Call::new(USERS, users(0..1)).header("x-api-key", None).header("authorization", authorization);
        let received = call.send([]).await;
        received.is_error(401, "unauthorized");
        assert_eq!(received.headers[WWW_AUTHENTICATE], "Bearer");
    }
    // Without the key, unknown paths and methods are not distinguishable.
    let elsewhere = Call { method: Method::GET, ..Call::new("/", String::new()).header("x-api-key", Some("wrong")) };
    elsewhere.send([]).await.is_error(401, "unauthorized");
    let bearer = Call::new(USERS, users(0..1)).header("x-api-key", None);
    let bearer = bearer.header("authorization", Some(&format!("Bearer {KEY}")));
    assert_eq!(bearer.send([accepted()]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn other_paths_are_not_found_and_other_methods_not_allowed() {
    for path in ["/", "/v1.0/users", "/v2.0/identityProtection/riskyUsers/dismiss", "/signIns/dismiss"] {
        Call::new(path, users(0..1)).send([]).await.is_error(404, "notFound");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS, Method::HEAD, Method::TRACE] {
        let received = Call { method, ..Call::new(USERS, users(0..1)) }.send([]).await;
        received.is_error(405, "methodNotAllowed");
        assert_eq!(received.headers[ALLOW], "POST");
    }
}

#[tokio::test(start_paused = true)]
async fn other_bodies_are_rejected() {
    for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let call = Call::new(USERS, users(0..1)).header("content-type", content_type);
        call.send([]).await.is_error(415, "unsupportedMediaType");
    }
    let long = "[".repeat(1_000_000);
    let zero = json!({ "userIds": [uuid::Uuid::nil().to_string()] }).to_string();
    for body in ["", "{", "null", r#"{"userIds":["x"]}"#, r#"{"requestIds":[]}"#, "\u{feff}{}", &long, &zero] {
        Call::new(USERS, body.to_owned()).send([]).await.is_error(400, "badRequest");
    }
    let twice = format!(r#"{{"userIds":["{}"],"userIds":["{}"]}}"#, id(1), id(2));
    Call::new(USERS, twice).send([]).await.is_error(400, "badRequest");
    let binary = Body { parts: vec![Bytes::from_static(b"{\"userIds\":[\"\xff\"]}")], rest: Rest::End };
    Call::new(USERS, binary).send([]).await.is_error(400, "badRequest");
}

#[tokio::test(start_paused = true)]
async fn other_charsets_and_encodings_are_rejected() {
    for charset in ["iso-8859-1", "utf-16", "utf-7", "\"utf-16le\""] {
        let content_type = format!("application/json; charset={charset}");
        let call = Call::new(USERS, users(0..1)).header("content-type", Some(&content_type));
        call.send([]).await.is_error(415, "unsupportedMediaType");
    }
    for encoding in ["gzip", "br", "identity, deflate"] {
        let call = Call::new(USERS, users(0..1)).header("content-encoding", Some(encoding));
        let received = call.send([]).await;
        received.is_error(415, "unsupportedContentEncoding");
        assert_eq!(received.headers["accept-encoding"], "identity");
    }
    let utf8 = Call::new(USERS, users(0..1)).header("content-type", Some("application/json; charset=\"UTF-8\""));
    assert_eq!(utf8.send([accepted()]).await.status, 200);
}

/// Time is virtual and responses take 200 ms: as many ids as the response names are finished before
/// the deadline.
#[tokio::test(start_paused = true)]
async fn more_ids_than_the_deadline_allows_are_rejected_with_the_number_that_fits() {
    // One action on sign-ins, users, service principals and agents each.
    for (path, field, _) in [0, 3, 6, 8].map(|action| PATHS[action]) {
        for deadline_ms in [None, Some("1500"), Some("12000"), Some("120000")] {
            let call = |ids: usize| {
                let body = json!({ field: (0..ids).map(id).collect::<Vec<_>>() }).to_string();
                let call = Call::new(path, body).permitted_every_action();
                deadline_ms.iter().fold(call, |call, value| call.variable("ENTRA_RISK_DEADLINE_MS", value))
            };
            let start = Instant::now();
            let rejected = call(20_000).send([]).await;
            rejected.is_error(413, "tooManyIds");
            assert_eq!(start.elapsed(), Duration::ZERO, "the response was not immediate");
            let max = rejected.body["error"]["maxIds"].as_u64().unwrap() as usize;
            assert!(rejected.body["error"]["message"].as_str().unwrap().contains(&max.to_string()));
            call(max + 1).send([]).await.is_error(413, "tooManyIds");
            let graph = Arc::new(Graph::new(Settings::default()));
            let finished = call(max).send_before(Arc::clone(&graph) as _).await;
            assert_eq!(finished.status, 200, "{path}, {max} ids: {}", finished.body["cause"]);
        }
    }
    // Repeated ids count once.
    let repeated = json!({ "userIds": (0..10_000).map(|number| id(number % 60)).collect::<Vec<_>>() }).to_string();
    assert_eq!(Call::new(USERS, repeated).send([accepted()]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_body_over_one_mebibyte_is_too_large() {
    let announced = Call::new(USERS, String::new()).header("content-length", Some("1048577"));
    announced.send([]).await.is_error(413, "contentTooLarge");
    let chunks = || vec![Bytes::from(vec![b' '; 64 << 10]); 16];
    let chunked = Body { parts: [chunks(), vec![Bytes::from_static(b" ")]].concat(), rest: Rest::End };
    Call::new(USERS, chunked).send([]).await.is_error(413, "contentTooLarge");
    let endless =
        Body { parts: vec![Bytes::from(vec![b' '; 8 << 20])], rest: Rest::Trickle(Box::pin(sleep(Duration::ZERO))) };
    Call::new(USERS, endless).send([]).await.is_error(413, "contentTooLarge");
    let just = Body { parts: chunks(), rest: Rest::End };
    Call::new(USERS, just).send([]).await.is_error(400, "badRequest");
}

#[tokio::test(start_paused = true)]
async fn slow_and_truncated_bodies_are_rejected() {
    let partial = vec![Bytes::from(users(0..3)).slice(..40)];
    let slow = Body { parts: partial.clone(), rest: Rest::Trickle(Box::pin(sleep(Duration::ZERO))) };
    let start = tokio::time::Instant::now();
    Call::new(USERS, slow).send([]).await.is_error(408, "bodyTimeout");
    assert_eq!(start.elapsed().as_secs(), 10);
    let truncated = Body { parts: partial, rest: Rest::Reset };
    Call::new(USERS, truncated).send([]).await.is_error(400, "incompleteBody");
}

#[tokio::test(start_paused = true)]
async fn the_status_depends_on_the_outcomes() {
    let denied = || graph_error(403, &[], "Authorization_RequestDenied", "Insufficient privileges.");
    let throttled = || graph_error(429, &[("retry-after", "400")], "TooManyRequests", "Too many requests.");
    let cases: [(usize, Vec<Behavior>, u16, &str); 8] = [
        (120, vec![accepted(), not_found()], 207, "client-error"),
        (120, vec![not_found(), not_found()], 422, "client-error"),
        (61, vec![not_found(), Behavior::Silence], 207, "deadline-exceeded"),
        (60, vec![denied()], 502, "forbidden"),
        (60, vec![throttled()], 503, "throttled"),
        (60, vec![Behavior::Silence], 504, "deadline-exceeded"),
        (60, vec![respond(200, &[], "<html>Sign in</html>")], 502, "unexpected-status"),
        (60, vec![respond(302, &[("location", "https://a.test")], "")], 502, "unexpected-status"),
    ];
    for (ids, behaviors, status, kind) in cases {
        let call = Call::new(USERS, users(0..ids)).variable("ENTRA_RISK_DEADLINE_MS", "5000");
        let received = call.variable("ENTRA_RISK_ISOLATE_REFUSED", "false").send(behaviors).await;
        assert_eq!((received.status.as_u16(), received.body["cause"]["kind"].as_str()), (status, Some(kind)));
        let counted: u64 = received.body["ids"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
        assert_eq!(counted, ids as u64, "{kind}");
        assert_eq!(received.headers.get(RETRY_AFTER).is_some(), status == 503, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn refused_ids_are_reported_alone_with_their_reasons() {
    for (absent, status) in [(vec![7], 207), (vec![7, 100], 207), ((0..120).collect(), 422)] {
        let ids = absent.iter().map(|number| id(*number).parse().unwrap()).collect();
        let graph = Graph::new(Settings { absent: ids, ..Settings::default() });
        let call = Call::new(USERS, users(0..120)).variable("ENTRA_RISK_DEADLINE_MS", "300000");
        let received = call.send_before(Arc::new(graph)).await;
        assert_eq!(received.status, status, "{}", received.body);
        let refused = received.body["refused"].as_array().unwrap();
        assert_eq!(refused.len(), absent.len(), "{}", received.body);
        for (batch, number) in refused.iter().zip(absent) {
            assert_eq!(batch["ids"], json!([id(number)]));
            assert!(batch["error"]["message"].as_str().unwrap().contains(&id(number)), "{batch}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_token_is_a_503() {
    let received = Call { token: None, ..Call::new(USERS, users(0..1)) }.send([]).await;
    assert_eq!((received.status.as_u16(), &received.body["cause"]["kind"]), (503, &json!("no-token")));
}

#[tokio::test(start_paused = true)]
async fn requests_to_one_instance_share_the_rate_limit() {
    let graph = Arc::new(Graph::new(Settings::default()));
    let call = |number: usize| Call::new(USERS, users(number * 60..(number + 1) * 60));
    let mut instance = call(0).instance(Arc::clone(&graph) as _).await;
    let start = Instant::now();
    for number in 0..20 {
        let (response, _) = instance.exchange(call(number).request(), HangUp::Never).await;
        assert_eq!(response.unwrap().status(), 200);
    }
    assert_eq!(graph.count(StatusCode::TOO_MANY_REQUESTS), 0);
    assert!((19..=20).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn settings_are_passed_to_the_plugin() {
    let call = Call::new(USERS, users(0..1)).variable("ENTRA_RISK_CLOUD", "us-gov-l4");
    let received = call.send([accepted()]).await;
    assert_eq!(received.exchanges[0].request.uri().host(), Some("graph.microsoft.us"));
    let call = Call::new(USERS, users(0..1)).variable("ENTRA_RISK_ENDPOINT", "http://127.0.0.1:8080");
    let call = call.variable("ENTRA_RISK_ALLOWED_ENDPOINTS", "http://127.0.0.1:8080");
    let received = call.send([accepted()]).await;
    assert_eq!(received.exchanges[0].request.uri().authority().unwrap(), "127.0.0.1:8080");
    // Patience is never less than two windows.
    let call = Call::new(USERS, users(0..1)).variable("ENTRA_RISK_PATIENCE_MS", "1");
    let received = call.send([graph_error(429, &[("retry-after", "3")], "TooManyRequests", "")]).await;
    assert_eq!(received.body["cause"]["kind"], "throttled");
}

#[test]
fn the_openapi_document_describes_the_paths() {
    let paths = document()["paths"].as_object().unwrap();
    let mut expected: BTreeSet<&str> = PATHS.iter().map(|(path, ..)| *path).collect();
    expected.extend(["/mcp", "/healthz", "/readyz", "/openapi.yaml"]);
    assert_eq!(paths.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    for (path, field, _) in PATHS {
        let name = paths[path]["post"]["requestBody"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let schema = &document()["components"]["requestBodies"][name]["content"]["application/json"]["schema"];
        let root = json!({ "allOf": [schema], "components": document()["components"] });
        let validator = jsonschema::validator_for(&root).unwrap();
        let braced = format!("{{{}}}", id(1));
        for ids in [json!([]), json!([id(1)]), json!([braced])] {
            assert!(validator.is_valid(&json!({ field: ids })), "{path}");
            assert!(validator.is_valid(&json!({ field: ids, "reason": "a" })), "{path}");
        }
        for wrong in [json!({ field: [1] }), json!({}), json!({ field: [id(1)], "a": 1 }), json!({ field: id(1) })] {
            assert!(!validator.is_valid(&wrong), "{path}: {wrong}");
        }
    }
}

#[test]
fn imports_are_those_of_the_worlds() {
    let expected = "cli/environment cli/stderr clocks/monotonic-clock clocks/wall-clock filesystem/preopens \
         filesystem/types http/outgoing-handler http/types io/error io/poll io/streams \
         random/random";
    assert_eq!(wasi_imports("entra-risk-gateway"), expected);
}
