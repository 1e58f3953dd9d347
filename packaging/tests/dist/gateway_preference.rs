//! `prefer: handling=strict`: a success means that every id was accepted.

use graph_model::Behavior;
use host_test::script::{accepted, graph_error};
use http::header::RETRY_AFTER;
use serde_json::{Value, json};

use crate::gateway_call::{Call, Received, USERS, not_found, users};

/// The response to 120 users, who are sent in two requests.
async fn send(prefer: Option<&str>, behaviors: Vec<Behavior>) -> Received {
    let call = Call::new(USERS, users(0..120)).header("prefer", prefer).variable("ENTRA_RISK_DEADLINE_MS", "5000");
    call.variable("ENTRA_RISK_ISOLATE_REFUSED", "false").send(behaviors).await
}

#[tokio::test(start_paused = true)]
async fn a_strict_response_is_a_success_only_if_every_id_was_accepted() {
    let denied = || graph_error(403, &[], "Authorization_RequestDenied", "Insufficient privileges.");
    let throttled = || graph_error(429, &[("retry-after", "400")], "TooManyRequests", "Too many requests.");
    type Behaviors = fn() -> Behavior;
    let cases: [(Behaviors, u16, u16, Option<&str>); 5] = [
        (accepted, 200, 200, None),
        (not_found, 207, 422, Some("client-error")),
        (denied, 207, 502, Some("forbidden")),
        (throttled, 207, 503, Some("throttled")),
        (|| Behavior::Silence, 207, 504, Some("deadline-exceeded")),
    ];
    for (second, lenient, strict, kind) in cases {
        for (prefer, status) in
            [(None, lenient), (Some("handling=lenient"), lenient), (Some("a, Handling=\"strict\"; b"), strict)]
        {
            let received = send(prefer, vec![accepted(), second()]).await;
            assert_eq!(received.status, status, "{prefer:?} {}", received.body["cause"]);
            assert_eq!(received.body["cause"]["kind"].as_str(), kind);
            // The report is the same.
            let expected = if kind.is_none() { 120 } else { 60 };
            assert_eq!(received.body["ids"]["accepted"], expected);
            assert_eq!(received.log.last().unwrap()["status"], status);
            let applied = received.headers.get("preference-applied").map(|value| value.to_str().unwrap());
            assert_eq!(applied, prefer.filter(|value| value.contains("strict")).map(|_| "handling=strict"));
            assert_eq!(received.headers.get(RETRY_AFTER).is_some(), status == 503, "{prefer:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_strict_response_to_a_rejected_request_and_to_an_empty_list_is_as_without_the_preference() {
    let rejected = Call::new(USERS, "{}".to_owned()).header("prefer", Some("handling=strict")).send([]).await;
    rejected.is_error(400, "badRequest");
    let empty = Call::new(USERS, json!({ "userIds": [] }).to_string()).header("prefer", Some("handling=strict"));
    let empty = empty.send([]).await;
    assert_eq!((empty.status.as_u16(), &empty.body["cause"]), (200, &Value::Null));
}
