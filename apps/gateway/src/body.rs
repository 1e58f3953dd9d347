//! The body of a request, in the form of Microsoft Graph, parsed once into ids.

use std::collections::BTreeSet;
use std::fmt;

use entra_risk_common::Action;
use entra_risk_engine::contract::id::Id;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::response::Response;

/// The maximum length of a body in bytes: 1 MiB, which is about 27,000 ids.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 20;

/// The headers that describe a body.
#[derive(Debug, Default)]
pub(crate) struct BodyHeaders {
    /// The values of `content-type`.
    pub(crate) content_type: Vec<Vec<u8>>,
    /// The values of `content-encoding`.
    pub(crate) content_encoding: Vec<Vec<u8>>,
    /// The values of `content-length`.
    pub(crate) content_length: Vec<Vec<u8>>,
}

impl BodyHeaders {
    /// Checks the headers. The error is the response, for which the body need not be read.
    pub(crate) fn check(&self) -> Result<(), Response> {
        match self.content_type.as_slice() {
            [value] if is_json_in_utf8(value) => {}
            _ => {
                let message = "The content-type must be application/json, in UTF-8.";
                return Err(Response::error(415, "unsupportedMediaType", message));
            }
        }
        if self.content_encoding.iter().any(|value| !value.trim_ascii().eq_ignore_ascii_case(b"identity")) {
            let error =
                Response::error(415, "unsupportedContentEncoding", "The body must be sent without a content-encoding.");
            return Err(error.with_header("accept-encoding", "identity"));
        }
        let lengths = self.content_length.iter();
        let length = lengths.filter_map(|value| str::from_utf8(value).ok()?.trim().parse::<u64>().ok()).max();
        if length.is_some_and(|length| length > MAX_BODY_BYTES as u64) { Err(too_large()) } else { Ok(()) }
    }
}

/// The response to a body that is too large.
pub(crate) fn too_large() -> Response {
    Response::error(413, "contentTooLarge", "The body must have at most 1048576 bytes.")
}

/// Parses the body of a request for this action. Returns its ids without repetitions.
pub(crate) fn parse(action: &Action, body: &[u8]) -> Result<Vec<String>, Response> {
    let field = action.definition.id_field;
    match serde_json::from_slice(body) {
        Ok(OnlyMember(name, ids)) if name == field => distinct(field, ids),
        _ => Err(bad_request(&format!(
            "The body must be JSON of the form {{\"{field}\":[\"<GUID>\"]}}, without other or repeated members."
        ))),
    }
}

/// Removes repeated ids, whatever their case. The error is the response to a text that is no id.
fn distinct(field: &str, ids: Vec<String>) -> Result<Vec<String>, Response> {
    let (mut seen, mut distinct) = (BTreeSet::new(), Vec::new());
    for (index, text) in ids.into_iter().enumerate() {
        let Some(id) = Id::parse(&text) else {
            let message = format!("{field}[{index}] is not a hyphenated GUID, or all of its digits are zero.");
            return Err(bad_request(&message));
        };
        if seen.insert(id.number()) {
            distinct.push(text);
        }
    }
    Ok(distinct)
}

/// Whether this is `application/json`, with no charset other than UTF-8.
fn is_json_in_utf8(content_type: &[u8]) -> bool {
    let mut parts = content_type.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let is_json = parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case(b"application/json"));
    is_json
        && parts.all(|parameter| match parameter.split_at_checked(CHARSET.len()) {
            Some((name, value)) if name.eq_ignore_ascii_case(CHARSET) => {
                [b"utf-8".as_slice(), b"\"utf-8\""].iter().any(|utf8| value.eq_ignore_ascii_case(utf8))
            }
            _ => true,
        })
}

const CHARSET: &[u8] = b"charset=";

fn bad_request(message: &str) -> Response {
    Response::error(400, "badRequest", message)
}

/// A JSON object with one member, which is a list of texts. A repeated member is an error, because
/// parsers disagree which one counts.
struct OnlyMember(String, Vec<String>);

impl<'de> Deserialize<'de> for OnlyMember {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OnlyMemberVisitor)
    }
}

struct OnlyMemberVisitor;

impl<'de> Visitor<'de> for OnlyMemberVisitor {
    type Value = OnlyMember;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one member")
    }

    /// Reads the first member. If there are others, serde_json fails.
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<OnlyMember, A::Error> {
        let (name, ids) = members.next_entry()?.unwrap_or_default();
        Ok(OnlyMember(name, ids))
    }
}

#[cfg(test)]
mod tests {
    use entra_risk_common::ACTIONS;
    use serde_json::Value;

