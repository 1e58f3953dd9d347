//! The gateway's keys and other settings, its probes, and the ids of requests.

use host_test::script::{Script, accepted};
use http::Method;
use http::header::ALLOW;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::gateway::PATHS;
use crate::gateway_call::{Call, KEY, Received, USERS, id, users};
use crate::gateway_instance::{HangUp, with_event};

const SIGN_INS: &str = "/auditLogs/signIns/dismiss";
pub(crate) const COMPROMISED: &str = "/identityProtection/riskyUsers/confirmCompromised";
const SOC: &str = "canary-key-of-the-soc";
const AUTOMATION: &str = "canary-key-of-the-automation";

/// An entry of `GATEWAY_KEYS`.
pub(crate) fn entry(name: &str, key: &str, actions: &str) -> String {
    let digits: String = Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name}:{digits}{actions}")
}

/// A request with this key to a gateway that has two named keys.
fn call(path: &str, key: &str) -> Call {
    let field = if path == SIGN_INS { "requestIds" } else { "userIds" };
    let actions = ":dismiss-risky-users+confirm-risky-users-compromised";
    let keys = format!("{},\n{}", entry("soc", SOC, ""), entry("automation", AUTOMATION, actions));
    let call = Call::new(path, json!({ field: [id(1)] }).to_string()).header("x-api-key", Some(key));
    call.variable("GATEWAY_KEY", "").variable("GATEWAY_KEYS", &keys)
}

