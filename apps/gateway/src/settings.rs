//! The settings in the environment: the keys of the callers, and the options for every call of the plugin.

use entra_risk_engine::arguments::is_tenant;
use entra_risk_engine::endpoint::Endpoint;
use entra_risk_report::actions::Options;
use entra_risk_report::parse_cloud;

use crate::key::Key;

/// Deadline for a call of the plugin in milliseconds unless `GATEWAY_DEADLINE_MS` is set: below the 60 seconds that
/// common proxies wait for a response.
const DEFAULT_DEADLINE_MS: u32 = 50_000;

/// The settings.
pub(crate) struct Settings {
    /// The keys: none if neither `GATEWAY_KEY` nor `GATEWAY_KEYS` is set.
    pub(crate) keys: Vec<Key>,
    /// The options of every call.
    pub(crate) options: Options,
}

impl Settings {
    /// Parses the environment. Empty variables count as not set. The error contains a message for each variable that is
    /// not valid: its name and the rule, but not the value, which may be a secret.
    pub(crate) fn parse(environment: &[(String, String)]) -> Result<Self, Vec<String>> {
        let options = Options { deadline_ms: Some(DEFAULT_DEADLINE_MS), ..Options::default() };
        let mut settings = Settings { keys: Vec::new(), options };
        let mut problems = Vec::new();
        for (variable, set) in VARIABLES {
            let value = environment.iter().rfind(|(name, _)| name == variable).map(|(_, value)| value.trim());
            if let Some(value) = value.filter(|value| !value.is_empty())
                && let Err(rule) = set(&mut settings, value)
            {
                problems.push(format!("{variable}: {rule}"));
            }
        }
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }
}

/// Applies the value of a variable. The error is the rule that the value violates.
type Set = fn(&mut Settings, &str) -> Result<(), String>;

/// The variables.
const VARIABLES: &[(&str, Set)] = &[
    ("GATEWAY_KEY", |settings, value| add_key(&mut settings.keys, Key::parse(value)?)),
    ("GATEWAY_KEYS", |settings, value| add_keys(&mut settings.keys, value)),
    ("GATEWAY_TENANT", |settings, value| {
        let tenant = is_tenant(value).then(|| value.to_owned());
        set(&mut settings.options.tenant, tenant, "1 to 256 visible ASCII characters")
    }),
    ("GATEWAY_CLOUD", |settings, value| {
        set(&mut settings.options.cloud, parse_cloud(value).ok(), "global, us-gov-l4, us-gov-l5 or china")
    }),
    ("GATEWAY_ENDPOINT", |settings, value| {
        set(
            &mut settings.options.endpoint,
            parse_address(value, false),
            "https://HOST, or http:// with a loopback host",
        )
    }),
    ("GATEWAY_AUDIENCE", |settings, value| {
        set(&mut settings.options.audience, parse_address(value, true), "https://HOST")
    }),
    ("GATEWAY_DEADLINE_MS", |settings, value| {
        set(&mut settings.options.deadline_ms, parse_milliseconds(value), MILLISECONDS)
    }),
    ("GATEWAY_PATIENCE_MS", |settings, value| {
        set(&mut settings.options.patience_ms, parse_milliseconds(value), MILLISECONDS)
    }),
    ("GATEWAY_ISOLATE_REFUSED", |settings, value| {
        set(&mut settings.options.isolate_refused, value.parse().ok(), "true or false")
    }),
];

const MILLISECONDS: &str = "a number of milliseconds from 1 to 4294967295";

fn set<T>(option: &mut Option<T>, value: Option<T>, expected: &str) -> Result<(), String> {
    *option = value;
    if option.is_some() { Ok(()) } else { Err(format!("expected {expected}")) }
}

fn add_key(keys: &mut Vec<Key>, key: Key) -> Result<(), String> {
    if keys.iter().any(|known| known.name == key.name || known.hash == key.hash) {
        return Err("the name or the key occurs twice".to_owned());
    }
    keys.push(key);
    Ok(())
}

/// Adds the keys in entries that are separated by commas or white space.
fn add_keys(keys: &mut Vec<Key>, entries: &str) -> Result<(), String> {
    let entries = entries.split([',', ' ', '\t', '\r', '\n']).filter(|entry| !entry.is_empty());
    for (number, entry) in (1_u32..).zip(entries) {
        let added = Key::parse_entry(entry).map_err(str::to_owned).and_then(|key| add_key(keys, key));
        added.map_err(|rule| format!("entry {number}: {rule}"))?;
    }
    Ok(())
}

