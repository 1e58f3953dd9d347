//! The settings in the environment: the keys of the callers, what they must and must not send, and
//! the options for every call of the plugin.

use entra_risk_common::actions::Options;
use entra_risk_common::{entries, parse_options, value};

use crate::key::Key;
use crate::mcp::McpSettings;
use crate::protection::Protection;

/// The settings of the gateway.
pub(crate) struct Settings {
    /// The keys of the callers. There are none if neither `GATEWAY_KEY` nor `GATEWAY_KEYS` is set.
    pub(crate) keys: Vec<Key>,
    /// Whether every request of an action must contain a reason.
    pub(crate) requires_reason: bool,
    /// The ids that callers must not touch, if there are any.
    pub(crate) protection: Option<Protection>,
    /// The settings of the Model Context Protocol.
    pub(crate) mcp: McpSettings,
    /// The options of every call.
    pub(crate) options: Options,
}

impl Settings {
    /// Parses the environment. Empty variables count as not set, except those that protect. The
    /// error contains a message for each variable that is not valid, with its name and the rule but
    /// without its value, which may be a secret, and for each that is set under an old name.
    pub(crate) fn parse(environment: &[(String, String)]) -> Result<Self, Vec<String>> {
        let mut keys = Vec::new();
        let mut problems = Vec::new();
        for (variable, add) in KEYS {
            if let Some(value) = value(environment, variable)
                && let Err(rule) = add(&mut keys, value)
            {
                problems.push(format!("{variable}: {rule}"));
            }
        }
        let requires_reason = value(environment, REQUIRE_REASON).map_or(Ok(false), str::parse);
        if requires_reason.is_err() {
            problems.push(format!("{REQUIRE_REASON}: expected true or false"));
        }
        let protection = Protection::parse(environment).map_err(|problem| problems.push(problem));
        let mcp = McpSettings::parse(environment, &mut problems);
        let options = parse_options(environment).map_err(|others| problems.extend(others));
        match (requires_reason, protection, options) {
            (Ok(requires_reason), Ok(protection), Ok(options)) if problems.is_empty() => {
                Ok(Settings { keys, requires_reason, protection, mcp, options })
            }
            _ => Err(problems),
        }
    }
}

/// The variable that makes a reason necessary.
const REQUIRE_REASON: &str = "ENTRA_RISK_REQUIRE_REASON";

/// Adds the keys in the value of a variable. The error is the rule that the value violates.
type Add = fn(&mut Vec<Key>, &str) -> Result<(), String>;

/// The variables that contain keys.
const KEYS: &[(&str, Add)] =
    &[("GATEWAY_KEY", |keys, value| add_key(keys, Key::parse(value)?)), ("GATEWAY_KEYS", add_keys)];

fn add_key(keys: &mut Vec<Key>, key: Key) -> Result<(), String> {
    if keys.iter().any(|known| known.name == key.name || known.hash == key.hash) {
        return Err("the name or the key occurs twice".to_owned());
    }
    keys.push(key);
    Ok(())
}

/// Adds the keys in the entries of a list.
fn add_keys(keys: &mut Vec<Key>, list: &str) -> Result<(), String> {
    for (number, entry) in (1_u32..).zip(entries(list)) {
        let added = Key::parse_entry(entry).map_err(str::to_owned).and_then(|key| add_key(keys, key));
        added.map_err(|rule| format!("entry {number}: {rule}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "canary-key-of-26-bytes-abc";
    const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn parse(variables: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Settings::parse(&variables.iter().map(own).collect::<Vec<_>>())
    }

    fn key_names(variables: &[(&str, &str)]) -> Vec<String> {
        parse(variables).ok().unwrap().keys.into_iter().map(|key| key.name).collect()
    }

    #[test]
    fn an_empty_key_is_no_key() {
        for variables in [vec![], vec![("GATEWAY_KEY", "")], vec![("GATEWAY_KEY", " \n"), ("GATEWAY_KEYS", " , ")]] {
            assert!(key_names(&variables).is_empty());
        }
    }

    #[test]
    fn the_key_is_trimmed() {
        let settings = parse(&[("GATEWAY_KEY", &format!(" {KEY}\r\n"))]).ok().unwrap();
        assert!(crate::key::with_text(&settings.keys, KEY.as_bytes()).is_some());
    }

    #[test]
    fn a_reason_is_required_on_demand() {
        let requires = |value| parse(&[("ENTRA_RISK_REQUIRE_REASON", value)]).ok().unwrap().requires_reason;
        assert_eq!(["true", "false", ""].map(requires), [true, false, false]);
    }

    #[test]
    fn entries_are_separated_by_commas_or_white_space() {
        let [a, b, c] = ["a", "b", "c"].map(|last| format!("{last}:{}{last}", &HASH[1..]));
        let entries = format!("{a}:dismiss-risky-users,{b}\n\t{c}, \r\n");
        assert_eq!(key_names(&[("GATEWAY_KEYS", &entries), ("GATEWAY_KEY", KEY)]), ["default", "a", "b", "c"]);
    }

    #[test]
    fn each_invalid_variable_is_named_with_its_rule_and_without_its_value() {
        let name_twice = format!("canary:{HASH},b:{} canary:{}", HASH.replace('0', "1"), HASH.replace('0', "2"));
        let key_twice = format!("canary:{HASH} b:{}", HASH.to_uppercase());
        let cases = [
            ("GATEWAY_KEY", "canary-15-bytes", "a key has 16 to 1024 bytes"),
            ("GATEWAY_KEYS", "canary", "entry 1: the hash after the name"),
            ("GATEWAY_KEYS", &name_twice, "entry 3: the name or the key occurs twice"),
            ("GATEWAY_KEYS", &key_twice, "entry 2: the name or the key occurs twice"),
            ("ENTRA_RISK_REQUIRE_REASON", "canary", "expected true or false"),
            ("ENTRA_RISK_REQUIRE_REASON", "1", "expected true or false"),
            ("ENTRA_RISK_PROTECT", "canary", "expected confirm or all"),
            ("ENTRA_RISK_CLOUD", "canary", "expected global, "),
        ];
        for (name, value, rule) in cases {
            let problems = parse(&[(name, value)]).err().unwrap();
            let [problem] = problems.as_slice() else { panic!("expected one problem: {problems:?}") };
            assert!(problem.starts_with(&format!("{name}: {rule}")), "{problem}");
            assert!(!problem.contains("canary"), "{problem}");
        }
        let all = parse(&[("ENTRA_RISK_CLOUD", "moon"), ("GATEWAY_KEY", "short"), ("ENTRA_RISK_PROTECTED", " ")]);
        assert_eq!(all.err().unwrap().len(), 3);
    }
}
