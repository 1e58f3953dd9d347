//! Parses requests as strictly as Microsoft Graph does.

use http::header::AUTHORIZATION;
use serde_json::Value;
use uuid::Uuid;

use crate::Request;
use crate::route::Route;

/// The token of a request, if its header is well-formed.
pub(crate) fn token(request: &Request) -> Option<&[u8]> {
    request.headers().get(AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ").filter(|token| !token.is_empty())
}

/// The ids in a body as they are spelled.
pub(crate) fn ids_as_spelled(field: &str, body: &[u8]) -> Option<Vec<String>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get(field)?.as_array()?.iter().map(|id| id.as_str().map(Into::into)).collect()
}

/// The ids in a body whose end is missing.
pub(crate) fn ids_in_part(body: &[u8]) -> Vec<String> {
    let texts = String::from_utf8_lossy(body);
    texts.split('"').filter(|text| Uuid::try_parse(text).is_ok()).map(str::to_owned).collect()
}

/// Parses the ids of a body, or returns the message with which Microsoft Graph rejects it.
pub(crate) fn parse_ids(route: &Route, body: &[u8]) -> Result<Vec<Uuid>, String> {
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
        return Err("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of \
                    valid JSON format."
            .into());
    };
    if let Some(other) = fields.keys().find(|field| *field != route.field) {
        return Err(format!("The parameter '{other}' in the request payload is not a valid parameter."));
    }
    let ids = ids_as_spelled(route.field, body)
        .ok_or(format!("The parameter '{}' is not a collection of strings.", route.field))?;
    if ids.is_empty() || route.max_ids.is_some_and(|max| ids.len() > max) {
        return Err(format!("The parameter '{}' holds {} ids.", route.field, ids.len()));
    }
    // Of the spellings that the parser accepts, only the hyphenated one has 36 characters.
    let guid = |id: &String| Uuid::try_parse(id).ok().filter(|_| id.len() == 36).ok_or(format!("Invalid GUID: {id}"));
    ids.iter().map(guid).collect()
}
