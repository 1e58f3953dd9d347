//! The keys of the callers: the name of each, the SHA-256 hash by which it is recognized, and the
//! actions that it permits.

use entra_risk_common::{ACTIONS, Action};
use entra_risk_engine::contract::action::ServiceLimit;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::response::Response;

/// The minimum length of a key in bytes: 128 bits if every byte is random.
const MIN_KEY_BYTES: usize = 16;

/// The maximum length of a key in bytes. Nothing longer is hashed.
const MAX_KEY_BYTES: usize = 1_024;

/// What precedes the maximum number of ids in the entry of a key.
const MAX_IDS: &str = "max-ids=";

/// What precedes the key in `authorization`, in upper or lower case.
const SCHEME: &[u8] = b"bearer ";

/// The name of the key in `GATEWAY_KEY`.
const ONLY_KEY: &str = "default";

/// The actions that a key permits if its entry names none. The others confirm risk or reach beyond
/// users, and must be named. There is no wildcard, because it would permit actions that did not
/// exist when the operator wrote it.
const WITHOUT_A_LIST: &[&str] = &["dismiss-sign-ins", "dismiss-risky-users"];

/// The key of a caller. It cannot be printed.
pub(crate) struct Key {
    /// The name of the key in the log.
    pub(crate) name: String,
    /// The SHA-256 hash of the key.
    pub(crate) hash: [u8; 32],
    /// The names of the actions in the key's entry, if it has a list.
    actions: Option<Vec<&'static str>>,
    /// The maximum number of ids in a request, if the key's entry has one.
    pub(crate) max_ids: Option<u32>,
}

impl Key {
    /// Makes the key with this text, which permits the actions of a key without a list. The error
    /// is the rule that the text violates.
    pub(crate) fn parse(text: &str) -> Result<Key, &'static str> {
        if !(MIN_KEY_BYTES..=MAX_KEY_BYTES).contains(&text.len()) {
            return Err("a key has 16 to 1024 bytes");
        }
        Ok(Key { name: ONLY_KEY.to_owned(), hash: hash(text.as_bytes()), actions: None, max_ids: None })
    }

    /// Parses an entry of `GATEWAY_KEYS`: `name:hash`, perhaps with `:action+action`, and then
    /// perhaps with `:max-ids=number`. The error is the rule that the entry violates.
    pub(crate) fn parse_entry(entry: &str) -> Result<Key, &'static str> {
        let mut fields = entry.split(':').peekable();
        let (name, hash) = (fields.next().unwrap_or_default(), fields.next());
        let actions = fields.next_if(|field| !field.starts_with(MAX_IDS));
        let (max_ids, rest) = (fields.next(), fields.next());
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if !(1..=64).contains(&name.len()) || !name.bytes().all(is_name) {
            return Err("a name has 1 to 64 letters, digits, '.', '_' or '-'");
        }
        let hash = hash.and_then(parse_hash).ok_or("the hash after the name is SHA-256, 64 hexadecimal digits")?;
        let known = |name: &str| action_names().find(|known| *known == name);
        let actions = match actions.map(|actions| actions.split('+').map(known).collect()) {
            Some(None) => return Err("the actions after the hash are names of actions separated by '+'"),
            actions => actions.flatten(),
        };
        let number = |field: &str| field.strip_prefix(MAX_IDS)?.parse().ok().filter(|number| *number > 0);
        let max_ids = match (max_ids.map(number), rest) {
            (None, _) => None,
            (Some(Some(number)), None) => Some(number),
            _ => return Err("after the actions, there is only max-ids=N with a number from 1 to 4294967295"),
        };
        Ok(Key { name: name.to_owned(), hash, actions, max_ids })
    }

    /// Whether a caller with this key may perform the action. If there are protected ids, the entry
    /// of the key must name the actions on sign-ins: the id of a sign-in does not tell whose it is.
    pub(crate) fn permits(&self, action: &Action, has_protected_ids: bool) -> bool {
        match &self.actions {
            Some(named) => named.contains(&action.definition.name),
            None if has_protected_ids && action.definition.limit == ServiceLimit::SignIns => false,
            None => WITHOUT_A_LIST.contains(&action.definition.name),
        }
    }
}

