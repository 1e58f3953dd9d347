//! The options of every call in the environment: the variables `ENTRA_RISK_*` of the gateway.

use entra_risk_engine::contract::arguments::is_tenant;
use entra_risk_engine::contract::endpoint::Endpoint;

use crate::actions::Options;
use crate::parse_cloud;

/// The deadline of a call in milliseconds unless `ENTRA_RISK_DEADLINE_MS` is set: below the 60
/// seconds that common proxies and clients of tools wait for a response.
const DEFAULT_DEADLINE_MS: u32 = 50_000;

/// Parses the options in the environment. The error contains a message for each variable that is
/// not valid, with its name and the rule but without its value, and for each that is set under a
/// name that it no longer has.
///
/// # Errors
/// If a variable is not valid, or set under an old name.
pub fn parse_options(environment: &[(String, String)]) -> Result<Options, Vec<String>> {
    let mut options = Options { deadline_ms: Some(DEFAULT_DEADLINE_MS), ..Options::default() };
    let set = |(variable, set): &(&str, Set)| {
        let result = value(environment, variable).map_or(Ok(()), |value| set(&mut options, value));
        result.err().map(|rule| format!("{variable}: expected {rule}"))
    };
    let mut problems: Vec<String> = VARIABLES.iter().filter_map(set).collect();
    for (old, value) in environment {
        if let Some(new) = new_name(old)
            && !value.trim().is_empty()
        {
            problems.push([old, ": renamed to ", new].concat());
        }
    }
    if problems.is_empty() { Ok(options) } else { Err(problems) }
}

/// The value of a variable without the white space around it. An empty variable counts as not set.
pub fn value<'a>(environment: &'a [(String, String)], variable: &str) -> Option<&'a str> {
    let (_, value) = environment.iter().rfind(|(name, _)| name == variable)?;
    Some(value.trim()).filter(|value| !value.is_empty())
}

/// The entries of a list, which are separated by commas or white space.
pub fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ' ', '\t', '\r', '\n']).filter(|entry| !entry.is_empty())
}

/// The name that a variable has instead of an old one. An old name is an error, because its value
/// would be ignored: a deployment would silently lose its cloud or its deadline.
fn new_name(old: &str) -> Option<&'static str> {
    if old == "ENTRA_RISK_ENDPOINTS" {
        return Some("ENTRA_RISK_ALLOWED_ENDPOINTS");
    }
    let option = old.strip_prefix("GATEWAY_")?;
    VARIABLES.iter().map(|(new, _)| *new).find(|new| new.strip_prefix("ENTRA_RISK_") == Some(option))
}

/// Sets an option to the value of a variable. The error is what the value must be instead.
type Set = fn(&mut Options, &str) -> Result<(), &'static str>;

/// The variables of the options, and what each does.
const VARIABLES: &[(&str, Set)] = &[
    ("ENTRA_RISK_TENANT", |options, value| {
        let tenant = is_tenant(value).then(|| value.to_owned());
        set(&mut options.tenant, tenant, "1 to 256 visible ASCII characters")
    }),
    ("ENTRA_RISK_CLOUD", |options, value| {
        set(&mut options.cloud, parse_cloud(value).ok(), "global, us-gov-l4, us-gov-l5 or china")
    }),
    ("ENTRA_RISK_ENDPOINT", |options, value| {
        set(&mut options.endpoint, parse_address(value, false), "https://HOST, or http:// with a loopback host")
    }),
    ("ENTRA_RISK_AUDIENCE", |options, value| set(&mut options.audience, parse_address(value, true), "https://HOST")),
    ("ENTRA_RISK_DEADLINE_MS", |options, value| set(&mut options.deadline_ms, parse_milliseconds(value), MILLISECONDS)),
    ("ENTRA_RISK_PATIENCE_MS", |options, value| set(&mut options.patience_ms, parse_milliseconds(value), MILLISECONDS)),
    ("ENTRA_RISK_ISOLATE_REFUSED", |options, value| {
        set(&mut options.isolate_refused, value.parse().ok(), "true or false")
    }),
];

const MILLISECONDS: &str = "a number of milliseconds from 1 to 4294967295";