    use super::*;

    const ID: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11";

    #[test]
    fn accepts_the_bodies_of_microsoft_graph() {
        assert_eq!(parse(&ACTIONS[0], format!(r#"{{"requestIds":["{ID}"]}}"#).as_bytes()).unwrap(), [ID]);
        assert_eq!(parse(&ACTIONS[10], format!(r#"{{"agentIds":["{ID}"]}}"#).as_bytes()).unwrap(), [ID]);
        assert_eq!(parse(&ACTIONS[3], format!("{{\r\n \"userIds\" : [ \"{ID}\" ] }}\n").as_bytes()).unwrap(), [ID]);
    }

    #[test]
    fn a_repeated_id_counts_once() {
        let body = format!(r#"{{"userIds":["{ID}","{}"]}}"#, ID.to_uppercase());
        assert_eq!(parse(&ACTIONS[3], body.as_bytes()).unwrap(), [ID]);
    }

    #[test]
    fn an_empty_list_is_valid() {
        assert!(parse(&ACTIONS[3], br#"{"userIds":[]}"#).unwrap().is_empty());
    }

    #[test]
    fn rejects_other_bodies_with_the_reason() {
        let no_id = "userIds[0] is not a hyphenated GUID, or all of its digits are zero.";
        let wrong_form =
            r#"The body must be JSON of the form {"userIds":["<GUID>"]}, without other or repeated members."#;
        let twice = format!(r#"{{"userIds":["{ID}"],"userIds":["{ID}"]}}"#);
        let escaped = format!(r#"{{"userIds":["{ID}"],"user\u0049ds":["{ID}"]}}"#);
        let cases = [
            ("", wrong_form),
            ("{", wrong_form),
            ("[]", wrong_form),
            (r#"["userIds",[]]"#, wrong_form),
            (r#"{"userIds":"a"}"#, wrong_form),
            (r#"{"userIds":[1]}"#, wrong_form),
            (r#"{"userIds":[1.5e3]}"#, wrong_form),
            (r#"{"userIds":null}"#, wrong_form),
            (r#"{"userIds":[]} x"#, wrong_form),
            (r#"{"userIds":[],}"#, wrong_form),
            ("{}", wrong_form),
            (r#"{"requestIds":[]}"#, wrong_form),
            (r#"{"userIds":[],"a":[]}"#, wrong_form),
            (&twice, wrong_form),
            (&escaped, wrong_form),
            (r#"{"userIds":["a"]}"#, no_id),
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

    #[track_caller]
    fn check(content_type: &[&str], content_encoding: &[&str], content_length: &str) -> Option<u16> {
        let bytes = |values: &[&str]| values.iter().map(|value| value.as_bytes().to_vec()).collect();
        let headers = BodyHeaders {
            content_type: bytes(content_type),
            content_encoding: bytes(content_encoding),
            content_length: bytes(&[content_length]),
        };
        headers.check().err().map(|error| error.status)
    }

    #[test]
    fn media_type_and_length_are_checked_before_the_body_is_read() {
        assert_eq!(check(&["application/json"], &[], "1048576"), None);
        assert_eq!(check(&["application/json"], &[], "chunked"), None);
        assert_eq!(check(&["application/json"], &[], "1048577"), Some(413));
        for content_type in ["", "text/plain", "application/jsonl", "text/plain; application/json"] {
            assert_eq!(check(&[content_type], &[], "1"), Some(415), "{content_type}");
        }
        assert_eq!(check(&[], &[], "1"), Some(415));
        assert_eq!(check(&["application/json", "application/json"], &[], "1"), Some(415));
    }

    #[test]
    fn a_charset_other_than_utf_8_is_unsupported() {
        for utf8 in ["; charset=utf-8", ";charset=\"UTF-8\"", " ; Charset=utf-8 ; a=b", ";", "; odata.metadata=none"] {
            assert_eq!(check(&[&format!("Application/JSON{utf8}")], &[], "1"), None, "{utf8}");
        }
        for other in ["; charset=iso-8859-1", ";a=b;CHARSET=utf-16", "; charset=utf-8; charset=utf-7", "; charset="] {
            assert_eq!(check(&[&format!("application/json{other}")], &[], "1"), Some(415), "{other}");
        }
    }

    #[test]
    fn a_content_encoding_is_unsupported() {
        assert_eq!(check(&["application/json"], &["identity"], "1"), None);
        for encodings in [&["gzip"][..], &["identity", "br"], &["identity, gzip"], &["deflate"]] {
            assert_eq!(check(&["application/json"], encodings, "1"), Some(415), "{encodings:?}");
        }
    }
}