/// The value that a caller sent in `authorization` or `x-api-key`. It may be a key, so it cannot be
/// printed.
pub(crate) enum Sent<'a> {
    /// The value of `authorization`.
    Authorization(&'a [u8]),
    /// The value of `x-api-key`.
    ApiKey(&'a [u8]),
}

impl<'a> Sent<'a> {
    /// The only value of the two headers. None if there is no value, if there are several, or if it
    /// is too long. However many values there are and however long, this looks only at their number
    /// and at their lengths.
    pub(crate) fn only(authorization: &'a [Vec<u8>], api_key: &'a [Vec<u8>]) -> Option<Sent<'a>> {
        let (sent, max_bytes) = match (authorization, api_key) {
            ([value], []) => (Sent::Authorization(value), SCHEME.len().saturating_add(MAX_KEY_BYTES)),
            ([], [value]) => (Sent::ApiKey(value), MAX_KEY_BYTES),
            _ => return None,
        };
        (sent.value().len() <= max_bytes).then_some(sent)
    }

    /// The last word of the value, which its sender takes for the key, whatever precedes it.
    pub(crate) fn last_word(&self) -> &'a [u8] {
        self.value().trim_ascii().rsplit(u8::is_ascii_whitespace).next().unwrap_or_default()
    }

    /// The key in the value: all of `x-api-key`, or what follows `Bearer` in `authorization`.
    fn key(&self) -> Option<&'a [u8]> {
        match self {
            Sent::ApiKey(key) => Some(key),
            Sent::Authorization(value) => match value.split_at_checked(SCHEME.len()) {
                Some((scheme, key)) if scheme.eq_ignore_ascii_case(SCHEME) => Some(key),
                _ => None,
            },
        }
    }

    fn value(&self) -> &'a [u8] {
        match self {
            Sent::Authorization(value) | Sent::ApiKey(value) => value,
        }
    }
}

/// Finds the key that a caller sent. The error is the response to a caller without a valid key. The
/// time of the comparison does not depend on the contents of the keys.
pub(crate) fn find<'a>(keys: &'a [Key], sent: Option<&Sent<'_>>) -> Result<&'a Key, Response> {
    if keys.is_empty() {
        return Err(not_configured());
    }
    let sent = sent.and_then(Sent::key).filter(|key| key.len() >= MIN_KEY_BYTES);
    sent.and_then(|sent| with_text(keys, sent)).ok_or_else(|| {
        let message = "The gateway's key is missing or wrong, or more than one was sent.";
        Response::error(401, "unauthorized", message).with_header("www-authenticate", "Bearer")
    })
}

/// Finds the key with this text. The caller of this function limits the length of the text.
pub(crate) fn with_text<'a>(keys: &'a [Key], text: &[u8]) -> Option<&'a Key> {
    let sent_hash = hash(text);
    // Comparing every key takes the same time whichever it is.
    keys.iter().fold(None, |found, key| if key.hash.ct_eq(&sent_hash).into() { Some(key) } else { found })
}

/// The response of a gateway without a key.
pub(crate) fn not_configured() -> Response {
    let message = "The gateway has no key: its operator must set GATEWAY_KEY or GATEWAY_KEYS.";
    Response::error(503, "keyNotConfigured", message)
}

fn action_names() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|action| action.definition.name)
}