fn set<T>(option: &mut Option<T>, value: Option<T>, expected: &'static str) -> Result<(), &'static str> {
    *option = value;
    if option.is_some() { Ok(()) } else { Err(expected) }
}

/// Parses an address, and returns it in the form that the plugin uses.
fn parse_address(value: &str, https_only: bool) -> Option<String> {
    let address = Endpoint::parse(value).ok().filter(|address| address.https || !https_only)?;
    Some(address.to_string())
}

fn parse_milliseconds(value: &str) -> Option<u32> {
    value.parse().ok().filter(|milliseconds| *milliseconds > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::Cloud;

    fn parse(variables: &[(&str, &str)]) -> Result<Options, Vec<String>> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        parse_options(&variables.iter().map(own).collect::<Vec<_>>())
    }

    #[test]
    fn each_variable_sets_its_option() {
        let options = parse(&[
            ("ENTRA_RISK_TENANT", "contoso.com"),
            ("ENTRA_RISK_CLOUD", "china"),
            ("ENTRA_RISK_ENDPOINT", "https://a.test"),
            ("ENTRA_RISK_AUDIENCE", "https://graph.example"),
            ("ENTRA_RISK_DEADLINE_MS", "5"),
            ("ENTRA_RISK_PATIENCE_MS", " 7\n"),
            ("ENTRA_RISK_ISOLATE_REFUSED", "false"),
        ]);
        let options = options.unwrap();
        assert!(matches!(options.cloud, Some(Cloud::China)));
        assert_eq!(
            (options.tenant.as_deref(), options.endpoint.as_deref()),
            (Some("contoso.com"), Some("https://a.test"))
        );
        assert_eq!(options.audience.as_deref(), Some("https://graph.example"));
        assert_eq!((options.deadline_ms, options.patience_ms), (Some(5), Some(7)));
        assert_eq!(options.isolate_refused, Some(false));
        let default = parse(&[("PATH", "/bin"), ("ENTRA_RISK_CLOUD", "")]).unwrap();
        assert_eq!(default.deadline_ms, Some(50_000));
    }

    #[test]
    fn each_invalid_variable_is_named_with_its_rule_and_without_its_value() {
        let cases = [
            ("ENTRA_RISK_TENANT", "canary with a space", "expected 1 to 256"),
            ("ENTRA_RISK_CLOUD", "canary", "expected global, "),
            ("ENTRA_RISK_ENDPOINT", "http://canary.test", "expected https://HOST"),
            ("ENTRA_RISK_AUDIENCE", "http://localhost", "expected https://HOST"),
            ("ENTRA_RISK_DEADLINE_MS", "0", "expected a number"),
            ("ENTRA_RISK_DEADLINE_MS", "1m", "expected a number"),
            ("ENTRA_RISK_PATIENCE_MS", "-1", "expected a number"),
            ("ENTRA_RISK_ISOLATE_REFUSED", "no", "expected true or false"),
        ];
        for (name, value, rule) in cases {
            let problems = parse(&[(name, value)]).unwrap_err();
            let [problem] = problems.as_slice() else { panic!("expected one problem: {problems:?}") };
            assert!(problem.starts_with(&format!("{name}: {rule}")), "{problem}");
            assert!(!problem.contains("canary"), "{problem}");
        }
        let both = parse(&[("ENTRA_RISK_CLOUD", "moon"), ("ENTRA_RISK_TENANT", "a b")]).unwrap_err();
        assert_eq!(both.len(), 2, "{both:?}");
    }

    #[test]
    fn a_variable_that_is_set_under_an_old_name_is_reported_with_the_new_one() {
        let old = VARIABLES.iter().map(|(new, _)| (new.replace("ENTRA_RISK_", "GATEWAY_"), *new));
        let old = old.chain([("ENTRA_RISK_ENDPOINTS".to_owned(), "ENTRA_RISK_ALLOWED_ENDPOINTS")]);
        for (old, new) in old {
            let expected = Err(vec![format!("{old}: renamed to {new}")]);
            assert_eq!(parse(&[(&old, "canary"), (new, "")]).map(drop), expected);
            assert!(parse(&[(&old, " ")]).is_ok(), "{old} is not set");
        }
        let mixed = parse(&[("ENTRA_RISK_CLOUD", "moon"), ("GATEWAY_TENANT", "contoso.com")]).unwrap_err();
        assert_eq!(mixed.len(), 2, "{mixed:?}");
    }
}
