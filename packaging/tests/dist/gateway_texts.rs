//! Text from outside in what the gateway returns and logs: without the tokens that a service
//! repeats, and without characters that a terminal executes.

use std::sync::Arc;
use std::time::Duration;

use graph_model::Service;
use host_test::script::{Script, respond};
use serde_json::json;

use crate::compositions::{component, link};
use crate::echo::{Echo, HOSTILE, assert_printable};
use crate::gateway_call::{Call, KEY, USERS, users};
use crate::gateway_instance::{HangUp, Instance};
use crate::token_adapter::ENVIRONMENT;

/// A response in one piece, and one in lines.
const ACCEPT: [&str; 2] = ["application/json", "application/x-ndjson"];

#[tokio::test(start_paused = true)]
async fn no_token_of_a_request_or_of_the_40_before_is_returned_or_logged() {
    let gateway = link(component("entra-risk-gateway")).unwrap();
    for accept in ACCEPT {
        let echo = Echo::new(Duration::from_secs(3));
        let own = [("GATEWAY_KEY", KEY), ("ENTRA_RISK_DEADLINE_MS", "36000000")];
        let environment = ENVIRONMENT.iter().copied().chain(own).map(|(name, value)| (name, value.to_owned()));
        let graph = Arc::clone(&echo) as Arc<dyn Service>;
        let mut instance = Instance::new(&gateway, environment, graph, usize::MAX).await;
        let call = Call::new(USERS, users(0..12_000)).header("accept", Some(accept));
        let response = instance.respond(call.request(), HangUp::Never).await.expect("a response");
        echo.check(&format!("{:?} {}", response.headers(), String::from_utf8_lossy(response.body())));
        echo.check(&instance.log().text());
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_and_lines_of_the_log_escape_what_a_terminal_executes() {
    let body = json!({ "error": { "code": HOSTILE, "message": HOSTILE, "innerError": { "date": HOSTILE } } });
    for accept in ACCEPT {
        let call = Call::new(USERS, users(0..1)).header("accept", Some(accept));
        let mut instance = call.instance(Script::at_once([respond(403, &[], body.to_string())])).await;
        let response = instance.respond(call.request(), HangUp::Never).await.expect("a response");
        for text in [str::from_utf8(response.body()).unwrap(), &instance.log().text()] {
            assert!(text.contains(r"\u202e"), "{text}");
            assert_printable(text);
        }
    }
}