fn hash(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// Parses 64 hexadecimal digits.
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
        let (authorization, api_key) = (bytes(authorization), bytes(api_key));
        let found = find(keys, Sent::only(&authorization, &api_key).as_ref());
        found.map(|key| key.name.clone()).map_err(|error| error.status)
    }

    #[test]
    fn wrong_key_is_unauthorized() {
        let keys = [Key::parse(KEY).unwrap()];
        let found = Ok("default".to_owned());
        assert_eq!(find_name(&keys, &[&format!("Bearer {KEY}")], &[]), found);
        assert_eq!(find_name(&keys, &[&format!("bearer {KEY}")], &[]), found);
        assert_eq!(find_name(&keys, &[], &[KEY]), found);
        let bearer = format!("Bearer {KEY}");
        let wrong: &[(&[&str], &[&str])] = &[
            (&[], &[]),
            (&["Bearer"], &[]),
            (&["Bearer "], &[""]),
            (&[KEY], &[]),
            (&["Bearer canary-key-of-26-bytes-abd"], &["canary-key-of-26-bytes-abc "]),
            (&["Bearer canary-key-of-26-bytes-abc2"], &["canary"]),
            (&["Basic canary-key-of-26-bytes-abc"], &["Bearer canary-key-of-26-bytes-abc"]),
            (&[], &[HASH]),
            // More than one value, even if they are equal.
            (&["Basic Zm9v"], &[KEY]),
            (&[&bearer, &bearer], &[]),
            (&[&bearer], &[KEY]),
            (&[], &[KEY, KEY]),
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
    fn a_longer_value_than_that_of_a_key_is_not_looked_at() {
        let [longest, longer] = [1_024, 1_025].map(|length| "k".repeat(length));
        let keys = [Key::parse(&longest).ok().unwrap()];
        assert!(Key::parse(&longer).is_err());
        assert!(find_name(&keys, &[&format!("Bearer {longest}")], &[]).is_ok());
        assert!(find_name(&keys, &[], &[&longest]).is_ok());
        let digits: String = hash(longer.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let keys = [Key::parse_entry(&format!("a:{digits}")).ok().unwrap()];
        assert_eq!(find_name(&keys, &[&format!("Bearer {longer}")], &[]), Err(401));
        assert_eq!(find_name(&keys, &[], &[&longer]), Err(401));
    }

    #[track_caller]
    fn permitted(key: &Key, has_protected_ids: bool) -> Vec<&'static str> {
        let permitted = ACTIONS.iter().filter(|action| key.permits(action, has_protected_ids));
        permitted.map(|action| action.definition.name).collect()
    }

    #[test]
    fn a_key_permits_the_actions_of_its_entry() {
        let entry = |actions: &str| Key::parse_entry(&format!("a:{HASH}:{actions}")).ok().unwrap();
        let all: Vec<_> = action_names().collect();
        for has_protected_ids in [false, true] {
            assert_eq!(permitted(&entry(&all.join("+")), has_protected_ids), all);
            let two = entry("confirm-sign-ins-safe+dismiss-sign-ins");
            assert_eq!(permitted(&two, has_protected_ids), ["dismiss-sign-ins", "confirm-sign-ins-safe"]);
            for name in &all {
                assert_eq!(permitted(&entry(name), has_protected_ids), [*name]);
            }
        }
    }

    #[test]
    fn a_key_without_a_list_confirms_nothing_and_with_protected_ids_reaches_no_sign_in() {
        let single = Key::parse(KEY).ok().unwrap();
        let named = Key::parse_entry(&format!("a:{HASH}")).ok().unwrap();
        for key in [single, named] {
            assert_eq!(permitted(&key, false), ["dismiss-sign-ins", "dismiss-risky-users"]);
            assert_eq!(permitted(&key, true), ["dismiss-risky-users"]);
        }
    }

    #[test]
    fn an_entry_may_end_with_a_maximum_number_of_ids() {
        let max_ids = |fields: &str| Key::parse_entry(&format!("a:{HASH}{fields}")).ok().unwrap().max_ids;
        assert_eq!((max_ids(""), max_ids(":dismiss-sign-ins")), (None, None));
        assert_eq!((max_ids(":max-ids=1"), max_ids(":dismiss-sign-ins:max-ids=100000")), (Some(1), Some(100_000)));
        let key = Key::parse_entry(&format!("a:{HASH}:max-ids=1")).ok().unwrap();
        assert_eq!(permitted(&key, false), ["dismiss-sign-ins", "dismiss-risky-users"]);
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
            format!("a:{HASH}:max-ids=0"),
            format!("a:{HASH}:max-ids=4294967296"),
            format!("a:{HASH}:max-ids=1:"),
            format!("a:{HASH}:max-ids=1:max-ids=1"),
            format!("a:{HASH}:max-ids=1:dismiss-sign-ins"),
            format!("a:{HASH}:dismiss-sign-ins:1"),
        ];
        for entry in invalid {
            assert!(Key::parse_entry(&entry).is_err(), "{entry}");
        }
    }
}
