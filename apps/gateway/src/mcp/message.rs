//! The messages of the protocol: a request in JSON-RPC, whose headers repeat what it contains, and
//! the responses to it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entra_risk_common::json::to_json;
use serde_json::Value;

use super::confirmation::CONFIRM;
use crate::response::Response;

/// The revision of the protocol.
pub(crate) const VERSION: &str = "2026-07-28";

/// The prefix of the names of the protocol in `_meta`.
const META: &str = "io.modelcontextprotocol/";

/// A request: an object with a method, with a string or an integer as its id, and perhaps with an
/// object of parameters.
#[derive(Debug)]
pub(crate) struct Message(Value);

impl Message {
    /// Parses a body. The error is the response.
    pub(crate) fn parse(body: &[u8]) -> Result<Message, Response> {
        let invalid = |code, name, text| Err(error(None, 400, code, name, text, ""));
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return invalid(-32700, "parseError", "The body is not JSON.");
        };
        let (id, params) = (body.get("id"), body.get("params"));
        let is_request = body.get("jsonrpc").and_then(Value::as_str) == Some("2.0")
            && body.get("method").is_some_and(Value::is_string)
            && id.is_some_and(|id| id.is_string() || id.is_i64() || id.is_u64())
            && params.is_none_or(Value::is_object);
        if is_request {
            return Ok(Message(body));
        }
        invalid(-32600, "invalidRequest", "Expected one JSON-RPC 2.0 request with a string or an integer as its id.")
    }

    /// The method.
    pub(crate) fn method(&self) -> &str {
        self.0.get("method").and_then(Value::as_str).unwrap_or_default()
    }

    /// A parameter.
    pub(crate) fn param(&self, name: &str) -> Option<&Value> {
        self.0.get("params")?.get(name)
    }

    /// Checks what every request must have: the headers of the protocol with the values of the
    /// body, and in `_meta` the version of the protocol and the capabilities of the client. The
    /// error is the response.
    pub(crate) fn check(&self, header: impl Fn(&str) -> Vec<Vec<u8>>) -> Result<(), Response> {
        let mismatch = |name: &str| {
            let text =
                format!("{name}: expected this header once, with the value in the body. The protocol is {VERSION}.");
            Err(self.error(400, -32020, "headerMismatch", &text, ""))
        };
        let name = self.param("name").and_then(Value::as_str);
        let version = self.meta("protocolVersion");
        let headers = [
            ("MCP-Protocol-Version", "mcp-protocol-version", version.and_then(Value::as_str)),
            ("Mcp-Method", "mcp-method", Some(self.method())),
            ("Mcp-Name", "mcp-name", name),
        ];
        let count = if self.method() == "tools/call" { 3 } else { 2 };
        for (shown, name, expected) in headers.into_iter().take(count) {
            match header(name).as_slice() {
                // Without the member, the error is about the body.
                [value] if expected.is_none_or(|expected| is_equal(value, expected)) => {}
                _ => return mismatch(shown),
            }
        }
        let capabilities = self.meta("clientCapabilities");
        let (Some(Value::String(version)), Some(Value::Object(_))) = (version, capabilities) else {
            let text = format!("_meta needs {META}protocolVersion ({VERSION}) and {META}clientCapabilities.");
            return Err(self.error(400, -32602, "invalidParams", &text, ""));
        };
        if version == VERSION {
            return Ok(());
        }
        let data = format!("{{\"supported\":[\"{VERSION}\"],\"requested\":{}}}", to_json(version));
        Err(self.error(400, -32022, "unsupportedProtocolVersion", "Unsupported protocol version", &data))
    }

    /// Whether the client can show a form to a person.
    pub(crate) fn can_ask(&self) -> bool {
        let elicitation = self.meta("clientCapabilities").and_then(|capabilities| capabilities.get("elicitation"));
        let modes = elicitation.and_then(Value::as_object);
        modes.is_some_and(|modes| modes.is_empty() || modes.contains_key("form"))
    }

    /// The response with this result.
    pub(crate) fn result(&self, result: &str) -> Response {
        Response::json(200, format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{result}}}", self.id()))
    }

    /// The response that asks a person to confirm the call.
    pub(crate) fn input_required(&self, question: &str, state: &str) -> Response {
        let form = format!(
            "{{\"type\":\"object\",\"properties\":{{\"{CONFIRM}\":{{\"type\":\"boolean\",\"title\":\"Perform it\"}}}},\
             \"required\":[\"{CONFIRM}\"]}}"
        );
        let result = format!(
            "{{\"resultType\":\"input_required\",\"inputRequests\":{{\"{CONFIRM}\":{{\"method\":\"elicitation/create\",\
             \"params\":{{\"mode\":\"form\",\"message\":{},\"requestedSchema\":{form}}}}}}},\"requestState\":\"{state}\"}}",
            to_json(&question)
        );
        Response { code: Some("inputRequired"), ..self.result(&result) }
    }

    /// The response to a client that cannot ask.
    pub(crate) fn needs_elicitation(&self) -> Response {
        let (code, text) = ("elicitationRequired", "A person must confirm this call, and the client cannot ask.");
        self.error(400, -32021, code, text, "{\"requiredCapabilities\":{\"elicitation\":{}}}")
    }

    /// The response to a state that is not valid for this call.
    pub(crate) fn invalid_state(&self) -> Response {
        let text = "The requestState is not of this call, or is older than five minutes. Call the tool without it.";
        self.error(400, -32602, "invalidRequestState", text, "")
    }

    /// The response with an error. `name` is its code in the log, and `data` is JSON or empty.
    pub(crate) fn error(&self, status: u16, code: i32, name: &'static str, text: &str, data: &str) -> Response {
        error(Some(self.id()), status, code, name, text, data)
    }

    /// The id as JSON.
    fn id(&self) -> String {
        match self.0.get("id") {
            Some(Value::String(id)) => to_json(id),
            Some(Value::Number(id)) => id.to_string(),
            _ => String::new(),
        }
    }

    fn meta(&self, name: &str) -> Option<&Value> {
        self.param("_meta")?.get(format!("{META}{name}"))
    }
}

