//! The requests that each action sends, byte for byte.

use bytes::Bytes;
use graph_model::{Behavior, Request};
use host_test::bindings::actions::{ApiVersion, Batch, Cloud, Options, Receipt};
use host_test::bindings::credentials::Credential;
use host_test::checked_call::CheckedCall;
use host_test::examples::{EXAMPLES, Example};
use host_test::plugin::{Action, CANARY, Plugin, canary};
use host_test::script::{DATE, REQUEST_ID, Script, accepted, graph_error};
use uuid::Uuid;

use crate::request::ids;

fn texts(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers()[name].to_str().expect("text")
}

/// The receipt of an accepted batch.
#[track_caller]
fn receipt(batch: &Batch) -> &Receipt {
    batch.receipt.as_ref().unwrap_or_else(|| panic!("{batch:?}"))
}

/// Calls of an action, each with these behaviors: through its function, if it has one, and through
/// `calls`.
async fn calls(action: Action, ids: &[String], options: Options, behaviors: &[Behavior]) -> Vec<CheckedCall> {
    let script = || Script::at_once(behaviors.iter().cloned());
    let plugin = Plugin::before(script()).await;
    let mut calls = vec![CheckedCall::driven(plugin, action, ids, options.clone(), None).await];
    if Action::FUNCTIONS.contains(&action) {
        calls.push(CheckedCall::before(script(), canary(), action, ids, options).await);
    }
    calls
}

