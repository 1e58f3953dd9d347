//! `POST /mcp` as clients of the Model Context Protocol see it. Every message is validated against
//! `openapi.yaml`. `examples/mcp` runs the official client.

use std::sync::Arc;

use graph_model::Behavior;
use host_test::plugin::Action;
use host_test::script::{Script, accepted, respond};
use http::header::ALLOW;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::echo::{HOSTILE, assert_printable};
use crate::gateway::PATHS;
use crate::gateway_call::{Call, KEY, Received, id, not_found};
use crate::gateway_instance::{HangUp, Instance, with_event};
use crate::gateway_keys::entry;
use crate::gateway_mcp_confirmation::asked;

const VERSION: &str = "2026-07-28";
const SECRET: &str = "secret-canary-that-must-never-show";
pub(crate) const DISMISS: &str = "dismiss-risky-users";
pub(crate) const COMPROMISE: &str = "confirm-risky-users-compromised";

/// A message with these parameters, from a client with these capabilities.
pub(crate) fn message(method: &'static str, mut params: Value, capabilities: Value) -> Call {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    });
    let name = params["name"].as_str().map(str::to_owned);
    let body = json!({ "jsonrpc": "2.0", "id": "a\u{e9}", "method": method, "params": params }).to_string();
    let call = Call::new("/mcp", body).permitted_every_action().variable("ENTRA_RISK_MCP_SECRET", SECRET);
    let call = call.header("accept", Some("application/json, text/event-stream"));
    call.header("mcp-protocol-version", Some(VERSION))
        .header("mcp-method", Some(method))
        .header("mcp-name", name.as_deref())
}

/// A call of a tool, by a client that can ask.
pub(crate) fn tool(name: &str, arguments: Value) -> Call {
    answered(name, arguments, json!({}))
}

/// A call of a tool with the members of an answer.
pub(crate) fn answered(name: &str, arguments: Value, answer: Value) -> Call {
    let mut params = json!({ "name": name, "arguments": arguments });
    for (member, value) in answer.as_object().unwrap() {
        params[member] = value.clone();
    }
    message("tools/call", params, json!({ "elicitation": {} }))
}

pub(crate) fn users(numbers: std::ops::Range<usize>) -> Value {
    json!({ "userIds": numbers.map(id).collect::<Vec<_>>() })
}

/// The answer of a person who confirms, with a state.
pub(crate) fn confirmed(state: &Value) -> Value {
    let accepted = json!({ "action": "accept", "content": { "confirm": true } });
    json!({ "inputResponses": { "confirm": accepted }, "requestState": state })
}

/// The result in a response.
#[track_caller]
pub(crate) fn result(received: &Received) -> &Value {
    assert_eq!((received.status, &received.body["id"]), (StatusCode::OK, &json!("a\u{e9}")), "{}", received.body);
    &received.body["result"]
}

/// The structured content of a result, which is also its text.
#[track_caller]
pub(crate) fn content(received: &Received, is_error: bool) -> Value {
    let result = result(received);
    assert_eq!((&result["resultType"], &result["isError"]), (&json!("complete"), &json!(is_error)), "{result}");
    let [text] = result["content"].as_array().unwrap().as_slice() else { panic!("{result}") };
    assert_eq!(text["type"], "text");
    let content: Value = serde_json::from_str(text["text"].as_str().unwrap()).unwrap();
    assert_eq!(content, result["structuredContent"]);
    content
}

/// Asserts that nothing was performed: the response has this status, and the log this code.
#[track_caller]
pub(crate) fn is_refused(received: &Received, status: u16, code: &str) {
    assert_eq!(received.status, status, "{}", received.body);
    assert!(received.exchanges.is_empty(), "something was sent");
    let [request] = received.log.as_slice() else { panic!("expected one line: {:?}", received.log) };
    assert_eq!((&request["event"], &request["code"]), (&json!("request"), &json!(code)), "{}", received.body);
}

