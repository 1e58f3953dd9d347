//! The settings in the environment: the gateway's key, and the options for every call of the plugin.

use std::fmt;

use entra_risk_engine::endpoint::Endpoint;
use entra_risk_report::actions::Options;
use entra_risk_report::parse_cloud;

/// Deadline for a call of the plugin in milliseconds unless `GATEWAY_DEADLINE_MS` is set: HTTP clients do not wait
/// forever.
const DEFAULT_DEADLINE_MS: u32 = 60_000;

/// The settings. The key cannot be printed.
pub(crate) struct Settings {
    /// `GATEWAY_KEY`; none if it is not set or empty.
    pub(crate) key: Option<String>,
    /// The options, or the name of a variable that is not valid.
    pub(crate) options: Result<Options, &'static str>,
}

impl Settings {
    /// Parses the environment. Empty variables count as not set.
    pub(crate) fn parse(environment: Vec<(String, String)>) -> Self {
        let mut settings = Settings {
            key: None,
            options: Ok(Options { deadline_ms: Some(DEFAULT_DEADLINE_MS), ..Options::default() }),
        };
        for (name, value) in environment.into_iter().filter(|(_, value)| !value.is_empty()) {
            if name == "GATEWAY_KEY" {
                settings.key = Some(value);
            } else if let Some((variable, set)) = VARIABLES.iter().find(|(variable, _)| *variable == name)
                && let Ok(options) = &mut settings.options
                && set(options, value).is_none()
            {
                settings.options = Err(variable);
            }
        }
        settings
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Sets an option, unless the value is not valid.
type Set = fn(&mut Options, String) -> Option<()>;

/// The variables and the options that they set. The plugin checks the tenant.
static VARIABLES: [(&str, Set); 7] = [
    ("GATEWAY_TENANT", |options, value| set(&mut options.tenant, Some(value))),
    ("GATEWAY_CLOUD", |options, value| set(&mut options.cloud, parse_cloud(&value).ok())),
    ("GATEWAY_ENDPOINT", |options, value| set(&mut options.endpoint, parse_address(&value, false))),
    ("GATEWAY_AUDIENCE", |options, value| set(&mut options.audience, parse_address(&value, true))),
    ("GATEWAY_DEADLINE_MS", |options, value| set(&mut options.deadline_ms, parse_milliseconds(&value))),
    ("GATEWAY_PATIENCE_MS", |options, value| set(&mut options.patience_ms, parse_milliseconds(&value))),
    ("GATEWAY_ISOLATE_REFUSED", |options, value| set(&mut options.isolate_refused, value.parse().ok())),
];

fn set<T>(option: &mut Option<T>, value: Option<T>) -> Option<()> {
    *option = value;
    option.as_ref().map(|_| ())
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

    #[track_caller]
    fn parse(variables: &[(&str, &str)]) -> Settings {
        Settings::parse(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn an_empty_key_is_no_key() {
        assert_eq!(parse(&[]).key, None);
        assert_eq!(parse(&[("GATEWAY_KEY", "")]).key, None);
        assert_eq!(parse(&[("GATEWAY_KEY", "canary-k")]).key.as_deref(), Some("canary-k"));
    }

    #[test]
    fn each_variable_sets_its_option() {
        let options = parse(&[
            ("GATEWAY_TENANT", "contoso.com"),
            ("GATEWAY_CLOUD", "china"),
            ("GATEWAY_ENDPOINT", "https://a.test"),
            ("GATEWAY_AUDIENCE", "https://graph.example"),
            ("GATEWAY_DEADLINE_MS", "5"),
            ("GATEWAY_PATIENCE_MS", "7"),
            ("GATEWAY_ISOLATE_REFUSED", "false"),
        ]);
        let options = options.options.unwrap();
        assert!(matches!(options.cloud, Some(Cloud::China)));
        assert_eq!(
            (options.tenant.as_deref(), options.endpoint.as_deref()),
            (Some("contoso.com"), Some("https://a.test"))
        );
        assert_eq!(options.audience.as_deref(), Some("https://graph.example"));
        assert_eq!((options.deadline_ms, options.patience_ms), (Some(5), Some(7)));
        assert_eq!(options.isolate_refused, Some(false));
        assert_eq!(parse(&[("PATH", "/bin"), ("GATEWAY_CLOUD", "")]).options.unwrap().deadline_ms, Some(60_000));
    }

    #[test]
    fn an_invalid_variable_is_named_without_its_value() {
        let cases = [
            ("GATEWAY_CLOUD", "moon"),
            ("GATEWAY_ENDPOINT", "http://a.test"),
            ("GATEWAY_AUDIENCE", "http://localhost"),
            ("GATEWAY_DEADLINE_MS", "0"),
            ("GATEWAY_DEADLINE_MS", "1m"),
            ("GATEWAY_PATIENCE_MS", "-1"),
            ("GATEWAY_ISOLATE_REFUSED", "no"),
        ];
        for (name, value) in cases {
            assert_eq!(parse(&[(name, value)]).options.unwrap_err(), name);
        }
    }

    #[test]
    fn the_key_cannot_be_printed() {
        assert!(!format!("{:?}", parse(&[("GATEWAY_KEY", "canary-k")])).contains("canary"));
    }
}
