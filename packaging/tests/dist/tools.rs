//! The tools as their hosts call them, with a scripted Microsoft Graph.

use std::sync::Arc;
use std::time::Duration;

use graph_model::Service;
use host_test::host::{Host, Outbound, RecordedExchange};
use host_test::plugin::{Action, CANARY, canary};
use host_test::script::{Script, accepted, respond};
use serde_json::json;
use wasmtime::Store;
use wasmtime_wasi::WasiCtx;

use crate::compositions::{component, link};
use crate::echo::{Echo, HOSTILE, assert_printable};
use crate::gateway_call::{id, not_found};
use crate::token_adapter::ENVIRONMENT;

/// The path of each action and the member of its body, in the order of the contract.
const REQUESTS: [(&str, &str); 11] = [
    ("/v1.0/auditLogs/signIns/dismiss", "requestIds"),
    ("/beta/auditLogs/signIns/confirmSafe", "requestIds"),
    ("/beta/auditLogs/signIns/confirmCompromised", "requestIds"),
    ("/v1.0/identityProtection/riskyUsers/dismiss", "userIds"),
    ("/v1.0/identityProtection/riskyUsers/confirmSafe", "userIds"),
    ("/v1.0/identityProtection/riskyUsers/confirmCompromised", "userIds"),
    ("/v1.0/identityProtection/riskyServicePrincipals/dismiss", "servicePrincipalIds"),
    ("/v1.0/identityProtection/riskyServicePrincipals/confirmCompromised", "servicePrincipalIds"),
    ("/beta/identityProtection/riskyAgents/dismiss", "agentIds"),
    ("/beta/identityProtection/riskyAgents/confirmSafe", "agentIds"),
    ("/beta/identityProtection/riskyAgents/confirmCompromised", "agentIds"),
];

/// Calls a tool. Returns its text, which must contain no token, and what it sent.
async fn call(tool: &str, ids: &[String], script: Arc<Script>) -> (Result<String, String>, Vec<RecordedExchange>) {
    let (text, exchanges) = call_with(&[("ENTRA_RISK_CREDENTIAL", "graph-token")], tool, ids, script).await;
    assert!(!format!("{text:?}").contains(CANARY), "the text contains the token: {text:?}");
    (text, exchanges)
}

/// Calls a tool with these variables. A token and an application are configured.
async fn call_with(
    variables: &[(&str, &str)],
    tool: &str,
    ids: &[String],
    graph: Arc<dyn Service>,
) -> (Result<String, String>, Vec<RecordedExchange>) {
    let tools = link(component("entra-risk-tools")).unwrap();
    let mut wasi = WasiCtx::builder();
    wasi.env("GRAPH_TOKEN", CANARY).env("ENTRA_RISK_DEADLINE_MS", "3600000").envs(ENVIRONMENT).envs(variables);
    let host = Host::with(&mut wasi, Outbound::InProcess(graph), canary(), 1);
    let mut store = Store::new(tools.engine(), host);
    let instance = tools.instantiate_async(&mut store).await.unwrap();
    let function = instance.get_typed_func::<(&[String],), (Result<String, String>,)>(&mut store, tool).expect(tool);
    let (text,) = function.call_async(&mut store, (ids,)).await.expect("the tool trapped");
    (text, store.data().exchanges())
}

#[tokio::test(start_paused = true)]
async fn each_tool_sends_the_request_of_its_action() {
    for (action, (path, field)) in Action::ALL.into_iter().zip(REQUESTS) {
        let (text, exchanges) = call(action.name(), &[id(1), id(2)], Script::at_once([accepted()])).await;
        assert_eq!(text, Ok("2 of 2 ids accepted.".to_owned()), "{}", action.name());
        let [RecordedExchange { request, .. }] = exchanges.as_slice() else { panic!("expected one request") };
        assert_eq!(request.uri(), format!("https://graph.microsoft.com{path}").as_str());
        assert_eq!(request.body(), json!({ field: [id(1), id(2)] }).to_string().as_bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_not_accepted_is_listed_in_an_error() {
    let (text, _) = call("dismiss-risky-agents", &[id(1)], Script::at_once([not_found()])).await;
    let text = text.expect_err("an error");
    // The plugin's own words, and at their end those of the response.
    assert!(text.starts_with("0 of 1 ids accepted.\n1 refused: client-error, HTTP 404: refused: an id is"), "{text}");
    assert!(text.contains("; Request_ResourceNotFound; "), "{text}");
    assert!(text.ends_with(&format!("Do not send again: {}", id(1))), "{text}");
}

#[tokio::test(start_paused = true)]
async fn no_token_of_a_request_or_of_the_40_before_is_in_the_text() {
    let (echo, ids) = (Echo::new(Duration::from_secs(3)), (0..12_000).map(id).collect::<Vec<_>>());
    let graph = Arc::clone(&echo) as Arc<dyn Service>;
    let (text, _) = call_with(&[("ENTRA_RISK_CREDENTIAL", "client-secret")], "dismiss-risky-users", &ids, graph).await;
    echo.check(&text.expect_err("an error"));
}

#[tokio::test(start_paused = true)]
async fn text_from_outside_stays_on_its_line_and_is_printable() {
    let hostile = || respond(403, &[], json!({ "error": { "code": HOSTILE, "message": HOSTILE } }).to_string());
    let (text, _) = call("dismiss-risky-users", &[id(1)], Script::at_once([hostile()])).await;
    let text = text.expect_err("an error");
    assert!(text.contains("forged") && text.lines().count() == 2, "{text}");
    assert_printable(&text);
    let (text, _) = call("dismiss-risky-users", &[HOSTILE.to_owned()], Script::at_once([])).await;
    let text = text.expect_err("an error");
    assert!(text.contains("forged") && text.lines().count() == 1, "{text}");
    assert_printable(&text);
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_is_no_error_and_an_invalid_id_is_one() {
    let (text, _) = call("dismiss-risky-users", &[], Script::at_once([])).await;
    assert_eq!(text, Ok("Nothing was sent: the list is empty.".to_owned()));
    let (text, _) = call("dismiss-risky-users", &["x".to_owned()], Script::at_once([])).await;
    let text = text.expect_err("an error");
    assert!(text.starts_with("Nothing was sent: invalid-argument: ids[0]"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_setting_under_an_old_name_is_reported_with_the_new_name() {
    let variables = [("GATEWAY_CLOUD", "canary-value"), ("ENTRA_RISK_ENDPOINTS", "https://canary-value.test")];
    let (text, exchanges) = call_with(&variables, "dismiss-risky-users", &[id(1)], Script::at_once([])).await;
    let text = text.expect_err("an error");
    assert!(exchanges.is_empty() && !text.contains("canary-value"), "{text}");
    for problem in
        ["GATEWAY_CLOUD: renamed to ENTRA_RISK_CLOUD", "ENTRA_RISK_ENDPOINTS: renamed to ENTRA_RISK_ALLOWED_ENDPOINTS"]
    {
        assert!(text.contains(problem), "{text}");
    }
}
