//! The reason of a request: in every line of the log, and nowhere else.

use host_test::script::accepted;
use serde_json::{Value, json};

use crate::gateway_call::{Call, KEY, USERS, id, users};
use crate::gateway_keys::entry;

const REASON: &str = "Fall 4711: Fehlalarm bei Müller";

/// A request with a reason beside the ids.
fn with_reason(reason: &str) -> Call {
    Call::new(USERS, json!({ "reason": reason, "userIds": [id(1)] }).to_string())
}

#[tokio::test(start_paused = true)]
async fn the_reason_is_in_every_line_and_is_not_sent() {
    let in_header = Call::new(USERS, users(1..2)).header("x-reason", Some(REASON));
    for call in [in_header, with_reason(REASON), with_reason(&format!(" {REASON}\n"))] {
        let received = call.send([accepted()]).await;
        assert_eq!(received.status, 200, "{}", received.body);
        assert_eq!(received.log.len(), 3);
        assert!(received.log.iter().all(|line| line["reason"] == REASON), "{:?}", received.log);
        assert_eq!(received.exchanges[0].request.body(), users(1..2).as_bytes());
        assert!(!format!("{:?}", received.exchanges[0].request.headers()).contains("4711"));
        assert!(!received.body.to_string().contains("4711"), "{}", received.body);
    }
    let without = Call::new(USERS, users(1..2)).header("x-reason", Some("")).send([accepted()]).await;
    assert!(without.log.iter().all(|line| line.get("reason").is_none()), "{:?}", without.log);
}

#[tokio::test(start_paused = true)]
async fn the_operator_can_require_a_reason() {
    let required = |call: Call| call.variable("ENTRA_RISK_REQUIRE_REASON", "true");
    for call in
        [Call::new(USERS, users(0..1)), with_reason(" "), Call::new(USERS, json!({ "userIds": [] }).to_string())]
    {
        let received = required(call).send([]).await;
        received.is_error(400, "reasonRequired");
        assert_eq!(received.log.len(), 1, "{:?}", received.log);
    }
    assert_eq!(required(with_reason(REASON)).send([accepted()]).await.status, 200);
    let optional = Call::new(USERS, users(0..1)).variable("ENTRA_RISK_REQUIRE_REASON", "false");
    assert_eq!(optional.send([accepted()]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_reason_that_is_not_valid_is_rejected_and_not_logged() {
    let longest = "x".repeat(256);
    assert_eq!(with_reason(&longest).send([accepted()]).await.status, 200);
    let too_long = "x".repeat(257);
    for reason in [&too_long, "a\nb", "a\u{1b}[2J", "a\u{202e}b", "a\u{2028}b", "a\u{9b}b", "a\0"] {
        let received = with_reason(reason).send([]).await;
        received.is_error(400, "badRequest");
        assert_eq!(received.log[0].get("reason"), None, "{reason:?}");
    }
    let both = with_reason("a").header("x-reason", Some("a"));
    both.send([]).await.is_error(400, "badRequest");
    let mut twice = Call::new(USERS, users(0..1));
    twice.headers.extend(["a", "b"].map(|reason| ("x-reason", reason.to_owned())));
    twice.send([]).await.is_error(400, "badRequest");
    let no_text = Call::new(USERS, json!({ "userIds": [id(1)], "reason": 4711 }).to_string());
    no_text.send([]).await.is_error(400, "badRequest");
}

/// That of the caller, and that of another caller. `Call` asserts that no response and no log has
/// one.
#[tokio::test(start_paused = true)]
async fn a_key_is_no_reason() {
    let other = "canary-key-of-another-caller";
    for reason in [KEY, &format!("see {KEY}x"), other, &format!("see {other}")] {
        let in_header = Call::new(USERS, users(0..1)).header("x-reason", Some(reason));
        for call in [in_header, with_reason(reason)] {
            let received = call.variable("GATEWAY_KEYS", &entry("other", other, "")).send([]).await;
            received.is_error(400, "badRequest");
            let text = format!("{} {:?}", received.body, received.log);
            assert!(!text.contains(other), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_reason_of_a_caller_without_a_key_is_not_logged() {
    let call = Call::new(USERS, users(0..1)).header("x-reason", Some(REASON)).header("x-api-key", Some("wrong"));
    let received = call.send([]).await;
    received.is_error(401, "unauthorized");
    let [line] = received.log.as_slice() else { panic!("expected one line: {:?}", received.log) };
    assert_eq!((&line["key"], line.get("reason")), (&Value::Null, None));
}
