//! The body of a request, in the form of Microsoft Graph, parsed once into ids.

use std::collections::BTreeMap;

use entra_risk_engine::guid;
use entra_risk_report::Action;

use crate::response::Response;

/// Maximum length of a body in bytes: 1 MiB, about 27 000 ids.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 20;

/// Checks the headers that describe the body, before it is read.
pub(crate) fn check_headers(content_type: &[Vec<u8>], content_length: &[Vec<u8>]) -> Result<(), Response> {
    let media_type =
        |value: &Vec<u8>| value.split(|byte| *byte == b';').next().map(<[u8]>::trim_ascii).map(<[u8]>::to_vec);
    match content_type {
        [value] if media_type(value).is_some_and(|value| value.eq_ignore_ascii_case(b"application/json")) => {}
        _ => return Err(Response::error(415, "unsupportedMediaType", "The content-type must be application/json.")),
    }
    let length = content_length.iter().filter_map(|value| str::from_utf8(value).ok()?.trim().parse::<u64>().ok());
    if length.max().is_some_and(|length| length > MAX_BODY_BYTES as u64) { Err(too_large()) } else { Ok(()) }
}

/// The response to a body that is too large.
pub(crate) fn too_large() -> Response {
    Response::error(413, "contentTooLarge", "The body must have at most 1048576 bytes.")
}

/// Parses the body of a request for this action.
pub(crate) fn parse(action: &Action, body: &[u8]) -> Result<Vec<String>, Response> {
    let field = action.definition.id_field;
    let members: BTreeMap<String, Vec<String>> = serde_json::from_slice(body).unwrap_or_default();
    let mut members = members.into_iter();
    match (members.next(), members.next()) {
        (Some((name, ids)), None) if name == field => match ids.iter().position(|id| guid::parse(id).is_none()) {
            Some(index) => Err(bad_request(&format!("{field}[{index}] is not a hyphenated GUID."))),
            None if ids.is_empty() => Err(bad_request(&format!("{field} is empty."))),
            None => Ok(ids),
        },
        _ => Err(bad_request(&format!("The body must be JSON of the form {{\"{field}\":[\"<GUID>\"]}}."))),
    }
}

fn bad_request(message: &str) -> Response {
    Response::error(400, "badRequest", message)
}

#[cfg(test)]
mod tests {
    use entra_risk_report::ACTIONS;
    use serde_json::Value;

    use super::*;

    const ID: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11";

    #[test]
    fn accepts_the_bodies_of_microsoft_graph() {
        assert_eq!(parse(&ACTIONS[0], format!(r#"{{"requestIds":["{ID}"]}}"#).as_bytes()).unwrap(), [ID]);
        assert_eq!(parse(&ACTIONS[3], format!("{{\r\n \"userIds\" : [ \"{ID}\" ] }}\n").as_bytes()).unwrap(), [ID]);
    }

    #[test]
    fn rejects_other_bodies_with_the_reason() {
        let wrong_form = r#"The body must be JSON of the form {"userIds":["<GUID>"]}."#;
        let cases = [
            ("", wrong_form),
            ("{", wrong_form),
            ("[]", wrong_form),
            (r#"{"userIds":"a"}"#, wrong_form),
            (r#"{"userIds":[1]}"#, wrong_form),
            (r#"{"userIds":[1.5e3]}"#, wrong_form),
            (r#"{"userIds":null}"#, wrong_form),
            (r#"{"userIds":[]} x"#, wrong_form),
            (r#"{"userIds":[],}"#, wrong_form),
            ("{}", wrong_form),
            (r#"{"requestIds":[]}"#, wrong_form),
            (r#"{"userIds":[],"a":[]}"#, wrong_form),
            (r#"{"userIds":[]}"#, "userIds is empty."),
            (r#"{"userIds":["a"]}"#, "userIds[0] is not a hyphenated GUID."),
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

    #[test]
    fn media_type_and_length_are_checked_before_the_body_is_read() {
        let check = |content_type: &str, length: &str| {
            let result = check_headers(&[content_type.as_bytes().to_vec()], &[length.as_bytes().to_vec()]);
            result.err().map(|error| error.status)
        };
        assert_eq!(check("application/json", "1048576"), None);
        assert_eq!(check("Application/JSON ; charset=utf-8", "chunked"), None);
        assert_eq!(check("application/json", "1048577"), Some(413));
        for content_type in ["", "text/plain", "application/jsonl", "text/plain; application/json"] {
            assert_eq!(check(content_type, "1"), Some(415), "{content_type}");
        }
        assert_eq!(check_headers(&[], &[]).unwrap_err().status, 415);
    }
}