#[track_caller]
fn contains_no_canary(received: &Received) {
    let text = format!("{:?} {} {:?}", received.headers, received.body, received.log);
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn returns_503_until_a_key_is_configured() {
    for value in ["", " \n"] {
        for key in [None, Some(""), Some(KEY)] {
            let call = Call::new(USERS, users(0..1)).header("x-api-key", key).variable("GATEWAY_KEY", value);
            call.send([]).await.is_error(503, "keyNotConfigured");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_key_is_trimmed() {
    let call = Call::new(USERS, users(0..1)).variable("GATEWAY_KEY", &format!(" {KEY}\r\n"));
    assert_eq!(call.send([accepted()]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn each_named_key_permits_its_actions() {
    let cases = [
        (USERS, SOC, "soc"),
        (SIGN_INS, SOC, "soc"),
        (USERS, AUTOMATION, "automation"),
        (COMPROMISED, AUTOMATION, "automation"),
    ];
    for (path, key, name) in cases {
        let received = call(path, key).send([accepted()]).await;
        assert_eq!(received.status, 200, "{}", received.body);
        assert!(received.log.iter().all(|line| line["key"] == name), "{:?}", received.log);
        contains_no_canary(&received);
    }
    let forbidden = call(SIGN_INS, AUTOMATION).send([]).await;
    forbidden.is_error(403, "forbidden");
    assert_eq!(forbidden.log[0]["key"], "automation");
    assert_eq!(forbidden.log[0]["action"], "dismiss-sign-ins");
    contains_no_canary(&forbidden);
    for key in [KEY, "canary-key-of-the-so", "", &entry("soc", SOC, ""), entry("", SOC, "").trim_start_matches(':')] {
        call(USERS, key).send([]).await.is_error(401, "unauthorized");
    }
}

/// A key without a list permits `dismiss-sign-ins` and `dismiss-risky-users`.
#[tokio::test(start_paused = true)]
async fn an_action_beyond_the_two_must_be_named() {
    for (path, field, _) in PATHS {
        let permitted = path == SIGN_INS || path == USERS;
        for (key, single) in [(SOC, ""), (KEY, KEY)] {
            let call = Call { body: json!({ field: [id(1)] }).to_string().into(), ..call(path, key) };
            let call = call.variable("GATEWAY_KEY", single);
            if permitted {
                assert_eq!(call.send([accepted()]).await.status, 200, "{path}");
                continue;
            }
            let forbidden = call.send([]).await;
            forbidden.is_error(403, "forbidden");
            let message = forbidden.body["error"]["message"].as_str().unwrap();
            let name = forbidden.log[0]["action"].as_str().unwrap();
            assert!(message.contains(name) && message.contains("GATEWAY_KEYS"), "{message}");
        }
    }
    let wildcard = call(USERS, SOC).variable("GATEWAY_KEYS", &entry("soc", SOC, ":*")).send([]).await;
    wildcard.is_error(500, "misconfigured");
}

#[tokio::test(start_paused = true)]
async fn keys_and_names_occur_once() {
    let twice = [
        format!("{} {}", entry("a", SOC, ""), entry("a", AUTOMATION, "")),
        format!("{} {}", entry("a", SOC, ""), entry("b", SOC, ":dismiss-risky-users")),
        entry("a", KEY, ""),
        entry("default", SOC, ""),
    ];
    for keys in twice {
        let call = call(USERS, SOC).variable("GATEWAY_KEY", KEY).variable("GATEWAY_KEYS", &keys);
        call.send([]).await.is_error(500, "misconfigured");
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_key_and_named_keys_can_be_combined() {
    for key in [KEY, SOC, AUTOMATION] {
        let received = call(USERS, key).variable("GATEWAY_KEY", KEY).send([accepted()]).await;
        assert_eq!(received.status, 200, "{}", received.body);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejected_key_is_logged_by_the_action_that_it_was_used_for() {
    let received = call(USERS, "canary-that-is-wrong").header("x-request-id", Some("probe-1")).send([]).await;
    received.is_error(401, "unauthorized");
    let [line] = received.log.as_slice() else { panic!("expected one line: {:?}", received.log) };
    assert_eq!((&line["key"], &line["action"]), (&Value::Null, &json!("dismiss-risky-users")));
    assert_eq!(line["xRequestId"], "probe-1");
    contains_no_canary(&received);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_setting_is_named_without_its_value() {
    let settings = [
        ("GATEWAY_KEY", "canary-15-bytes"),
        ("GATEWAY_KEYS", "canary-value"),
        ("GATEWAY_KEYS", "a:canary-value"),
        ("ENTRA_RISK_CLOUD", "canary-value"),
        ("ENTRA_RISK_DEADLINE_MS", "canary-value"),
        ("ENTRA_RISK_ENDPOINT", "https://user:canary-value@a.test"),
        ("ENTRA_RISK_AUDIENCE", "http://canary-value.test"),
        ("ENTRA_RISK_PATIENCE_MS", "canary-value"),
        ("ENTRA_RISK_ISOLATE_REFUSED", "canary-value"),
        ("ENTRA_RISK_TENANT", "canary-value with a space"),
        ("ENTRA_RISK_REQUIRE_REASON", "canary-value"),
        ("ENTRA_RISK_PROTECTED", "canary-value"),
        ("ENTRA_RISK_PROTECTED", " "),
        ("ENTRA_RISK_PROTECT", "canary-value"),
    ];
    for (name, value) in settings {
        let received = Call::new(USERS, users(0..1)).variable(name, value).send([]).await;
        received.is_error(500, "misconfigured");
        let [settings, request] = received.log.as_slice() else { panic!("expected two lines: {:?}", received.log) };
        assert_eq!((&settings["event"], &request["event"]), (&json!("settings"), &json!("request")));
        let probe = Call { method: Method::GET, ..Call::new("/readyz", String::new()) };
        let probe = probe.variable(name, value).send([]).await;
        assert_eq!((probe.status.as_u16(), &probe.body["error"]["code"]), (503, &json!("misconfigured")));
        for text in [received.body.to_string(), settings["problems"].to_string(), probe.body.to_string()] {
            assert!(text.contains(name) && text.contains(": "), "{text}");
        }
        contains_no_canary(&received);
        contains_no_canary(&probe);
    }
}

#[tokio::test(start_paused = true)]
async fn a_setting_under_an_old_name_is_reported_with_the_new_name() {
    let renamed = [
        ("GATEWAY_CLOUD", "GATEWAY_CLOUD: renamed to ENTRA_RISK_CLOUD"),
        ("GATEWAY_DEADLINE_MS", "GATEWAY_DEADLINE_MS: renamed to ENTRA_RISK_DEADLINE_MS"),
        ("ENTRA_RISK_ENDPOINTS", "ENTRA_RISK_ENDPOINTS: renamed to ENTRA_RISK_ALLOWED_ENDPOINTS"),
    ];
    for (old, problem) in renamed {
        let received = Call::new(USERS, users(0..1)).variable(old, "canary-value").send([]).await;
        received.is_error(500, "misconfigured");
        assert_eq!(received.log[0]["problems"], json!([problem]));
        assert!(received.body["error"]["message"].as_str().unwrap().contains(problem), "{}", received.body);
        contains_no_canary(&received);
        let unset = Call::new(USERS, users(0..1)).variable(old, " ").send([accepted()]).await;
        assert_eq!(unset.status, 200, "{}", unset.body);
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_logs_invalid_settings_once() {
    let call = || Call::new(USERS, users(0..1)).variable("ENTRA_RISK_CLOUD", "moon");
    let mut instance = call().instance(Script::at_once([])).await;
    let probe = Call { method: Method::GET, ..Call::new("/readyz", String::new()) };
    let (_, log) = instance.exchange(probe.request(), HangUp::Never).await;
    let [settings] = log.as_slice() else { panic!("expected one line: {log:?}") };
    assert_eq!(settings["problems"], json!(["ENTRA_RISK_CLOUD: expected global, us-gov-l4, us-gov-l5 or china"]));
    let (_, log) = instance.exchange(call().request(), HangUp::Never).await;
    let [request] = log.as_slice() else { panic!("expected one line: {log:?}") };
    assert_eq!((&request["event"], &request["status"]), (&json!("request"), &json!(500)));
}

/// Only a probe that tests the log writes a line.
#[tokio::test(start_paused = true)]
async fn probes_need_no_key_and_no_id_and_are_not_logged() {
    for method in [Method::GET, Method::HEAD] {
        for (path, status) in [("/healthz", "alive"), ("/readyz", "ready")] {
            let call = Call { method: method.clone(), ..Call::new(path, String::new()) };
            let received = call.header("x-api-key", None).header("x-request-id", Some("a")).send([]).await;
            assert_eq!((received.status.as_u16(), &received.body["status"]), (200, &json!(status)));
            assert!(!received.headers.contains_key("x-request-id"), "{:?}", received.headers);
            assert_eq!(with_event(&received.log, "try").len(), received.log.len());
            assert_eq!(received.log.len(), usize::from(path == "/readyz"), "{:?}", received.log);
        }
    }
    let unset = Call { method: Method::GET, ..Call::new("/readyz", String::new()) }.variable("GATEWAY_KEY", "");
    let unset = unset.send([]).await;
    assert_eq!((unset.status.as_u16(), &unset.body["error"]["code"]), (503, &json!("keyNotConfigured")));
    let post = Call::new("/healthz", String::new()).send([]).await;
    assert_eq!((post.status.as_u16(), post.headers[ALLOW].to_str().unwrap()), (405, "GET, HEAD"));
}

#[tokio::test(start_paused = true)]
async fn the_callers_request_id_is_in_the_response_and_in_the_log() {
    let longest = "x".repeat(64);
    for given in ["case-4711", "a.B_2", &longest] {
        let received = Call::new(USERS, users(0..1)).header("x-request-id", Some(given)).send([accepted()]).await;
        assert_eq!(received.headers["x-request-id"], given);
        assert_eq!(received.log.len(), 3);
        assert!(received.log.iter().all(|line| line["xRequestId"] == given), "{:?}", received.log);
    }
    let too_long = "x".repeat(65);
    let others = [None, Some("a b"), Some("a/b"), Some("a:1"), Some("\u{e9}"), Some(""), Some(too_long.as_str())];
    for given in others {
        let received = Call::new(USERS, users(0..1)).header("x-request-id", given).send([accepted()]).await;
        is_random(&received);
    }
    let mut twice = Call::new(USERS, users(0..1));
    twice.headers.extend(["a", "b"].map(|id| ("x-request-id", id.to_owned())));
    is_random(&twice.send([accepted()]).await);
}

/// The keys of both callers, sent by one of them or without a valid key.
#[tokio::test(start_paused = true)]
async fn a_key_as_request_id_is_neither_logged_nor_returned() {
    for given in [SOC, AUTOMATION, &format!("x-{SOC}")] {
        let received = call(USERS, SOC).header("x-request-id", Some(given)).send([accepted()]).await;
        is_random(&received);
        contains_no_canary(&received);
    }
    for key in ["wrong", ""] {
        let received = call(USERS, key).header("x-request-id", Some(AUTOMATION)).send([]).await;
        received.is_error(401, "unauthorized");
        is_random(&received);
        contains_no_canary(&received);
    }
    let basic = call(USERS, SOC).header("x-api-key", None).header("authorization", Some(&format!("Basic {SOC}")));
    let received = basic.header("x-request-id", Some(&format!("x-{SOC}"))).send([]).await;
    received.is_error(401, "unauthorized");
    contains_no_canary(&received);
    // The gateway does not know its keys.
    let misconfigured = call(USERS, SOC).variable("ENTRA_RISK_CLOUD", "moon").header("x-request-id", Some(AUTOMATION));
    contains_no_canary(&misconfigured.send([]).await);
}

#[track_caller]
fn is_random(received: &Received) {
    let id = received.headers["x-request-id"].to_str().unwrap();
    assert!(id.parse::<uuid::Uuid>().is_ok(), "{id}");
    assert!(received.log.iter().all(|line| line["xRequestId"] == id), "{:?}", received.log);
}
