//! Requests as clients of Microsoft Graph spell them, and the description of the gateway.

use bytes::Bytes;
use host_test::script::{Script, accepted};
use http::Method;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::json;

use crate::gateway::PATHS;
use crate::gateway_call::{Body, Call, DOCUMENT, Rest, USERS, id, users};
use crate::gateway_instance::HangUp;

/// Every spelling of a path, without a version.
fn spellings(path: &str) -> Vec<String> {
    let (collection, name) = path.rsplit_once('/').unwrap();
    let omitted = collection.strip_prefix("/identityProtection").filter(|collection| *collection == "/riskyUsers");
    let mut spellings = vec![path.to_lowercase(), format!("{path}/").to_uppercase()];
    for collection in [Some(collection), omitted].into_iter().flatten() {
        spellings.push(format!("{collection}/{name}/"));
        spellings.push(format!("{collection}/microsoft.graph.{name}"));
        spellings.push(format!("{collection}/Microsoft.Graph.{name}/").to_lowercase());
    }
    spellings
}

#[tokio::test(start_paused = true)]
async fn each_spelling_of_a_path_is_sent_as_microsoft_graph_documents_it() {
    for (path, field, default) in PATHS {
        for spelling in spellings(path) {
            for (prefix, version) in [("", default), ("/V1.0", "v1.0"), ("/Beta", "beta")] {
                let call = Call::new(&format!("{prefix}{spelling}"), json!({ field: [id(1)] }).to_string());
                let received = call.permitted_every_action().send([accepted()]).await;
                assert_eq!(received.status, 200, "{prefix}{spelling}: {}", received.body);
                let sent = received.exchanges[0].request.uri();
                assert_eq!(sent, format!("https://graph.microsoft.com/{version}{path}").as_str());
            }
        }
    }
}

/// A spelling permits nothing that the documented path does not.
#[tokio::test(start_paused = true)]
async fn each_spelling_of_a_path_needs_a_key_that_permits_the_action() {
    for spelling in spellings("/identityProtection/riskyUsers/confirmCompromised") {
        let forbidden = Call::new(&spelling, users(0..1)).send([]).await;
        forbidden.is_error(403, "forbidden");
        assert_eq!(forbidden.log[0]["action"], "confirm-risky-users-compromised");
        let unauthorized = Call::new(&spelling, users(0..1)).header("x-api-key", Some("wrong")).send([]).await;
        unauthorized.is_error(401, "unauthorized");
    }
}

#[tokio::test(start_paused = true)]
async fn a_byte_order_mark_and_braces_are_removed() {
    let ids = [format!("{{{}}}", id(1)), id(1), format!("{{{}}}", id(2).to_uppercase())];
    let body = format!("\u{feff}{}", json!({ "userIds": ids }));
    let received = Call::new(USERS, body).send([accepted()]).await;
    let expected = json!([id(1), id(2).to_uppercase()]);
    assert_eq!(received.body["accepted"][0]["ids"], expected);
    assert_eq!(received.log[0]["ids"], expected);
    assert_eq!(received.exchanges[0].request.body(), json!({ "userIds": expected }).to_string().as_bytes());
    for unclosed in [format!("{{{}", id(1)), format!("{}}}", id(1)), format!("{{{{{}}}}}", id(1))] {
        Call::new(USERS, json!({ "userIds": [unclosed] }).to_string()).send([]).await.is_error(400, "badRequest");
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_id_is_rejected_with_the_array_that_it_needs() {
    for value in [json!(id(1)), json!(4711), json!(true), json!(null), json!({ "id": id(1) })] {
        let received = Call::new(USERS, json!({ "userIds": value }).to_string()).send([]).await;
        received.is_error(400, "badRequest");
        let message = received.body["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("userIds must be an array, even for a single id: "), "{message}");
    }
}

/// Whatever the settings are, and without a line in the log.
#[tokio::test(start_paused = true)]
async fn the_openapi_document_needs_no_key() {
    for (variable, value) in [("GATEWAY_KEY", ""), ("ENTRA_RISK_CLOUD", "moon")] {
        for method in [Method::GET, Method::HEAD] {
            let call = Call { method, ..Call::new("/openapi.yaml", String::new()) }.header("x-api-key", None);
            let call = call.variable(variable, value);
            let mut instance = call.instance(Script::at_once([])).await;
            let response = instance.respond(call.request(), HangUp::Never).await.expect("a response");
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()[CONTENT_TYPE], "application/yaml");
            assert_eq!(response.headers()[CONTENT_LENGTH], DOCUMENT.len().to_string());
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
            assert_eq!(response.body(), DOCUMENT);
            let lines = instance.log().lines();
            assert!(lines.iter().all(|line| line["event"] == "settings"), "{lines:?}");
        }
    }
    let post =
        Call { body: Body { parts: vec![Bytes::new()], rest: Rest::End }, ..Call::new("/openapi.yaml", String::new()) };
    let post = post.send([]).await;
    assert_eq!((post.status.as_u16(), post.headers[ALLOW].to_str().unwrap()), (405, "GET, HEAD"));
}
