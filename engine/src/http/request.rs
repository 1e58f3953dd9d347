//! The request of an action: ids and an authorization become a path, headers and a body.

use std::iter;

use serde::{Serialize, Serializer};

use crate::contract::action::{Action, ApiVersion};
use crate::contract::id::Id;
use crate::contract::token::Authorization;
use crate::invariant;

/// A `POST` request. It has no `Debug`, because it may contain a token.
pub struct Request {
    /// The path, without a query.
    pub path: String,
    /// The names of the headers, in lower case, and their values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, which is JSON.
    pub body: Vec<u8>,
}

impl Request {
    /// The request of an action for these ids.
    pub fn new(
        action: &Action,
        api_version: ApiVersion,
        ids: &[Id],
        authorization: &Authorization,
        client_request_id: &str,
    ) -> Request {
        let body = Body { field: action.id_field, ids };
        let body = serde_json::to_vec(&body).unwrap_or_else(|_| invariant::broken("ids are JSON"));
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

/// The body of a request: `{"<field>":["<id>",…]}`.
struct Body<'a> {
    field: &'static str,
    ids: &'a [Id],
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(iter::once((self.field, self.ids)))
    }
}

const USER_AGENT: &str = concat!("entra-risk/", env!("CARGO_PKG_VERSION"));
