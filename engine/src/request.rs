//! The documented request: ids and a credential become a path, headers and a body.

use crate::action::{Action, ApiVersion};
use crate::token::Authorization;

/// A `POST` request. It has no `Debug`, because it may contain a token.
pub struct Request {
    /// Path, without a query.
    pub path: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// JSON.
    pub body: Vec<u8>,
}

impl Request {
    /// The request of an action for these ids.
    pub fn new(
        action: &Action,
        api_version: ApiVersion,
        ids: &[&str],
        authorization: &Authorization,
        client_request_id: &str,
    ) -> Request {
        let body = body(action.id_field, ids);
        let mut headers = vec![
            ("content-type".to_owned(), b"application/json".to_vec()),
            // Without it the body would be sent in chunks.
            ("content-length".to_owned(), body.len().to_string().into_bytes()),
            ("client-request-id".to_owned(), client_request_id.as_bytes().to_vec()),
            ("user-agent".to_owned(), USER_AGENT.as_bytes().to_vec()),
        ];
        if let Authorization::Bearer(token) = authorization {
            headers.push(("authorization".to_owned(), token.header_value()));
        }
        Request { path: [api_version.segment(), action.path].concat(), headers, body }
    }
}

/// `{"<field>":["<id>",…]}`. Ids are hexadecimal digits and hyphens, so nothing in them needs escaping.
fn body(field: &str, ids: &[&str]) -> Vec<u8> {
    // An id takes 36 bytes, two quotes and a comma.
    let mut body = String::with_capacity(ids.len().saturating_mul(39).saturating_add(32));
    body.push_str("{\"");
    body.push_str(field);
    body.push_str("\":[");
    let mut separator = "\"";
    for id in ids {
        body.push_str(separator);
        body.push_str(id);
        separator = "\",\"";
    }
    body.push_str("\"]}");
    body.into_bytes()
}

const USER_AGENT: &str = concat!("entra-risk/", env!("CARGO_PKG_VERSION"));
