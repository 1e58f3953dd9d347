//! The requests: an action posts ids, and a query gets a page.

use std::iter;

use serde::{Serialize, Serializer};

use crate::contract::action::{Action, ApiVersion};
use crate::contract::id::Id;
use crate::contract::token::Authorization;
use crate::invariant;

/// A request. It has no `Debug`, because it may contain a token.
pub struct Request {
    /// The path and the query.
    pub path: String,
    /// The names of the headers, in lower case, and their values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body to `POST`. Without a body, the method is `GET`.
    pub body: Option<Vec<u8>>,
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
        ];
        headers.extend(common_headers(authorization, client_request_id));
        Request { path: [api_version.segment(), action.path].concat(), headers, body: Some(body) }
    }

    /// The request for a page. `path` has a query.
    pub(crate) fn get(path: String, authorization: &Authorization, client_request_id: &str) -> Request {
        let mut headers = vec![("accept".to_owned(), b"application/json".to_vec())];
        headers.extend(common_headers(authorization, client_request_id));
        Request { path, headers, body: None }
    }
}

/// The headers that every request has.
fn common_headers(authorization: &Authorization, client_request_id: &str) -> Vec<(String, Vec<u8>)> {
    let mut headers = vec![
        ("client-request-id".to_owned(), client_request_id.as_bytes().to_vec()),
        ("user-agent".to_owned(), USER_AGENT.as_bytes().to_vec()),
    ];
    if let Authorization::Bearer(token) = authorization {
        headers.push(("authorization".to_owned(), token.header_value()));
    }
    headers
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

/// The value of `user-agent` in every request.
pub const USER_AGENT: &str = concat!("entra-risk/", env!("CARGO_PKG_VERSION"));
