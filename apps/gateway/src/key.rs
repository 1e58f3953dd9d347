//! The key that every caller must send.

use subtle::{Choice, ConstantTimeEq};

use crate::response::Response;

/// Checks the key in `authorization: Bearer <key>` or `x-api-key: <key>`, given the values of the two headers. The time
/// that it takes depends on the lengths of the keys, not on their contents.
pub(crate) fn check(key: Option<&str>, authorization: &[Vec<u8>], api_key: &[Vec<u8>]) -> Result<(), Response> {
    let Some(key) = key.map(str::as_bytes) else {
        let message = "The gateway has no key: its operator must set GATEWAY_KEY.";
        return Err(Response::error(503, "keyNotConfigured", message));
    };
    let bearer = authorization.iter().filter_map(|value| match value.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => Some(token),
        _ => None,
    });
    let candidates = bearer.chain(api_key.iter().map(Vec::as_slice));
    let found = candidates.fold(Choice::from(0), |found, candidate| found | candidate.ct_eq(key));
    if found.into() {
        Ok(())
    } else {
        let error = Response::error(401, "unauthorized", "The gateway's key is missing or wrong.");
        Err(error.with_header("www-authenticate", "Bearer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn status(key: Option<&str>, authorization: &[&str], api_key: &[&str]) -> Option<u16> {
        let bytes = |values: &[&str]| values.iter().map(|value| value.as_bytes().to_vec()).collect::<Vec<_>>();
        check(key, &bytes(authorization), &bytes(api_key)).err().map(|error| error.status)
    }

    #[test]
    fn wrong_key_is_unauthorized() {
        let key = Some("canary-key");
        assert_eq!(status(key, &["Bearer canary-key"], &[]), None);
        assert_eq!(status(key, &["bearer canary-key"], &[]), None);
        assert_eq!(status(key, &[], &["canary-key"]), None);
        assert_eq!(status(key, &["Basic Zm9v"], &["wrong", "canary-key"]), None);
        let wrong: &[(&[&str], &[&str])] = &[
            (&[], &[]),
            (&["Bearer"], &[]),
            (&["Bearer "], &[""]),
            (&["canary-key"], &[]),
            (&["Bearer canary-kez"], &["canary-key "]),
            (&["Bearer canary-key2"], &["canary"]),
            (&["Basic canary-key"], &["Bearer canary-key"]),
        ];
        for (authorization, api_key) in wrong {
            assert_eq!(status(key, authorization, api_key), Some(401), "{authorization:?} {api_key:?}");
        }
    }

    #[test]
    fn every_request_is_unavailable_until_a_key_is_configured() {
        assert_eq!(status(None, &["Bearer "], &[""]), Some(503));
    }
}
