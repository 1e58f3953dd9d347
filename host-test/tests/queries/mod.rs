//! Queries of the reader.

mod component;
mod failures;
mod memory;
mod pages;
mod request;
mod sharing;
mod sockets;
mod tokens;
mod waiting;

use graph_model::Behavior;
use host_test::script::{DATE, REQUEST_ID, respond};
use serde_json::{Value, json};

const ROOT: &str = "https://graph.microsoft.com";
const PATH: &str = "/v1.0/identityProtection/riskyUsers";

/// A page with these users, and a link to the next one.
fn page(ids: &[&str], next_link: Option<&str>) -> Behavior {
    let users: Vec<Value> = ids.iter().map(|id| json!({"id": id, "riskLevel": "high"})).collect();
    let mut page = json!({"@odata.context": "…", "value": users});
    if let Some(link) = next_link {
        page["@odata.nextLink"] = link.into();
    }
    found(page.to_string())
}

/// A success with this body.
fn found(body: impl Into<String>) -> Behavior {
    let headers = [("content-type", "application/json"), ("request-id", REQUEST_ID), ("date", DATE)];
    respond(200, &headers, body.into())
}

/// The link to a part of the list.
fn link(token: &str) -> String {
    format!("{ROOT}{PATH}?$skiptoken={token}")
}
