//! The key that every caller must have.

use subtle::{Choice, ConstantTimeEq};

use crate::answer::{self, Answer};

/// Lets pass who has the key: in `authorization: Bearer <key>` or in `x-api-key: <key>`, with these the values of the
/// two headers. The time it takes tells nothing of the key but whether its length is that of the one given.
pub fn check(key: Option<&str>, authorization: &[Vec<u8>], api_key: &[Vec<u8>]) -> Result<(), Answer> {
    let Some(key) = key.map(str::as_bytes) else {
        return Err(answer::refuse(503, "keyNotConfigured", "GATEWAY_KEY is not set: the gateway serves nobody."));
    };
    let bearer = authorization.iter().filter_map(|value| match value.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => Some(token),
        _ => None,
    });
    let given = bearer.chain(api_key.iter().map(Vec::as_slice));
    let found = given.fold(Choice::from(0), |found, given| found | given.ct_eq(key));
    if found.into() {
        Ok(())
    } else {
        let refusal = answer::refuse(401, "unauthorized", "The gateway's key is missing or wrong.");
        Err(refusal.with("www-authenticate", "Bearer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn status(key: Option<&str>, authorization: &[&str], api_key: &[&str]) -> Option<u16> {
        let bytes = |values: &[&str]| values.iter().map(|value| value.as_bytes().to_vec()).collect::<Vec<_>>();
        check(key, &bytes(authorization), &bytes(api_key)).err().map(|answer| answer.status)
    }

    #[test]
    fn only_who_has_the_key_passes() {
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
    fn without_a_key_it_serves_nobody() {
        assert_eq!(status(None, &["Bearer "], &[""]), Some(503));
    }
}
