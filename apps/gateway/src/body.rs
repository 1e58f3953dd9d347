//! The body of a request, in the form of Microsoft Graph, parsed once into ids. It may contain the
//! reason of the request too.

use std::collections::BTreeSet;
use std::fmt;

use entra_risk_common::Action;
use entra_risk_engine::contract::id::Id;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::response::Response;

/// What a body contains.
#[derive(Debug)]
pub(crate) struct Body {
    /// The ids without braces and without repetitions.
    pub(crate) ids: Vec<String>,
    /// The reason beside the ids.
    pub(crate) reason: Option<String>,
}

/// Parses the body of a request for this action. It may begin with a byte order mark.
pub(crate) fn parse(action: &Action, body: &[u8]) -> Result<Body, Response> {
    let field = action.definition.id_field;
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let mut json = serde_json::Deserializer::from_slice(body);
    let members = json.deserialize_map(MembersVisitor { field });
    match members.and_then(|members| json.end().map(|()| members)) {
        Ok(Members { ids, reason }) => Ok(Body { ids: distinct(field, ids)?, reason }),
        Err(_) if has_no_array(field, body) => {
            Err(bad_request(&format!("{field} must be an array, even for a single id: {{\"{field}\":[\"<GUID>\"]}}.")))
        }
        Err(_) => Err(bad_request(&format!(
            "The body must be JSON of the form {{\"{field}\":[\"<GUID>\"]}}, with \"reason\":\"<text>\" if there is a \
             reason, and without other or repeated members."
        ))),
    }
}

/// Parses the arguments of the tool for this action.
pub(crate) fn parse_arguments(action: &Action, arguments: &Value) -> Result<Body, Response> {
    let field = action.definition.id_field;
    match arguments.deserialize_map(MembersVisitor { field }) {
        Ok(Members { ids, reason }) => Ok(Body { ids: distinct(field, ids)?, reason }),
        Err(_) => Err(bad_request(&format!(
            "The arguments must be of the form {{\"{field}\":[\"<GUID>\"]}}, with \"reason\":\"<text>\" if there is a reason."
        ))),
    }
}

/// Whether something other than an array follows the name of this member. The body is not valid in
/// any case: this decides only what the caller is told.
fn has_no_array(field: &str, body: &[u8]) -> bool {
    let quoted = [b"\"", field.as_bytes(), b"\""].concat();
    let Some(start) = body.windows(quoted.len()).position(|part| part == quoted) else { return false };
    let after = body.get(start.saturating_add(quoted.len())..).unwrap_or_default().trim_ascii_start();
    let value = after.strip_prefix(b":").and_then(|value| value.trim_ascii_start().first());
    value.is_some_and(|first| *first != b'[')
}

/// Parses an id, which may be in braces.
pub(crate) fn parse_id(text: &str) -> Option<Id> {
    let without_braces = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    Id::parse(without_braces.unwrap_or(text))
}

/// Removes braces and repeated ids, whatever their case. The error is the response to a text that
/// is no id.
fn distinct(field: &str, mut ids: Vec<String>) -> Result<Vec<String>, Response> {
    let mut seen = BTreeSet::new();
    for (index, text) in ids.iter_mut().enumerate() {
        let Some(id) = parse_id(text) else {
            let message = format!("{field}[{index}] is not a hyphenated GUID, or all of its digits are zero.");
            return Err(bad_request(&message));
        };
        // In place, because there may be many.
        if id.as_str() != text {
            *text = id.as_str().to_owned();
        }
    }
    ids.retain(|text| parse_id(text).is_some_and(|id| seen.insert(id.number())));
    Ok(ids)
}

/// U+FEFF in UTF-8, which some programs write before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The response to a request that is not valid.
pub(crate) fn bad_request(message: &str) -> Response {
    Response::error(400, "badRequest", message)
}

/// The members of a body.
struct Members {
    ids: Vec<String>,
    reason: Option<String>,
}

/// Reads an object with a list of ids in the member `field`, and perhaps a reason. A repeated
/// member is an error, because parsers disagree which one counts.
struct MembersVisitor {
    field: &'static str,
}

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with ids")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members, A::Error> {
        let (mut ids, mut reason) = (None, None);
        while let Some(name) = members.next_key::<String>()? {
            match &*name {
                name if name == self.field && ids.is_none() => ids = Some(members.next_value()?),
                "reason" if reason.is_none() => reason = Some(members.next_value()?),
                _ => return Err(de::Error::custom("")),
            }
        }
        let ids = ids.ok_or_else(|| de::Error::custom(""))?;
        Ok(Members { ids, reason })
    }
}

#[cfg(test)]
mod tests {
    use entra_risk_common::ACTIONS;

    use super::*;

    const ID: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11";

    #[track_caller]
    fn ids(action: usize, body: &str) -> Vec<String> {
        parse(&ACTIONS[action], body.as_bytes()).unwrap().ids
    }

