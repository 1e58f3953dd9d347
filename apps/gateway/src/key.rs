//! The keys of the callers: the name of each, the SHA-256 hash that it is recognized by, and the
//! actions that it permits.

use entra_risk_report::{ACTIONS, Action};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::response::Response;

/// Minimum length of a key in bytes: 128 bits if every byte is random.
pub(crate) const MIN_KEY_BYTES: usize = 16;

/// Name of the key in `GATEWAY_KEY`.
const ONLY_KEY: &str = "default";

/// How many actions, from the first, a key permits whose entry names none: the three on sign-ins,
/// and `dismiss-risky-users`. The others reach further, and must be named. There is no wildcard: it
/// would permit actions that did not exist when the operator wrote it.
const PERMITTED_WITHOUT_A_LIST: usize = 4;

/// A key. It cannot be printed.
pub(crate) struct Key {
    /// Its name in the log.
    pub(crate) name: String,
    /// The SHA-256 hash of the key.
    pub(crate) hash: [u8; 32],
    /// The names of the actions that it permits.
    actions: Vec<&'static str>,
}

impl Key {
    /// The key with this text. It permits the actions of a key without a list. The error is the
    /// rule that it violates.
    pub(crate) fn parse(text: &str) -> Result<Key, &'static str> {
        if text.len() < MIN_KEY_BYTES {
            return Err("a key has at least 16 bytes");
        }
        Ok(Key { name: ONLY_KEY.to_owned(), hash: hash(text.as_bytes()), actions: without_a_list() })
    }

    /// Parses an entry of `GATEWAY_KEYS`: `name:hash` or `name:hash:action+action`. The error is
    /// the rule that it violates.
    pub(crate) fn parse_entry(entry: &str) -> Result<Key, &'static str> {
        let mut fields = entry.splitn(3, ':');
        let (name, hash, actions) = (fields.next().unwrap_or_default(), fields.next(), fields.next());
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if !(1..=64).contains(&name.len()) || !name.bytes().all(is_name) {
            return Err("a name has 1 to 64 letters, digits, '.', '_' or '-'");
        }
        let hash = hash.and_then(parse_hash).ok_or("the hash after the name is SHA-256, 64 hexadecimal digits")?;
        let actions = match actions {
            None => without_a_list(),
            Some(actions) => {
                let known = |name: &str| action_names().find(|known| *known == name);
                let actions: Option<Vec<_>> = actions.split('+').map(known).collect();
                actions.ok_or("the actions after the hash are names of actions separated by '+'")?
            }
        };
        Ok(Key { name: name.to_owned(), hash, actions })
    }

    /// Whether a caller with this key may use the action.
    pub(crate) fn permits(&self, action: &Action) -> bool {
        self.actions.contains(&action.definition.name)
    }
}

/// The key in `authorization: Bearer <key>` or `x-api-key: <key>`, given the values of the two
/// headers. How long the comparison takes does not depend on the contents of the keys.
pub(crate) fn find<'a>(keys: &'a [Key], authorization: &[Vec<u8>], api_key: &[Vec<u8>]) -> Result<&'a Key, Response> {
    if keys.is_empty() {
        return Err(not_configured());
    }
    let mut found = None;
    for candidate in candidates(authorization, api_key) {
        let candidate_hash = hash(candidate);
        for key in keys {
            if bool::from(key.hash.ct_eq(&candidate_hash)) && candidate.len() >= MIN_KEY_BYTES {
                found = found.or(Some(key));
            }
        }
    }
    found.ok_or_else(|| {
        let error = Response::error(401, "unauthorized", "The gateway's key is missing or wrong.");
        error.with_header("www-authenticate", "Bearer")
    })
}

/// What a caller sent as its key, given the values of the two headers.
pub(crate) fn candidates<'a>(authorization: &'a [Vec<u8>], api_key: &'a [Vec<u8>]) -> impl Iterator<Item = &'a [u8]> {
    let bearer = authorization.iter().filter_map(|value| match value.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => Some(token),
        _ => None,
    });
    bearer.chain(api_key.iter().map(Vec::as_slice))
}

/// The last word of a header: the key, if the header consists of a scheme and a key or of a key
/// alone.
pub(crate) fn last_word(value: &[u8]) -> &[u8] {
    value.trim_ascii().rsplit(u8::is_ascii_whitespace).next().unwrap_or_default()
}

/// The response of a gateway without a key.
pub(crate) fn not_configured() -> Response {
    let message = "The gateway has no key: its operator must set GATEWAY_KEY or GATEWAY_KEYS.";
    Response::error(503, "keyNotConfigured", message)
}

fn without_a_list() -> Vec<&'static str> {
    action_names().take(PERMITTED_WITHOUT_A_LIST).collect()
}

fn action_names() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|action| action.definition.name)
}