fn bodies(call: &CheckedCall) -> Vec<Bytes> {
    call.exchanges.iter().map(|exchange| exchange.request.body().clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn each_action_sends_the_documented_request() {
    for Example { action, url, ids, body } in EXAMPLES {
        for call in calls(action, &texts(ids), Options::default(), &[accepted()]).await {
            let [exchange] = call.exchanges.as_slice() else { panic!("{action:?}: expected one request") };
            assert_documented(&exchange.request, action, url, body);
        }
    }
}

#[track_caller]
fn assert_documented(request: &Request, action: Action, url: &str, body: &str) {
    assert_eq!(request.method(), "POST", "{action:?}");
    assert_eq!(request.uri(), url, "{action:?}");
    assert_eq!(request.body(), body, "{action:?}");

    let client_request_id = header(request, "client-request-id");
    assert_eq!(Uuid::parse_str(client_request_id).map(|id| id.get_version_num()), Ok(4), "{action:?}");
    let mut headers: Vec<(&str, &str)> =
        request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text"))).collect();
    headers.sort_unstable();
    let expected = [
        ("authorization", &*format!("Bearer {CANARY}")),
        ("client-request-id", client_request_id),
        ("content-length", &*body.len().to_string()),
        ("content-type", "application/json"),
        ("user-agent", concat!("entra-risk/", env!("CARGO_PKG_VERSION"))),
    ];
    // `assert!`, because `assert_eq!` would print the token.
    assert!(headers == expected, "{action:?}: {:?}", request.headers());
}

#[tokio::test(start_paused = true)]
async fn each_cloud_and_version_has_its_own_address_and_audience() {
    let clouds = [
        (Some(Cloud::Global), "https://graph.microsoft.com"),
        (Some(Cloud::UsGovL4), "https://graph.microsoft.us"),
        (Some(Cloud::UsGovL5), "https://dod-graph.microsoft.us"),
        (Some(Cloud::China), "https://microsoftgraph.chinacloudapi.cn"),
        (None, "https://graph.microsoft.com"),
    ];
    let versions = [(ApiVersion::V1, "/v1.0"), (ApiVersion::Beta, "/beta")];
    for Example { action, url, ids, .. } in EXAMPLES {
        let path = url.split_once("/v1.0").or(url.split_once("/beta")).expect("a version").1;
        for (cloud, root) in clouds {
            for (version, segment) in versions {
                let options = Options { cloud, api_version: Some(version), ..Options::default() };
                for call in calls(action, &texts(ids), options, &[accepted()]).await {
                    assert_eq!(call.exchanges[0].request.uri().to_string(), format!("{root}{segment}{path}"));
                    assert_eq!(call.token_requests[0].audience, root);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_replaces_the_address_but_not_the_audience() {
    let options = Options {
        cloud: Some(Cloud::UsGovL4),
        endpoint: Some("https://gateway.example:8443".into()),
        ..Options::default()
    };
    let call = CheckedCall::scripted(Action::DismissRiskyUsers, &ids(1), options, [accepted()]).await;
    let url = "https://gateway.example:8443/v1.0/identityProtection/riskyUsers/dismiss";
    assert_eq!(call.exchanges[0].request.uri(), url);
    assert_eq!(call.token_requests[0].audience, "https://graph.microsoft.us");
}

#[tokio::test(start_paused = true)]
async fn an_audience_replaces_the_audience_but_not_the_address() {
    let options =
        Options { cloud: Some(Cloud::China), audience: Some("https://graph.example".into()), ..Options::default() };
    let call = CheckedCall::scripted(Action::DismissRiskyUsers, &ids(1), options, [accepted()]).await;
    assert_eq!(call.exchanges[0].request.uri().host(), Some("microsoftgraph.chinacloudapi.cn"));
    assert_eq!(call.token_requests[0].audience, "https://graph.example");
    assert_eq!(call.token_requests[0].endpoint, "https://microsoftgraph.chinacloudapi.cn");
}

#[tokio::test(start_paused = true)]
async fn a_request_contains_sixty_ids_by_default() {
    for Example { action, body, .. } in EXAMPLES {
        let field = body.split('"').nth(1).expect("a field");
        for (n, ids_per_request, sizes) in
            [(60, None, vec![60]), (61, None, vec![60, 1]), (5, Some(2), vec![2, 2, 1]), (3, Some(1), vec![1, 1, 1])]
        {
            let options = Options { ids_per_request, ..Options::default() };
            for call in calls(action, &ids(n), options, &vec![accepted(); sizes.len()]).await {
                let sent: Vec<usize> = call.accepted().iter().map(|batch| batch.ids.len()).collect();
                assert_eq!(sent, sizes, "{action:?}");
                for (batch, body) in call.accepted().iter().zip(bodies(&call)) {
                    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
                    assert_eq!(body, serde_json::json!({ field: batch.ids }));
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_sign_ins_fit_in_a_request() {
    let options = Options { ids_per_request: Some(10_000), ..Options::default() };
    let call = CheckedCall::scripted(Action::DismissSignIns, &ids(10_000), options, [accepted()]).await;
    assert_eq!(call.accepted().len(), 1);
    assert_eq!(call.exchanges[0].request.body().len(), r#"{"requestIds":[]}"#.len() + 10_000 * 39 - 1);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_id_is_sent_once_in_its_first_spelling() {
    let a = "AAAAAAAA-0000-4000-8000-00000000000a";
    let b = "bbbbbbbb-0000-4000-8000-00000000000b";
    let given = [a, b, &a.to_lowercase(), b, &b.to_uppercase()];
    let call = CheckedCall::scripted(Action::DismissSignIns, &given, Options::default(), [accepted()]).await;
    assert_eq!(call.accepted()[0].ids, [a, b]);
    assert_eq!(bodies(&call), [format!(r#"{{"requestIds":["{a}","{b}"]}}"#)]);
}

#[tokio::test(start_paused = true)]
async fn no_authorization_is_sent_if_the_host_attaches_the_token() {
    let attached = Box::new(|_: &_| Ok(Credential { bearer: None }));
    let script = Script::at_once([accepted()]);
    let call = CheckedCall::before(script, attached, Action::DismissSignIns, &ids(1), Options::default()).await;
    assert!(call.accepted().len() == 1 && !call.exchanges[0].request.headers().contains_key("authorization"));
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_its_own_client_request_id_and_the_receipt_has_the_last() {
    let behaviors = [graph_error(503, &[], "", ""), graph_error(429, &[], "", ""), accepted(), accepted()];
    let options = Options { ids_per_request: Some(1), max_in_flight: Some(1), ..Options::default() };
    let call = CheckedCall::scripted(Action::DismissSignIns, &ids(2), options, behaviors).await;
    let mut sent: Vec<&str> =
        call.exchanges.iter().map(|exchange| header(&exchange.request, "client-request-id")).collect();
    let accepted: Vec<&str> = call.accepted().iter().map(|batch| &*receipt(batch).client_request_id).collect();
    assert!(accepted.iter().all(|id| sent.contains(id)));
    assert!(!accepted.contains(&sent[0]) && !accepted.contains(&sent[1]));
    sent.sort_unstable();
    sent.dedup();
    assert_eq!(sent.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_receipt_identifies_the_request_and_its_response() {
    let call = CheckedCall::scripted(Action::ConfirmSignInsSafe, &ids(1), Options::default(), [accepted()]).await;
    let batch = &call.accepted()[0];
    let receipt = receipt(batch);
    assert_eq!(receipt.request_id.as_deref(), Some(REQUEST_ID));
    assert_eq!(receipt.date.as_deref(), Some(DATE));
    assert_eq!(receipt.client_request_id, header(&call.exchanges[0].request, "client-request-id"));
    assert_eq!((&*batch.ids, batch.attempts), (&*ids(1), 1));
}