    #[test]
    fn accepts_the_bodies_of_microsoft_graph() {
        assert_eq!(ids(0, &format!(r#"{{"requestIds":["{ID}"]}}"#)), [ID]);
        assert_eq!(ids(10, &format!(r#"{{"agentIds":["{ID}"]}}"#)), [ID]);
        assert_eq!(ids(3, &format!("{{\r\n \"userIds\" : [ \"{ID}\" ] }}\n")), [ID]);
    }

    #[test]
    fn accepts_a_byte_order_mark_and_braces() {
        assert_eq!(ids(3, &format!("\u{feff}{{\"userIds\":[\"{{{ID}}}\"]}}")), [ID]);
    }

    #[test]
    fn a_repeated_id_counts_once() {
        assert_eq!(ids(3, &format!(r#"{{"userIds":["{ID}","{}","{{{ID}}}"]}}"#, ID.to_uppercase())), [ID]);
    }

    #[test]
    fn an_empty_list_is_valid() {
        assert!(ids(3, r#"{"userIds":[]}"#).is_empty());
    }

    #[test]
    fn a_reason_may_precede_or_follow_the_ids() {
        for body in [r#"{"userIds":[],"reason":"a\nb"}"#, r#"{"reason":"a\nb","userIds":[]}"#] {
            assert_eq!(parse(&ACTIONS[3], body.as_bytes()).unwrap().reason.as_deref(), Some("a\nb"));
        }
    }

    #[test]
    fn rejects_other_bodies_with_the_reason() {
        let no_id = "userIds[0] is not a hyphenated GUID, or all of its digits are zero.";
        let no_array = r#"userIds must be an array, even for a single id: {"userIds":["<GUID>"]}."#;
        let wrong_form = concat!(
            r#"The body must be JSON of the form {"userIds":["<GUID>"]}, with "reason":"<text>" if there is a "#,
            "reason, and without other or repeated members."
        );
        let single = format!(r#"{{"userIds":"{ID}"}}"#);
        let twice = format!(r#"{{"userIds":["{ID}"],"userIds":["{ID}"]}}"#);
        let escaped = format!(r#"{{"userIds":["{ID}"],"user\u0049ds":["{ID}"]}}"#);
        let cases = [
            ("", wrong_form),
            ("{", wrong_form),
            ("[]", wrong_form),
            (r#"["userIds",[]]"#, wrong_form),
            (&single, no_array),
            (r#"{"userIds":"a","reason":"b"}"#, no_array),
            (r#"{"userIds":1.5e3}"#, no_array),
            (r#"{"userIds":true}"#, no_array),
            (r#"{"userIds":{"a":[{}]}}"#, no_array),
            (r#"{"userIds":null}"#, no_array),
            (r#"{"userIds":[1]}"#, wrong_form),
            (r#"{"userIds":[1.5e3]}"#, wrong_form),
            (r#"{"userIds":[null]}"#, wrong_form),
            (r#"{"userIds""#, wrong_form),
            (r#"{"userIds":"#, wrong_form),
            (r#"{"userIds":[]} x"#, wrong_form),
            (r#"{"userIds":[],}"#, wrong_form),
            ("{}", wrong_form),
            (r#"{"requestIds":[]}"#, wrong_form),
            (r#"{"userIds":[],"a":[]}"#, wrong_form),
            (r#"{"reason":"a"}"#, wrong_form),
            (r#"{"userIds":[],"reason":null}"#, wrong_form),
            (r#"{"userIds":[],"reason":["a"]}"#, wrong_form),
            (r#"{"userIds":[],"reason":"a","reason":"a"}"#, wrong_form),
            ("\u{feff}\u{feff}{\"userIds\":[]}", wrong_form),
            (&twice, wrong_form),
            (&escaped, wrong_form),
            (r#"{"userIds":["a"]}"#, no_id),
            (r#"{"userIds":["{8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11"]}"#, no_id),
            (r#"{"userIds":["8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11}"]}"#, no_id),
            (r#"{"userIds":["{}"]}"#, no_id),
            (r#"{"userIds":["00000000-0000-0000-0000-000000000000"]}"#, no_id),
        ];
        for (body, expected) in cases {
            let error = parse(&ACTIONS[3], body.as_bytes()).unwrap_err();
            let reported: Value = serde_json::from_str(&error.body).unwrap();
            assert_eq!((error.status, reported["error"]["message"].as_str()), (400, Some(expected)), "{body}");
        }
    }

    #[test]
    fn rejects_deep_nesting() {
        for open in ["[", "{\"userIds\":", "{\"userIds\":[["] {
            assert_eq!(parse(&ACTIONS[3], open.repeat(100_000).as_bytes()).unwrap_err().status, 400);
        }
    }
}
