//! The body of a request: as Microsoft Graph takes it, parsed once into ids.

use std::collections::BTreeMap;

use entra_risk_account::{Action, is_guid};

use crate::answer::{self, Answer};

/// The most bytes that a body may have: 1 MiB, some 27 000 ids.
pub const MOST_BYTES: usize = 1 << 20;

/// Refuses a body for what these headers say of it, before it is read.
pub fn check_head(content_type: &[Vec<u8>], content_length: &[Vec<u8>]) -> Result<(), Answer> {
    let essence =
        |value: &Vec<u8>| value.split(|byte| *byte == b';').next().map(<[u8]>::trim_ascii).map(<[u8]>::to_vec);
    match content_type {
        [value] if essence(value).is_some_and(|essence| essence.eq_ignore_ascii_case(b"application/json")) => {}
        _ => return Err(answer::refuse(415, "unsupportedMediaType", "The content-type must be application/json.")),
    }
    let length = content_length.iter().filter_map(|value| str::from_utf8(value).ok()?.trim().parse::<u64>().ok());
    if length.max().is_some_and(|length| length > MOST_BYTES as u64) { Err(too_large()) } else { Ok(()) }
}

/// The refusal of a body that is too large.
pub fn too_large() -> Answer {
    answer::refuse(413, "contentTooLarge", "A body has at most 1048576 bytes.")
}

/// The ids in the body of a request for this action.
pub fn ids(action: &Action, body: &[u8]) -> Result<Vec<String>, Answer> {
    let field = action.id_field;
    // A map of lists of strings: nothing in it nests, and the parser does not recurse. It is a third of serde_json's
    // size, which formats floating-point numbers in its errors.
    let fields: Option<BTreeMap<String, Vec<String>>> =
        str::from_utf8(body).ok().and_then(|text| miniserde::json::from_str(text).ok());
    let mut fields = fields.into_iter().flatten();
    match (fields.next(), fields.next()) {
        (Some((name, ids)), None) if name == field => match ids.iter().position(|id| !is_guid(id)) {
            Some(index) => Err(bad_request(&format!("{field}[{index}] is not a GUID in hyphenated form."))),
            None if ids.is_empty() => Err(bad_request(&format!("{field} is empty."))),
            None => Ok(ids),
        },
        _ => Err(bad_request(&format!("The body is not JSON such as {{\"{field}\":[\"<GUID>\"]}}."))),
    }
}

fn bad_request(message: &str) -> Answer {
    answer::refuse(400, "badRequest", message)
}

#[cfg(test)]
mod tests {
    use entra_risk_account::ACTIONS;

    use super::*;

    const ID: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11";

    #[test]
    fn a_body_as_for_graph_is_taken() {
        assert_eq!(ids(&ACTIONS[0], format!(r#"{{"requestIds":["{ID}"]}}"#).as_bytes()).unwrap(), [ID]);
        assert_eq!(ids(&ACTIONS[3], format!("{{\r\n \"userIds\" : [ \"{ID}\" ] }}\n").as_bytes()).unwrap(), [ID]);
    }

    #[test]
    fn another_body_is_refused_with_the_reason() {
        let not_such = r#"The body is not JSON such as {"userIds":["<GUID>"]}."#;
        let cases = [
            ("", not_such),
            ("{", not_such),
            ("[]", not_such),
            (r#"{"userIds":"a"}"#, not_such),
            (r#"{"userIds":[1]}"#, not_such),
            (r#"{"userIds":null}"#, not_such),
            (r#"{"userIds":[]} x"#, not_such),
            (r#"{"userIds":[],}"#, not_such),
            ("{}", not_such),
            (r#"{"requestIds":[]}"#, not_such),
            (r#"{"userIds":[],"a":[]}"#, not_such),
            (r#"{"userIds":[]}"#, "userIds is empty."),
            (r#"{"userIds":["a"]}"#, "userIds[0] is not a GUID in hyphenated form."),
        ];
        for (body, expected) in cases {
            let refusal = ids(&ACTIONS[3], body.as_bytes()).unwrap_err();
            let told: BTreeMap<String, BTreeMap<String, String>> = miniserde::json::from_str(&refusal.body).unwrap();
            assert_eq!((refusal.status, told["error"]["message"].as_str()), (400, expected), "{body}");
        }
    }

    #[test]
    fn nesting_without_end_is_refused() {
        for open in ["[", "{\"userIds\":", "{\"userIds\":[["] {
            assert_eq!(ids(&ACTIONS[3], open.repeat(100_000).as_bytes()).unwrap_err().status, 400);
        }
    }

    #[test]
    fn type_and_length_are_checked_before_reading() {
        let check = |content_type: &str, length: &str| {
            let refusal = check_head(&[content_type.as_bytes().to_vec()], &[length.as_bytes().to_vec()]);
            refusal.err().map(|answer| answer.status)
        };
        assert_eq!(check("application/json", "1048576"), None);
        assert_eq!(check("Application/JSON ; charset=utf-8", "chunked"), None);
        assert_eq!(check("application/json", "1048577"), Some(413));
        for content_type in ["", "text/plain", "application/jsonl", "text/plain; application/json"] {
            assert_eq!(check(content_type, "1"), Some(415), "{content_type}");
        }
        assert_eq!(check_head(&[], &[]).unwrap_err().status, 415);
    }
}
