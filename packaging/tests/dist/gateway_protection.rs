//! Ids that no caller may touch.

use host_test::script::accepted;
use http::Method;
use serde_json::json;

use crate::gateway::PATHS;
use crate::gateway_call::{Call, KEY, USERS, id, users};
use crate::gateway_keys::COMPROMISED;

/// A request with three ids to a gateway that protects the second one, written differently.
fn call(path: &str, field: &str) -> Call {
    let call = Call::new(path, json!({ field: [id(10), id(11), id(12)] }).to_string()).permitted_every_action();
    call.variable("ENTRA_RISK_PROTECTED", &format!("{},\n {{{}}} ", id(99), id(11).to_uppercase()))
}

#[tokio::test(start_paused = true)]
async fn a_request_with_a_protected_id_is_refused_whole() {
    for (path, field, _) in PATHS {
        for scope in ["confirm", "all"] {
            let call = call(path, field).variable("ENTRA_RISK_PROTECT", scope);
            if scope == "confirm" && !path.ends_with("/confirmCompromised") {
                assert_eq!(call.send([accepted()]).await.status, 200, "{path}");
                continue;
            }
            let received = call.send([]).await;
            received.is_error(403, "protected");
            assert_eq!(received.body["error"]["protectedIds"], json!([id(11)]), "{path}");
            let [line] = received.log.as_slice() else { panic!("expected one line: {:?}", received.log) };
            assert_eq!(line["protectedIds"], json!([id(11)]));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ids_are_protected_from_being_confirmed_as_compromised_by_default() {
    let spelled = [id(11).to_uppercase(), format!("{{{}}}", id(11))];
    for id in spelled {
        let body = json!({ "userIds": [id] }).to_string();
        Call { body: body.into(), ..call(COMPROMISED, "userIds") }.send([]).await.is_error(403, "protected");
    }
    call("/beta/riskyUsers/Microsoft.Graph.ConfirmCompromised/", "userIds").send([]).await.is_error(403, "protected");
    assert_eq!(call(USERS, "userIds").send([accepted()]).await.status, 200);
    let others = Call { body: users(0..3).into(), ..call(COMPROMISED, "userIds") };
    assert_eq!(others.send([accepted()]).await.status, 200);
}

/// The id of a sign-in does not tell whose it is.
#[tokio::test(start_paused = true)]
async fn with_protected_ids_a_key_must_name_the_actions_on_sign_ins() {
    for (path, field, _) in PATHS {
        let without_a_list = call(path, field).variable("GATEWAY_KEYS", "").variable("GATEWAY_KEY", KEY);
        if path == USERS {
            assert_eq!(without_a_list.send([accepted()]).await.status, 200);
        } else {
            without_a_list.send([]).await.is_error(403, "forbidden");
        }
    }
    assert_eq!(call("/auditLogs/signIns/dismiss", "requestIds").send([accepted()]).await.status, 200);
}

/// An empty list is one that could not be read.
#[tokio::test(start_paused = true)]
async fn nothing_is_sent_while_the_list_is_not_valid() {
    let valid = id(11);
    let bad_line = format!("{valid}\n{valid}x");
    let settings = [("", "confirm"), (" \n", "all"), (&*bad_line, "confirm"), (&*valid, "none"), (&*valid, "")];
    for (list, scope) in settings {
        for (path, field, _) in PATHS {
            let call = call(path, field).variable("ENTRA_RISK_PROTECTED", list).variable("ENTRA_RISK_PROTECT", scope);
            let received = call.send([]).await;
            received.is_error(500, "misconfigured");
            assert!(!format!("{} {:?}", received.body, received.log).contains(&valid), "{:?}", received.log);
        }
        let probe = Call { method: Method::GET, ..Call::new("/readyz", String::new()) };
        let probe = probe.variable("ENTRA_RISK_PROTECTED", list).variable("ENTRA_RISK_PROTECT", scope);
        assert_eq!(probe.send([]).await.status, 503);
    }
    let scope_only = Call::new(USERS, users(0..1)).variable("ENTRA_RISK_PROTECT", "all").send([]).await;
    scope_only.is_error(500, "misconfigured");
}