/// The address in the form that the plugin uses.
fn parse_address(value: &str, https_only: bool) -> Option<String> {
    let address = Endpoint::parse(value).ok().filter(|address| address.https || !https_only)?;
    Some(address.to_string())
}

fn parse_milliseconds(value: &str) -> Option<u32> {
    value.parse().ok().filter(|milliseconds| *milliseconds > 0)
}

#[cfg(test)]
mod tests {
    use entra_risk_report::actions::Cloud;

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
        assert!(crate::key::find(&settings.keys, &[], &[KEY.into()]).is_ok());
    }

    #[test]
    fn entries_are_separated_by_commas_or_white_space() {
        let [a, b, c] = ["a", "b", "c"].map(|last| format!("{last}:{}{last}", &HASH[1..]));
        let entries = format!("{a}:dismiss-risky-users,{b}\n\t{c}, \r\n");
        assert_eq!(key_names(&[("GATEWAY_KEYS", &entries), ("GATEWAY_KEY", KEY)]), ["default", "a", "b", "c"]);
    }

    #[test]
    fn each_variable_sets_its_option() {
        let settings = parse(&[
            ("GATEWAY_TENANT", "contoso.com"),
            ("GATEWAY_CLOUD", "china"),
            ("GATEWAY_ENDPOINT", "https://a.test"),
            ("GATEWAY_AUDIENCE", "https://graph.example"),
            ("GATEWAY_DEADLINE_MS", "5"),
            ("GATEWAY_PATIENCE_MS", " 7\n"),
            ("GATEWAY_ISOLATE_REFUSED", "false"),
        ]);
        let options = settings.ok().unwrap().options;
        assert!(matches!(options.cloud, Some(Cloud::China)));
        assert_eq!(
            (options.tenant.as_deref(), options.endpoint.as_deref()),
            (Some("contoso.com"), Some("https://a.test"))
        );
        assert_eq!(options.audience.as_deref(), Some("https://graph.example"));
        assert_eq!((options.deadline_ms, options.patience_ms), (Some(5), Some(7)));
        assert_eq!(options.isolate_refused, Some(false));
        let default = parse(&[("PATH", "/bin"), ("GATEWAY_CLOUD", "")]).ok().unwrap().options;
        assert_eq!(default.deadline_ms, Some(50_000));
    }

    #[test]
    fn each_invalid_variable_is_named_with_its_rule_and_without_its_value() {
        let name_twice = format!("canary:{HASH},b:{} canary:{}", HASH.replace('0', "1"), HASH.replace('0', "2"));
        let key_twice = format!("canary:{HASH} b:{}", HASH.to_uppercase());
        let cases = [
            ("GATEWAY_KEY", "canary-15-bytes", "a key has at least 16 bytes"),
            ("GATEWAY_KEYS", "canary", "entry 1: the hash after the name"),
            ("GATEWAY_KEYS", &name_twice, "entry 3: the name or the key occurs twice"),
            ("GATEWAY_KEYS", &key_twice, "entry 2: the name or the key occurs twice"),
            ("GATEWAY_TENANT", "canary with a space", "expected 1 to 256"),
            ("GATEWAY_CLOUD", "canary", "expected global, "),
            ("GATEWAY_ENDPOINT", "http://canary.test", "expected https://HOST"),
            ("GATEWAY_AUDIENCE", "http://localhost", "expected https://HOST"),
            ("GATEWAY_DEADLINE_MS", "0", "expected a number"),
            ("GATEWAY_DEADLINE_MS", "1m", "expected a number"),
            ("GATEWAY_PATIENCE_MS", "-1", "expected a number"),
            ("GATEWAY_ISOLATE_REFUSED", "no", "expected true or false"),
        ];
        for (name, value, rule) in cases {
            let problems = parse(&[(name, value)]).err().unwrap();
            let [problem] = problems.as_slice() else { panic!("expected one problem: {problems:?}") };
            assert!(problem.starts_with(&format!("{name}: {rule}")), "{problem}");
            assert!(!problem.contains("canary"), "{problem}");
        }
        let both = parse(&[("GATEWAY_CLOUD", "moon"), ("GATEWAY_KEY", "short")]).err().unwrap();
        assert_eq!(both.len(), 2, "{both:?}");
    }
}
