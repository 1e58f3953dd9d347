//! How a caller wants partial success reported: the header `prefer` (RFC 7240).

/// The preference that the gateway knows, as in `preference-applied`.
pub(crate) const STRICT: &str = "handling=strict";

/// Whether the values of `prefer` ask for `handling=strict`. The first `handling` counts, as RFC
/// 7240 requires.
pub(crate) fn is_strict(headers: &[Vec<u8>]) -> bool {
    for preference in headers.iter().flat_map(|value| value.split(|byte| *byte == b',')) {
        // Parameters follow a semicolon, and none is known.
        let word = preference.split(|byte| *byte == b';').next().unwrap_or_default();
        let mut parts = word.splitn(2, |byte| *byte == b'=');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default().trim_ascii());
        if name.trim_ascii().eq_ignore_ascii_case(b"handling") {
            let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
            return unquoted.unwrap_or(value).eq_ignore_ascii_case(b"strict");
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[&str]) -> bool {
        is_strict(&headers.iter().map(|value| value.as_bytes().to_vec()).collect::<Vec<_>>())
    }

    #[test]
    fn strict_handling_is_found_among_other_preferences() {
        for value in [
            "handling=strict",
            "Handling = Strict",
            "handling=\"strict\"",
            "respond-async, wait=10 , handling=strict; a=b",
            "handling=strict, handling=lenient",
        ] {
            assert!(check(&[value]), "{value}");
        }
        assert!(check(&["return=minimal", "handling=strict"]));
    }

    #[test]
    fn anything_else_is_not_strict() {
        for value in ["", "handling", "handling=", "handling=lenient", "handling=lenient, handling=strict", "strict"] {
            assert!(!check(&[value]), "{value}");
        }
        for value in ["return=strict", "return=minimal; handling=strict", "handling=stricter", "=,;\"", "handling=\""] {
            assert!(!check(&[value]), "{value}");
        }
        assert!(!check(&[]));
    }
}
