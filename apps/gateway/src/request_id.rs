//! The id of a request: the caller's `x-request-id` if it is usable, or else a random GUID. It is
//! in the log and in the response.

use crate::key::{self, Key, Sent};

/// The maximum length of an id in bytes.
const MAX_BYTES: usize = 64;

/// The id in the only value of the header if it is usable, or else `random`. An id of up to 64
/// letters, digits, `-`, `_` and `.` is usable, unless it is one of the keys or contains what the
/// caller sent as its key, because keys must not be in the log.
pub(crate) fn choose(
    header: &[Vec<u8>],
    keys: &[Key],
    sent: Option<&Sent<'_>>,
    random: impl FnOnce() -> String,
) -> String {
    let [given] = header else { return random() };
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !(1..=MAX_BYTES).contains(&given.len()) || !given.iter().all(is_allowed) {
        return random();
    }
    let sent = sent.map(Sent::last_word).unwrap_or_default();
    let contains_sent = !sent.is_empty() && given.windows(sent.len()).any(|part| part == sent);
    match str::from_utf8(given) {
        Ok(id) if !contains_sent && key::with_text(keys, given).is_none() => id.to_owned(),
        _ => random(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "canary-key-of-26-bytes-abc";

    #[track_caller]
    fn chosen(header: &[&str]) -> String {
        let header: Vec<_> = header.iter().map(|value| value.as_bytes().to_vec()).collect();
        let sent = Sent::Authorization(b"Basic canary-sent");
        choose(&header, &[Key::parse(KEY).ok().unwrap()], Some(&sent), || "random".to_owned())
    }

    #[test]
    fn the_callers_id_is_kept() {
        for id in ["a", "case-4711", "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11", "A.b_9", &"x".repeat(64)] {
            assert_eq!(chosen(&[id]), id);
        }
    }

    #[test]
    fn an_unusable_id_is_replaced() {
        let long = "x".repeat(65);
        for header in ["", " ", "a b", " a", "a\tb", "é", "a\u{7f}", "a/b", "a:b", "\"", "\u{1b}", &long] {
            assert_eq!(chosen(&[header]), "random", "{header:?}");
        }
        for header in [&[][..], &["a", "b"], &["a", "a"]] {
            assert_eq!(chosen(header), "random", "{header:?}");
        }
    }

    #[test]
    fn a_key_is_replaced_whoever_sent_it() {
        for header in [KEY, "canary-sent", "id-canary-sent-1"] {
            assert_eq!(chosen(&[header]), "random", "{header:?}");
        }
    }
}
