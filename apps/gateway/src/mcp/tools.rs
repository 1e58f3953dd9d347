//! The tools as clients and models read them. Models pay for every word.

use std::fmt::Write;

use entra_risk_common::Action;
use entra_risk_common::json::to_json;

use super::message::VERSION;
use crate::caller::Caller;
use crate::capacity;
use crate::effect::{effect, is_dangerous, targets};

/// How long a client may keep what this server says about itself, in milliseconds. It depends on
/// the key.
const CACHING: &str = "\"ttlMs\":300000,\"cacheScope\":\"private\"";

/// What this server is.
pub(crate) fn discovery() -> String {
    format!(
        "{{\"resultType\":\"complete\",\"supportedVersions\":[\"{VERSION}\"],\"capabilities\":{{\"tools\":{{}}}},\
         \"instructions\":\"Clears and confirms risk in Microsoft Entra ID Protection. A result is an error unless \
         every id was accepted, and has the outcome of each id.\",{CACHING},\
         \"_meta\":{{\"io.modelcontextprotocol/serverInfo\":{{\"name\":\"entra-risk-gateway\",\"version\":\"{}\"}}}}}}",
        env!("CARGO_PKG_VERSION")
    )
}

/// The list of the tools for these actions.
pub(crate) fn list(caller: &Caller<'_>, actions: &[&Action]) -> String {
    let mut tools = String::new();
    for action in actions {
        let separator = if tools.is_empty() { "" } else { "," };
        let _ = write!(tools, "{separator}{}", tool(caller, action));
    }
    format!("{{\"resultType\":\"complete\",\"tools\":[{tools}],{CACHING}}}")
}

/// The result of a call with this content, which is JSON.
pub(crate) fn result(content: &str, is_error: bool) -> String {
    let text = to_json(&content);
    format!(
        "{{\"resultType\":\"complete\",\"content\":[{{\"type\":\"text\",\"text\":{text}}}],\
         \"structuredContent\":{content},\"isError\":{is_error}}}"
    )
}

fn tool(caller: &Caller<'_>, action: &Action) -> String {
    let mcp = &caller.settings.mcp;
    let (name, field) = (action.definition.name, action.definition.id_field);
    let is_dangerous = is_dangerous(action);
    let mut max_ids =
        capacity::max_ids(action, &caller.settings.options).min(caller.key.max_ids.unwrap_or(u32::MAX).into());
    if mcp.secret.is_none() {
        max_ids = max_ids.min(mcp.ask_above.into());
    }
    let asked = match (is_dangerous, mcp.secret.is_some()) {
        (true, _) => " A person is asked first.".to_owned(),
        (false, true) => format!(" Above {} ids, a person is asked first.", mcp.ask_above),
        (false, false) => String::new(),
    };
    let repeated = match is_dangerous {
        true => " A repetition sets those to high risk again that were remediated in between.",
        false => " A repetition is safe.",
    };
    let description = to_json(&format!("{}{asked}{repeated}", effect(action)));
    let required = if caller.settings.requires_reason { ",\"reason\"" } else { "" };
    format!(
        "{{\"name\":\"{name}\",\"description\":{description},\"inputSchema\":{{\"type\":\"object\",\"properties\":{{\
         \"{field}\":{{\"type\":\"array\",\"items\":{{\"type\":\"string\",\"format\":\"uuid\"}},\"maxItems\":{max_ids},\
         \"description\":\"ids of {}\"}},\
         \"reason\":{{\"type\":\"string\",\"maxLength\":256,\"description\":\"why, for the audit log\"}}}},\
         \"required\":[\"{field}\"{required}],\"additionalProperties\":false}},\
         \"annotations\":{{\"destructiveHint\":true,\"idempotentHint\":{}}}}}",
        targets(action),
        !is_dangerous
    )
}
