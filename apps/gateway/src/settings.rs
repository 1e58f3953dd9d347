//! What the environment says: the key that callers must have, and the options for every call of the plugin.

use std::fmt;

use entra_risk_account::actions::{Cloud, Options};

/// The time for a call of the plugin where `GATEWAY_DEADLINE_MS` is not set: callers over HTTP do not wait for ever.
const DEADLINE_MS: u32 = 60_000;

/// The settings. The key cannot be printed.
pub struct Settings {
    /// `GATEWAY_KEY`; none where it is not set or empty.
    pub key: Option<String>,
    /// `GATEWAY_CLOUD`, `GATEWAY_ENDPOINT` and `GATEWAY_DEADLINE_MS`, or the name of the one that is wrong.
    pub options: Result<Options, String>,
}

impl Settings {
    /// The settings in this environment.
    pub fn of(environment: Vec<(String, String)>) -> Self {
        let mut settings =
            Settings { key: None, options: Ok(Options { deadline_ms: Some(DEADLINE_MS), ..Options::DEFAULT }) };
        for (name, value) in environment.into_iter().filter(|(_, value)| !value.is_empty()) {
            if name == "GATEWAY_KEY" {
                settings.key = Some(value);
            } else if let Ok(options) = &mut settings.options
                && !set(options, &name, value)
            {
                settings.options = Err(name);
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

/// Sets the option that this variable is for: whether its value is right.
fn set(options: &mut Options, name: &str, value: String) -> bool {
    match name {
        "GATEWAY_CLOUD" => {
            options.cloud = Cloud::named(&value);
            options.cloud.is_some()
        }
        "GATEWAY_ENDPOINT" => {
            options.endpoint = Some(value);
            true
        }
        "GATEWAY_DEADLINE_MS" => {
            options.deadline_ms = value.parse().ok().filter(|ms| *ms > 0);
            options.deadline_ms.is_some()
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn of(variables: &[(&str, &str)]) -> Settings {
        Settings::of(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn an_empty_key_is_no_key() {
        assert_eq!(of(&[]).key, None);
        assert_eq!(of(&[("GATEWAY_KEY", "")]).key, None);
        assert_eq!(of(&[("GATEWAY_KEY", "canary-k")]).key.as_deref(), Some("canary-k"));
    }

    #[test]
    fn options_come_from_the_environment() {
        let set = [("GATEWAY_CLOUD", "china"), ("GATEWAY_ENDPOINT", "https://a.test"), ("GATEWAY_DEADLINE_MS", "5")];
        let options = of(&set).options.unwrap();
        assert!(matches!(options.cloud, Some(Cloud::China)));
        assert_eq!((options.endpoint.as_deref(), options.deadline_ms), (Some("https://a.test"), Some(5)));
        assert_eq!(of(&[("PATH", "/bin")]).options.unwrap().deadline_ms, Some(60_000));
    }

    #[test]
    fn a_wrong_option_is_named_without_its_value() {
        for (name, value) in [("GATEWAY_CLOUD", "moon"), ("GATEWAY_DEADLINE_MS", "0"), ("GATEWAY_DEADLINE_MS", "1m")] {
            assert_eq!(of(&[(name, value)]).options.unwrap_err(), name);
        }
    }

    #[test]
    fn the_key_cannot_be_printed() {
        assert!(!format!("{:?}", of(&[("GATEWAY_KEY", "canary-k")])).contains("canary"));
    }
}
