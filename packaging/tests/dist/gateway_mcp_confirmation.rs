//! Confirmations outside the language model: what must be confirmed, and which answers the gateway
//! refuses.

use std::sync::Arc;

use graph_model::{Graph, Settings};
use host_test::script::accepted;
use serde_json::{Value, json};

use crate::gateway_call::{KEY, id};
use crate::gateway_instance::Instance;
use crate::gateway_keys::entry;
use crate::gateway_mcp::{
    COMPROMISE, DISMISS, answered, confirmed, content, is_refused, is_tool_error, message, result, send, tool, users,
};

/// The request, and the answer with the state of an instance that has asked.
pub(crate) async fn asked(instance: &mut Instance, arguments: &Value) -> Value {
    let received = send(instance, tool(COMPROMISE, arguments.clone())).await;
    is_refused(&received, 200, "inputRequired");
    assert_eq!(received.log[0]["status"], 200);
    let result = result(&received);
    assert_eq!(result["resultType"], "input_required");
    let form = &result["inputRequests"]["confirm"];
    assert_eq!((&form["method"], &form["params"]["mode"]), (&json!("elicitation/create"), &json!("form")));
    let text = form["params"]["message"].as_str().unwrap();
    assert!(text.contains("Warning: ") && text.contains(&id(0)), "{text}");
    result["requestState"].clone()
}

async fn instance() -> Instance {
    tool(COMPROMISE, users(0..1)).instance(Arc::new(Graph::new(Settings::default())) as _).await
}

#[tokio::test(start_paused = true)]
async fn confirming_as_compromised_and_long_lists_are_performed_once_a_person_has_confirmed() {
    let mut kept = instance().await;
    let state = asked(&mut kept, &users(0..2)).await;
    let received = send(&mut kept, answered(COMPROMISE, users(0..2), confirmed(&state))).await;
    assert_eq!(content(&received, false)["ids"]["accepted"], 2);
    // A repetition is refused where the instance is kept, and repeats the action where it is not.
    let repeated = send(&mut kept, answered(COMPROMISE, users(0..2), confirmed(&state))).await;
    is_tool_error(&repeated, 409, "confirmationUsed");
    let mut other = instance().await;
    let received = send(&mut other, answered(COMPROMISE, users(0..2), confirmed(&state))).await;
    assert_eq!(content(&received, false)["ids"]["accepted"], 2);
    // Ten ids of other actions need no confirmation.
    assert_eq!(tool(DISMISS, users(0..10)).send([accepted()]).await.exchanges.len(), 1);
    let long = send(&mut kept, tool(DISMISS, users(0..11))).await;
    is_refused(&long, 200, "inputRequired");
    let state = result(&long)["requestState"].clone();
    let received = send(&mut kept, answered(DISMISS, users(0..11), confirmed(&state))).await;
    assert_eq!(content(&received, false)["ids"]["accepted"], 11);
    let longer = tool(DISMISS, users(0..11)).variable("ENTRA_RISK_MCP_ASK_ABOVE", "11");
    assert_eq!(longer.send([accepted()]).await.exchanges.len(), 1);
    let unasked = tool(DISMISS, users(0..11)).variable("ENTRA_RISK_MCP_SECRET", "").send([]).await;
    is_tool_error(&unasked, 413, "tooManyIds");
    assert_eq!(content(&unasked, true)["error"]["maxIds"], 10);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_valid_confirmation_is_refused() {
    let mut kept = instance().await;
    let state = asked(&mut kept, &users(0..2)).await;
    let state_text = state.as_str().unwrap();
    // A state of other ids, another action, another reason, or that was changed.
    let with_reason = json!({ "userIds": [id(0), id(1)], "reason": "another" });
    let changed = json!(format!("{}0", &state_text[..state_text.len() - 1]));
    let changed = if changed == state { json!(format!("{}1", &state_text[..state_text.len() - 1])) } else { changed };
    for call in [
        answered(COMPROMISE, users(0..3), confirmed(&state)),
        answered(COMPROMISE, users(0..1), confirmed(&state)),
        answered(COMPROMISE, with_reason, confirmed(&state)),
        answered("confirm-risky-users-safe", users(0..11), confirmed(&state)),
        answered(COMPROMISE, users(0..2), confirmed(&changed)),
        answered(COMPROMISE, users(0..2), confirmed(&json!(""))),
        answered(COMPROMISE, users(0..2), confirmed(&json!(1))),
        answered(COMPROMISE, users(0..2), confirmed(&Value::Null)),
    ] {
        let received = send(&mut kept, call).await;
        is_refused(&received, 400, "invalidRequestState");
        assert_eq!(received.body["error"]["code"], -32602);
    }
    // Another key, and another secret.
    let keys = entry("other", KEY, &format!(":{COMPROMISE}"));
    for (name, value) in
        [("GATEWAY_KEYS", keys.as_str()), ("ENTRA_RISK_MCP_SECRET", "another-secret-of-at-least-32-bytes")]
    {
        let other = answered(COMPROMISE, users(0..2), confirmed(&state)).variable(name, value);
        is_refused(&other.send([]).await, 400, "invalidRequestState");
    }
    // Without an answer, it is asked again.
    for answer in [
        json!({ "requestState": state }),
        json!({ "requestState": state, "inputResponses": {} }),
        json!({ "inputResponses": confirmed(&state)["inputResponses"] }),
    ] {
        let received = send(&mut kept, answered(COMPROMISE, users(0..2), answer)).await;
        is_refused(&received, 200, "inputRequired");
    }
    for answer in [
        json!({ "action": "decline" }),
        json!({ "action": "cancel" }),
        json!({ "action": "accept", "content": { "confirm": false } }),
    ] {
        let answer = json!({ "requestState": state, "inputResponses": { "confirm": answer } });
        let received = send(&mut kept, answered(COMPROMISE, users(0..2), answer)).await;
        is_tool_error(&received, 403, "notConfirmed");
    }
    // It is still valid.
    let received = send(&mut kept, answered(COMPROMISE, users(0..2), confirmed(&state))).await;
    assert_eq!(content(&received, false)["ids"]["accepted"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_cannot_ask_is_refused() {
    for capabilities in [json!({}), json!({ "elicitation": { "url": {} } })] {
        let params = json!({ "name": COMPROMISE, "arguments": users(0..1) });
        let refused = message("tools/call", params, capabilities).send([]).await;
        is_refused(&refused, 400, "elicitationRequired");
        assert_eq!(refused.body["error"]["code"], -32021);
        assert_eq!(refused.body["error"]["data"]["requiredCapabilities"], json!({ "elicitation": {} }));
    }
    let params = json!({ "name": DISMISS, "arguments": users(0..1) });
    assert_eq!(message("tools/call", params, json!({})).send([accepted()]).await.exchanges.len(), 1);
}
