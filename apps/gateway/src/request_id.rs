//! The id of a request: the caller's `x-request-id` if it is usable, or else a random GUID. It is
//! in the log and in the response.

/// Maximum length in bytes: what is longer is cut.
const MAX_BYTES: usize = 128;

/// The id in the first value of the header, or else `random`. Only visible ASCII is usable, without
/// what the caller sent as its key: keys must not be in the log.
pub(crate) fn choose<'a>(
    header: &[Vec<u8>],
    mut keys: impl Iterator<Item = &'a [u8]>,
    random: impl FnOnce() -> String,
) -> String {
    let given = header.first().map(|value| value.trim_ascii()).unwrap_or_default();
    // Before it is cut: part of a key must not be in the log either.
    let contains_key = keys.any(|key| !key.is_empty() && given.windows(key.len()).any(|part| part == key));
    match str::from_utf8(given.get(..MAX_BYTES).unwrap_or(given)) {
        Ok(id) if !id.is_empty() && !contains_key && id.bytes().all(|byte| byte.is_ascii_graphic()) => id.to_owned(),
        _ => random(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(header: &[&str]) -> String {
        let header: Vec<_> = header.iter().map(|value| value.as_bytes().to_vec()).collect();
        choose(&header, [b"canary-key".as_slice(), b""].into_iter(), || "random".to_owned())
    }

    #[test]
    fn the_callers_id_is_kept_and_cut() {
        assert_eq!(chosen(&["00-4bf92f/a:1_b"]), "00-4bf92f/a:1_b");
        assert_eq!(chosen(&["a", "b"]), "a");
        assert_eq!(chosen(&[&"x".repeat(200)]), "x".repeat(128));
    }

    #[test]
    fn an_unusable_id_is_replaced() {
        for header in [&[][..], &[""], &[" "], &["a b"], &["a\tb"], &["é"], &["a\u{7f}"], &["id-canary-key-1"]] {
            assert_eq!(chosen(header), "random", "{header:?}");
        }
        let end_of_the_key_is_cut = "x".repeat(120) + "canary-key";
        assert_eq!(chosen(&[&end_of_the_key_is_cut]), "random");
    }
}
