//! What a request says, read as strictly as Microsoft Graph reads it.

use http::header::AUTHORIZATION;
use serde_json::Value;
use uuid::Uuid;

use super::route::Route;
use crate::exchange::Request;

/// The token of a request, where its header has the right form.
pub(super) fn token(request: &Request) -> Option<&[u8]> {
    request.headers().get(AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ").filter(|token| !token.is_empty())
}

/// The ids in a body as they are spelled.
pub(super) fn spelled(field: &str, body: &[u8]) -> Option<Vec<String>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get(field)?.as_array()?.iter().map(|id| id.as_str().map(Into::into)).collect()
}

/// Reads the ids of a body that is as documented, or says what is wrong with it.
pub(super) fn read(route: &Route, body: &[u8]) -> Result<Vec<Uuid>, String> {
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
        return Err("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of \
                    valid JSON format."
            .into());
    };
    if let Some(other) = fields.keys().find(|field| *field != route.field) {
        return Err(format!("The parameter '{other}' in the request payload is not a valid parameter."));
    }
    let ids =
        spelled(route.field, body).ok_or(format!("The parameter '{}' is not a collection of strings.", route.field))?;
    if ids.is_empty() || route.most.is_some_and(|most| ids.len() > most) {
        return Err(format!("The parameter '{}' holds {} ids.", route.field, ids.len()));
    }
    // Of the spellings that the parser knows, only the hyphenated one has 36 characters.
    let guid = |id: &String| Uuid::try_parse(id).ok().filter(|_| id.len() == 36).ok_or(format!("Invalid GUID: {id}"));
    ids.iter().map(guid).collect()
}