fn hash(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// 64 hexadecimal digits.
fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let bytes = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte: u8, digit| byte << 4 | digit));
    if digits.len() == 64 { bytes.collect::<Vec<_>>().try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "canary-key-of-26-bytes-abc";

    /// `printf %s canary-key-of-26-bytes-abc | sha256sum`
    const HASH: &str = "51d061adb6dbc1af8cf67b827c5d674ee80f536c897e23f61ad40d1eb5424836";

    #[track_caller]
    fn find_name(keys: &[Key], authorization: &[&str], api_key: &[&str]) -> Result<String, u16> {
        let bytes = |values: &[&str]| values.iter().map(|value| value.as_bytes().to_vec()).collect::<Vec<_>>();
        let found = find(keys, &bytes(authorization), &bytes(api_key));
        found.map(|key| key.name.clone()).map_err(|error| error.status)
    }

    #[test]
    fn wrong_key_is_unauthorized() {
        let keys = [Key::parse(KEY).unwrap()];
        let found = Ok("default".to_owned());
        assert_eq!(find_name(&keys, &[&format!("Bearer {KEY}")], &[]), found);
        assert_eq!(find_name(&keys, &[&format!("bearer {KEY}")], &[]), found);
        assert_eq!(find_name(&keys, &[], &[KEY]), found);
        assert_eq!(find_name(&keys, &["Basic Zm9v"], &["wrong", KEY]), found);
        let wrong: &[(&[&str], &[&str])] = &[
            (&[], &[]),
            (&["Bearer"], &[]),
            (&["Bearer "], &[""]),
            (&[KEY], &[]),
            (&["Bearer canary-key-of-26-bytes-abd"], &["canary-key-of-26-bytes-abc "]),
            (&["Bearer canary-key-of-26-bytes-abc2"], &["canary"]),
            (&["Basic canary-key-of-26-bytes-abc"], &["Bearer canary-key-of-26-bytes-abc"]),
            (&[], &[HASH]),
        ];
        for (authorization, api_key) in wrong {
            assert_eq!(find_name(&keys, authorization, api_key), Err(401), "{authorization:?} {api_key:?}");
        }
    }

    #[test]
    fn every_request_is_unavailable_until_a_key_is_configured() {
        assert_eq!(find_name(&[], &["Bearer "], &[""]), Err(503));
    }

    #[test]
    fn a_key_is_found_by_its_hash_among_others() {
        let other = "0".repeat(64);
        let entries = [
            format!("a:{other}"),
            format!("soc.team-1:{}", HASH.to_uppercase()),
            format!("b:{other}:dismiss-risky-agents"),
        ];
        let keys = entries.map(|entry| Key::parse_entry(&entry).ok().unwrap());
        assert_eq!(find_name(&keys, &[], &[KEY]), Ok("soc.team-1".to_owned()));
        assert_eq!(find_name(&keys, &[], &[&other]), Err(401));
    }

    #[test]
    fn a_short_key_is_rejected_even_if_its_hash_is_configured() {
        assert!(Key::parse("canary-15-bytes").is_err());
        let digits: String = hash(b"canary-15-bytes").iter().map(|byte| format!("{byte:02x}")).collect();
        let keys = [Key::parse_entry(&format!("a:{digits}")).ok().unwrap()];
        assert_eq!(find_name(&keys, &[], &["canary-15-bytes"]), Err(401));
    }

    #[test]
    fn a_key_permits_the_actions_of_its_entry() {
        let permitted = |actions: &str| {
            let key = Key::parse_entry(&format!("a:{HASH}{actions}")).ok().unwrap();
            ACTIONS.each_ref().map(|action| key.permits(action))
        };
        let first = |count| std::array::from_fn(|action| action < count);
        assert_eq!(permitted(""), first(4));
        assert_eq!(permitted(&format!(":{}", action_names().collect::<Vec<_>>().join("+"))), first(11));
        assert_eq!(permitted(":confirm-sign-ins-safe+dismiss-sign-ins"), first(2));
        for (position, name) in action_names().enumerate() {
            assert_eq!(permitted(&format!(":{name}")), std::array::from_fn(|action| action == position));
        }
    }

    #[test]
    fn the_single_key_permits_what_a_key_without_a_list_permits() {
        let key = Key::parse(KEY).ok().unwrap();
        let permitted = ACTIONS.iter().filter(|action| key.permits(action));
        let names: Vec<_> = permitted.map(|action| action.definition.name).collect();
        let expected =
            ["dismiss-sign-ins", "confirm-sign-ins-safe", "confirm-sign-ins-compromised", "dismiss-risky-users"];
        assert_eq!(names, expected);
    }

    #[test]
    fn an_invalid_entry_is_an_error() {
        let short = HASH.get(1..).unwrap();
        let invalid = [
            String::new(),
            "a".to_owned(),
            HASH.to_owned(),
            format!(":{HASH}"),
            format!("a b:{HASH}"),
            format!("{}:{HASH}", "a".repeat(65)),
            format!("a:{short}"),
            format!("a:+{short}"),
            format!("a:{short}é"),
            format!("a:{HASH}0"),
            format!("a:{HASH}:"),
            format!("a:{HASH}:dismiss"),
            format!("a:{HASH}:*"),
            format!("a:{HASH}:*+dismiss-sign-ins"),
            format!("a:{HASH}:dismiss-sign-ins+"),
            format!("a:{HASH}:dismiss-sign-ins:"),
        ];
        for entry in invalid {
            assert!(Key::parse_entry(&entry).is_err(), "{entry}");
        }
    }
}