fn error(id: Option<String>, status: u16, code: i32, name: &'static str, text: &str, data: &str) -> Response {
    let id = id.map(|id| format!("\"id\":{id},")).unwrap_or_default();
    let data = if data.is_empty() { String::new() } else { format!(",\"data\":{data}") };
    let text = to_json(&text);
    let body = format!("{{\"jsonrpc\":\"2.0\",{id}\"error\":{{\"code\":{code},\"message\":{text}{data}}}}}");
    Response { code: Some(name), ..Response::json(status, body) }
}

/// More than the names of the tools have in Base64.
const MAX_ENCODED_BYTES: usize = 64;

/// Whether a header has this value, which may be in Base64.
fn is_equal(header: &[u8], value: &str) -> bool {
    let encoded = header.strip_prefix(b"=?base64?").and_then(|header| header.strip_suffix(b"?="));
    encoded.map_or(header == value.as_bytes(), |encoded| {
        let mut buffer = [0; MAX_ENCODED_BYTES];
        let length = STANDARD.encode_slice(value, &mut buffer).ok();
        length.and_then(|length| buffer.get(..length)) == Some(encoded)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(method: &str, meta: Value) -> Message {
        let message = json!({
            "jsonrpc": "2.0", "id": 1, "method": method, "params": { "name": "dismiss-risky-users", "_meta": meta },
        });
        Message::parse(message.to_string().as_bytes()).unwrap()
    }

    fn meta(capabilities: Value) -> Value {
        json!({
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        })
    }

    /// The code in the log if the message is rejected with these headers.
    #[track_caller]
    fn check(message: &Message, headers: &[(&str, &str)]) -> Option<&'static str> {
        let values = |name: &str| {
            let values = headers.iter().filter(|(known, _)| *known == name);
            values.map(|(_, value)| value.as_bytes().to_vec()).collect()
        };
        let error = message.check(values).err()?;
        assert_eq!(error.status, 400);
        error.code
    }

    const LIST: [(&str, &str); 2] = [("mcp-protocol-version", VERSION), ("mcp-method", "tools/list")];
    const CALL: [(&str, &str); 2] = [("mcp-protocol-version", VERSION), ("mcp-method", "tools/call")];

    #[test]
    fn a_body_is_one_request() {
        for body in ["", "{", "\u{feff}{}", &"[".repeat(1_000)] {
            assert_eq!(Message::parse(body.as_bytes()).unwrap_err().code, Some("parseError"), "{body}");
        }
        for body in [
            "[]",
            "1",
            "{}",
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","method":"tools/list"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"tools/list"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"tools/list"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}"#,
            r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#,
        ] {
            assert_eq!(Message::parse(body.as_bytes()).unwrap_err().code, Some("invalidRequest"), "{body}");
        }
    }

    #[test]
    fn the_headers_have_the_values_of_the_body() {
        let (list, call) = (message("tools/list", meta(json!({}))), message("tools/call", meta(json!({}))));
        assert_eq!(check(&list, &LIST), None);
        for name in ["dismiss-risky-users", "=?base64?ZGlzbWlzcy1yaXNreS11c2Vycw==?="] {
            assert_eq!(check(&call, &[CALL[0], CALL[1], ("mcp-name", name)]), None);
        }
        let mismatch = Some("headerMismatch");
        for headers in [&[][..], &LIST[..1], &LIST[1..], &CALL, &[LIST[0], LIST[1], LIST[1]]] {
            assert_eq!(check(&list, headers), mismatch, "{headers:?}");
        }
        for name in ["", "dismiss-sign-ins", "Dismiss-Risky-Users", "=?base64?ZGlzb?=", "=?base64?ZGlzbWlzcw==?="] {
            assert_eq!(check(&call, &[CALL[0], CALL[1], ("mcp-name", name)]), mismatch, "{name}");
        }
        assert_eq!(check(&call, &CALL), mismatch);
        assert_eq!(check(&list, &[("mcp-protocol-version", "2025-11-25"), LIST[1]]), mismatch);
    }

    #[test]
    fn every_request_has_the_version_and_the_capabilities() {
        for meta in [json!({}), meta(Value::Null), meta(json!([])), Value::Null] {
            assert_eq!(check(&message("tools/list", meta), &LIST), Some("invalidParams"));
        }
        let mut older = meta(json!({}));
        older["io.modelcontextprotocol/protocolVersion"] = json!("2025-11-25");
        let headers = [("mcp-protocol-version", "2025-11-25"), LIST[1]];
        assert_eq!(check(&message("tools/list", older), &headers), Some("unsupportedProtocolVersion"));
    }

    #[test]
    fn a_client_can_ask_if_it_shows_forms() {
        for capabilities in [json!({ "elicitation": {} }), json!({ "elicitation": { "form": {}, "url": {} } })] {
            assert!(message("tools/call", meta(capabilities)).can_ask());
        }
        for capabilities in [json!({}), json!({ "elicitation": { "url": {} } }), json!({ "elicitation": null })] {
            assert!(!message("tools/call", meta(capabilities)).can_ask());
        }
    }

    #[test]
    fn an_error_repeats_the_id_and_escapes_what_a_terminal_could_execute() {
        let message = Message(json!({ "id": "\u{1b}[2J" }));
        let error = message.error(400, -32602, "invalidParams", "a\u{202e}", "");
        let expected = r#"{"jsonrpc":"2.0","id":"\u001b[2J","error":{"code":-32602,"message":"a\u202e"}}"#;
        assert_eq!(error.body, expected);
    }
}