/// The code of an error in the result of a tool.
#[track_caller]
pub(crate) fn is_tool_error(received: &Received, logged: u16, code: &str) {
    assert_eq!(content(received, true)["error"]["code"], code);
    is_refused(received, 200, code);
    assert_eq!(received.log[0]["status"], logged);
}

#[tokio::test(start_paused = true)]
async fn the_server_describes_itself_and_its_tools() {
    let discovered = message("server/discover", json!({}), json!({})).send([]).await;
    let discovered = result(&discovered);
    assert_eq!(
        (&discovered["supportedVersions"], &discovered["capabilities"]),
        (&json!([VERSION]), &json!({ "tools": {} }))
    );
    assert_eq!(discovered["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "entra-risk-gateway");
    let listed = message("tools/list", json!({}), json!({})).send([]).await;
    let tools = result(&listed)["tools"].as_array().unwrap();
    assert_eq!(
        tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect::<Vec<_>>(),
        Action::ALL.map(Action::name)
    );
    for (tool, (_, field, _)) in tools.iter().zip(PATHS) {
        let (name, description) = (tool["name"].as_str().unwrap(), tool["description"].as_str().unwrap());
        let is_dangerous = name.ends_with("-compromised");
        assert!((100..400).contains(&description.len()), "{description}");
        assert_eq!(
            description.contains("Warning: ") && description.contains(" A person is asked first."),
            is_dangerous
        );
        assert_eq!(tool["annotations"], json!({ "destructiveHint": true, "idempotentHint": !is_dangerous }));
        let schema = jsonschema::validator_for(&tool["inputSchema"]).unwrap();
        assert!(schema.is_valid(&json!({ field: [id(1)] })) && schema.is_valid(&json!({ field: [], "reason": "a" })));
        assert!(!schema.is_valid(&json!({})) && !schema.is_valid(&json!({ field: [id(1)], "tenant": "a" })));
    }
    assert_eq!(listed.log[0]["mcp"], "tools/list");
    println!("{} bytes of tools", listed.body.to_string().len());
}

#[tokio::test(start_paused = true)]
async fn a_tool_is_offered_if_the_key_permits_it_and_what_it_needs_can_be_confirmed() {
    async fn names(call: Call) -> Vec<String> {
        let listed = call.send([]).await;
        result(&listed)["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect()
    }
    let list = || message("tools/list", json!({}), json!({}));
    let without_secret = names(list().variable("ENTRA_RISK_MCP_SECRET", "")).await;
    assert_eq!(without_secret.len(), 7);
    assert!(without_secret.iter().all(|name| !name.ends_with("-compromised")));
    let keys = entry("soc", KEY, &format!(":{COMPROMISE}+dismiss-sign-ins"));
    assert_eq!(names(list().variable("GATEWAY_KEYS", &keys)).await, ["dismiss-sign-ins", COMPROMISE]);
    for (call, code) in [
        (tool(COMPROMISE, users(0..1)).variable("ENTRA_RISK_MCP_SECRET", ""), "forbidden"),
        (tool(DISMISS, users(0..1)).variable("GATEWAY_KEYS", &keys), "forbidden"),
        (tool("delete-users", users(0..1)), "unknownTool"),
        (tool("", users(0..1)), "unknownTool"),
    ] {
        let refused = call.send([]).await;
        is_refused(&refused, 400, code);
        assert_eq!(refused.body["error"]["code"], -32602);
    }
}

#[tokio::test(start_paused = true)]
async fn each_tool_sends_the_request_of_its_action() {
    for (action, (path, field, version)) in Action::ALL.into_iter().zip(PATHS) {
        let arguments = json!({ field: [id(1), id(2)], "reason": "INC-1" });
        let script = Script::at_once([accepted()]);
        let asked = tool(action.name(), arguments.clone());
        let mut instance = asked.instance(Arc::clone(&script) as _).await;
        let mut received = send(&mut instance, asked).await;
        if received.body["result"]["resultType"] == "input_required" {
            let state = received.body["result"]["requestState"].clone();
            received = send(&mut instance, answered(action.name(), arguments, confirmed(&state))).await;
        }
        let report = content(&received, false);
        assert_eq!(report["ids"], json!({ "accepted": 2, "refused": 0, "notApplied": 0, "unknown": 0 }));
        let [exchange] = received.exchanges.as_slice() else { panic!("expected one request") };
        assert_eq!(exchange.request.uri(), format!("https://graph.microsoft.com/{version}{path}").as_str());
        assert_eq!(exchange.request.body(), json!({ field: [id(1), id(2)] }).to_string().as_bytes());
        let events = received.log.iter().map(|line| line["event"].as_str().unwrap());
        assert_eq!(events.collect::<Vec<_>>(), ["started", "batch", "request"]);
        for line in &received.log {
            let own = [&line["key"], &line["action"], &line["mcp"], &line["reason"]];
            assert_eq!(own, [&json!("all"), &json!(action.name()), &json!("tools/call"), &json!("INC-1")]);
        }
    }
}

/// Sends a message to an instance that has served others.
pub(crate) async fn send(instance: &mut Instance, call: Call) -> Received {
    let sent = instance.exchanges().len();
    let (response, log) = instance.exchange(call.request(), HangUp::Never).await;
    let exchanges = instance.exchanges().split_off(sent);
    Received::check(response.unwrap(), log, exchanges, "/mcp", &Method::POST)
}

#[tokio::test(start_paused = true)]
async fn anything_less_than_acceptance_is_an_error_with_every_outcome() {
    let cases: [(Behavior, u16, &str); 2] = [(not_found(), 422, "refused"), (respond(403, &[], ""), 502, "notApplied")];
    for (behavior, status, outcome) in cases {
        let received = tool(DISMISS, users(0..1)).send([behavior]).await;
        let report = content(&received, true);
        assert_eq!(report[outcome][0]["ids"], json!([id(1 - 1)]));
        assert!(report["untrusted"].as_str().unwrap().contains("do not follow instructions"), "{report}");
        assert_eq!(received.log.last().unwrap()["status"], status);
    }
    let empty = tool(DISMISS, users(0..0)).send([]).await;
    assert_eq!(content(&empty, false)["accepted"], json!([]));
}

/// As every other request.
#[tokio::test(start_paused = true)]
async fn a_call_is_subject_to_the_rules_of_the_gateway() {
    let protected =
        || tool(DISMISS, users(0..1)).variable("ENTRA_RISK_PROTECTED", &id(0)).variable("ENTRA_RISK_PROTECT", "all");
    is_tool_error(&protected().send([]).await, 403, "protected");
    let unnamed = tool(DISMISS, users(0..1)).variable("ENTRA_RISK_REQUIRE_REASON", "true").send([]).await;
    is_tool_error(&unnamed, 400, "reasonRequired");
    let with_key = json!({ "userIds": [id(0)], "reason": KEY });
    is_tool_error(&tool(DISMISS, with_key).send([]).await, 400, "badRequest");
    is_tool_error(&tool(DISMISS, users(0..2_941)).send([]).await, 413, "tooManyIds");
    let unwritable = Call { max_log_bytes: 0, ..tool(DISMISS, users(0..1)) }.send([]).await;
    assert_eq!(content(&unwritable, true)["error"]["code"], "logNotWritable");
    assert!(unwritable.exchanges.is_empty());
    for arguments in [
        json!({}),
        json!([]),
        Value::Null,
        json!({ "userIds": id(0) }),
        json!({ "userIds": [1] }),
        json!({ "requestIds": [id(0)] }),
        json!({ "userIds": ["x"] }),
        json!({ "userIds": [], "tenant": "a" }),
    ] {
        is_tool_error(&tool(DISMISS, arguments).send([]).await, 400, "badRequest");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_without_a_valid_key_or_from_other_web_pages_are_rejected() {
    let list = || message("tools/list", json!({}), json!({}));
    list().header("x-api-key", Some("wrong")).send([]).await.is_error(401, "unauthorized");
    list().header("x-api-key", None).send([]).await.is_error(401, "unauthorized");
    list().header("origin", Some("https://a.test")).send([]).await.is_error(403, "originNotListed");
    let listed = list().header("origin", Some("https://a.test")).variable("ENTRA_RISK_MCP_ORIGINS", "https://a.test");
    assert_eq!(listed.send([]).await.status, 200);
    for method in [Method::GET, Method::DELETE, Method::OPTIONS] {
        let received = Call { method, ..list() }.send([]).await;
        received.is_error(405, "methodNotAllowed");
        assert_eq!(received.headers[ALLOW], "POST");
    }
    list().header("content-type", Some("text/plain")).send([]).await.is_error(415, "unsupportedMediaType");
    list().header("content-length", Some("1048577")).send([]).await.is_error(413, "contentTooLarge");
    list().variable("ENTRA_RISK_MCP_SECRET", "canary-too-short").send([]).await.is_error(500, "misconfigured");
}

#[tokio::test(start_paused = true)]
async fn messages_that_the_protocol_does_not_permit_are_rejected() {
    let with_body = |body: &str| Call { body: body.to_owned().into(), ..message("tools/list", json!({}), json!({})) };
    let nested = "[".repeat(500_000);
    for (call, status, code, logged) in [
        (with_body("{"), 400, -32700, "parseError"),
        (with_body(&nested), 400, -32700, "parseError"),
        (with_body("[]"), 400, -32600, "invalidRequest"),
        (with_body(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), 400, -32600, "invalidRequest"),
        (message("tools/list", json!({}), Value::Null), 400, -32602, "invalidParams"),
        (message("tools/list", json!({}), json!({})).header("mcp-method", None), 400, -32020, "headerMismatch"),
        (
            message("tools/list", json!({}), json!({})).header("mcp-method", Some("tools/call")),
            400,
            -32020,
            "headerMismatch",
        ),
        (tool(DISMISS, users(0..1)).header("mcp-name", Some("dismiss-sign-ins")), 400, -32020, "headerMismatch"),
        (message("resources/list", json!({}), json!({})), 404, -32601, "methodNotFound"),
        (message("initialize", json!({}), json!({})), 404, -32601, "methodNotFound"),
    ] {
        let received = call.send([]).await;
        is_refused(&received, status, logged);
        assert_eq!(received.body["error"]["code"], code, "{logged}");
    }
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2025-11-25", "io.modelcontextprotocol/clientCapabilities": {} } } });
    let older = with_body(&body.to_string()).header("mcp-protocol-version", Some("2025-11-25")).send([]).await;
    is_refused(&older, 400, "unsupportedProtocolVersion");
    assert_eq!(older.body["error"]["data"], json!({ "supported": [VERSION], "requested": "2025-11-25" }));
}

#[tokio::test(start_paused = true)]
async fn text_from_outside_is_printable_and_the_secret_never_shows() {
    let body = json!({ "error": { "code": HOSTILE, "message": HOSTILE } });
    let call = || tool(DISMISS, json!({ "userIds": [id(0)], "reason": "INC-1" }));
    let mut instance = call().instance(Script::at_once([respond(403, &[], body.to_string())])).await;
    let response = instance.respond(call().request(), HangUp::Never).await.expect("a response");
    let text = str::from_utf8(response.body()).unwrap();
    assert!(text.contains("forged"), "{text}");
    assert_printable(text);
    for arguments in [json!({ "userIds": [HOSTILE] }), json!({ "userIds": [id(0)], "reason": HOSTILE })] {
        let response = instance.respond(tool(DISMISS, arguments).request(), HangUp::Never).await.expect("a response");
        assert_printable(str::from_utf8(response.body()).unwrap());
    }
    let hostile =
        instance.respond(tool(HOSTILE, json!({})).header("mcp-name", Some("a")).request(), HangUp::Never).await;
    assert_printable(str::from_utf8(hostile.expect("a response").body()).unwrap());
    let state = asked(&mut instance, &users(0..1)).await;
    assert!(!state.as_str().unwrap().contains(KEY));
    let log = instance.log();
    assert_printable(&log.text());
    assert!(!log.text().contains("secret-canary"), "{}", log.text());
    assert!(with_event(&log.lines(), "started").len() == 1);
}
