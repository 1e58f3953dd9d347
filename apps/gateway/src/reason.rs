//! Why a caller performs an action, for the log: the header `x-reason`, or `reason` in the body.

use entra_risk_engine::contract::printable::is_printable;

use crate::body::bad_request;
use crate::key::{self, Key, Sent};
use crate::response::Response;

/// The maximum length of a reason in characters.
const MAX_CHARS: usize = 256;

/// The reason in the header or in the body without the white space around it, if there is one. A
/// blank text is none. The error is the response to one that is not valid, and to two reasons.
///
/// A reason may not contain the key that the caller sent, and no other key as one of its words,
/// because keys must not be in the log.
pub(crate) fn choose(
    header: &[Vec<u8>],
    body: Option<&str>,
    keys: &[Key],
    sent: Option<&Sent<'_>>,
) -> Result<Option<String>, Response> {
    let header =
        match header {
            [] => None,
            [value] => Some(str::from_utf8(value).map_err(|_| {
                bad_request("The header x-reason is not UTF-8. The body may contain \"reason\" instead.")
            })?),
            _ => return Err(bad_request("There is more than one header x-reason.")),
        };
    let given = [header, body].map(|reason| reason.map(str::trim).filter(|reason| !reason.is_empty()));
    let reason = match given {
        [Some(_), Some(_)] => return Err(bad_request("There is a reason in x-reason and another in the body.")),
        [Some(reason), None] | [None, Some(reason)] => reason,
        [None, None] => return Ok(None),
    };
    if reason.chars().nth(MAX_CHARS).is_some() || !reason.chars().all(is_printable) {
        return Err(bad_request("A reason has 1 to 256 printable characters."));
    }
    let sent = sent.map(Sent::last_word).filter(|sent| !sent.is_empty());
    let contains_sent = sent.is_some_and(|sent| reason.as_bytes().windows(sent.len()).any(|part| part == sent));
    let is_key = |text: &str| key::with_text(keys, text.as_bytes()).is_some();
    if contains_sent || is_key(reason) || reason.split(' ').any(is_key) {
        return Err(bad_request("The reason contains a key of the gateway. It would be in the log."));
    }
    Ok(Some(reason.to_owned()))
}

/// The response to a request without the reason that the operator requires.
pub(crate) fn required() -> Response {
    let message = "The gateway's operator requires a reason: the header x-reason, or \"reason\" in the body.";
    Response::error(400, "reasonRequired", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "canary-key-of-26-bytes-abc";
    const OTHER: &str = "canary-other-key-of-another";

    fn chosen(header: &[&[u8]], body: Option<&str>) -> Result<Option<String>, u16> {
        let header: Vec<_> = header.iter().map(|value| value.to_vec()).collect();
        let bearer = format!("Bearer {KEY}");
        let keys = [KEY, OTHER].map(|key| Key::parse(key).ok().unwrap());
        let reason = choose(&header, body, &keys, Some(&Sent::Authorization(bearer.as_bytes())));
        reason.map_err(|error| {
            assert!(!error.body.contains("canary"), "{}", error.body);
            error.status
        })
    }

    #[test]
    fn the_reason_is_in_the_header_or_in_the_body() {
        let reason = Ok(Some("Fall 4711: Fehlalarm für Müller".to_owned()));
        let text = "Fall 4711: Fehlalarm für Müller";
        assert_eq!(chosen(&[text.as_bytes()], None), reason);
        assert_eq!(chosen(&[], Some(&format!("\n {text}\t"))), reason);
        assert_eq!(chosen(&[b" "], Some(text)), reason);
        for (header, body) in [(&[][..], None), (&[&b""[..]][..], Some(" \n"))] {
            assert_eq!(chosen(header, body), Ok(None));
        }
    }

    #[test]
    fn a_reason_has_256_printable_characters_at_most() {
        let longest = "ü".repeat(256);
        assert_eq!(chosen(&[], Some(&longest)), Ok(Some(longest.clone())));
        for text in [&format!("{longest}ü"), "a\nb", "a\u{1b}[2J", "a\u{202e}b", "a\u{2028}b", "a\u{9b}", "a\0"] {
            assert_eq!(chosen(&[], Some(text)), Err(400), "{text:?}");
            assert_eq!(chosen(&[text.as_bytes()], None), Err(400), "{text:?}");
        }
        assert_eq!(chosen(&[b"f\xfcr"], None), Err(400));
    }

    #[test]
    fn more_than_one_reason_is_not_valid() {
        assert_eq!(chosen(&[b"a", b"a"], None), Err(400));
        assert_eq!(chosen(&[b"a"], Some("a")), Err(400));
    }

    #[test]
    fn a_reason_with_a_key_is_not_valid() {
        for reason in [KEY, &format!("x{KEY}x"), OTHER, &format!("the key {OTHER} is mine")] {
            assert_eq!(chosen(&[], Some(reason)), Err(400));
        }
    }
}
