//! The settings of the Model Context Protocol: the secret of its confirmations, from how many ids
//! on a call must be confirmed, and which web pages may call.

use entra_risk_common::{entries, value};

use super::confirmation::Secret;
use crate::response::Response;

/// The variable with the secret.
const SECRET: &str = "ENTRA_RISK_MCP_SECRET";

/// The variable with the maximum number of ids of a call that need not be confirmed.
const ASK_ABOVE: &str = "ENTRA_RISK_MCP_ASK_ABOVE";

/// The variable with the origins of web pages.
const ORIGINS: &str = "ENTRA_RISK_MCP_ORIGINS";

/// The maximum number of ids of a call that need not be confirmed, unless the operator chooses.
const DEFAULT_ASK_ABOVE: u32 = 10;

/// The settings of the Model Context Protocol.
pub(crate) struct McpSettings {
    /// The secret of the confirmations. Without it nothing can be confirmed.
    pub(crate) secret: Option<Secret>,
    /// The maximum number of ids of a call that need not be confirmed.
    pub(crate) ask_above: u32,
    /// The values of `origin` that are permitted.
    origins: Vec<String>,
}

impl McpSettings {
    /// Parses the environment. Adds a message for each variable that is not valid, with its name
    /// and the rule but without its value.
    pub(crate) fn parse(environment: &[(String, String)], problems: &mut Vec<String>) -> McpSettings {
        let secret = value(environment, SECRET).and_then(|text| {
            let secret = Secret::parse(text);
            if secret.is_none() {
                problems.push(format!("{SECRET}: expected at least 32 bytes"));
            }
            secret
        });
        let ask_above = value(environment, ASK_ABOVE).map_or(Ok(DEFAULT_ASK_ABOVE), str::parse);
        let ask_above = ask_above.unwrap_or_else(|_| {
            problems.push(format!("{ASK_ABOVE}: expected a number from 0 to 4294967295"));
            0
        });
        let origins = value(environment, ORIGINS).map(entries).into_iter().flatten().map(str::to_owned).collect();
        McpSettings { secret, ask_above, origins }
    }

    /// Checks the values of `origin`. Browsers send it, other clients do not. The error is the
    /// response to a web page that is not listed.
    pub(crate) fn check_origin(&self, header: &[Vec<u8>]) -> Result<(), Response> {
        let is_listed =
            |origin: &Vec<u8>| self.origins.iter().any(|known| origin.eq_ignore_ascii_case(known.as_bytes()));
        match header.iter().all(is_listed) {
            true => Ok(()),
            false => Err(Response::error(403, "originNotListed", "ENTRA_RISK_MCP_ORIGINS does not list the origin.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(variables: &[(&str, &str)]) -> Result<McpSettings, Vec<String>> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut problems = Vec::new();
        let settings = McpSettings::parse(&variables.iter().map(own).collect::<Vec<_>>(), &mut problems);
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }

    #[test]
    fn each_invalid_variable_is_named_with_its_rule_and_without_its_value() {
        let cases = [
            (SECRET, "canary-of-31-bytes-canary-of-31", "at least 32 bytes"),
            (ASK_ABOVE, "canary", "a number from 0"),
            (ASK_ABOVE, "-1", "a number from 0"),
        ];
        for (name, value, rule) in cases {
            let problems = parse(&[(name, value)]).err().unwrap();
            let [problem] = problems.as_slice() else { panic!("expected one problem: {problems:?}") };
            assert!(problem.starts_with(&format!("{name}: expected {rule}")), "{problem}");
            assert!(!problem.contains("canary"), "{problem}");
        }
        let valid = parse(&[(SECRET, &"s".repeat(32)), (ASK_ABOVE, "0")]).ok().unwrap();
        assert!(valid.secret.is_some() && valid.ask_above == 0);
        let default = parse(&[]).ok().unwrap();
        assert!(default.secret.is_none() && default.ask_above == 10);
    }

    #[test]
    fn a_web_page_must_be_listed() {
        let check = |list: &str, origins: &[&str]| {
            let header: Vec<_> = origins.iter().map(|origin| origin.as_bytes().to_vec()).collect();
            parse(&[(ORIGINS, list)]).ok().unwrap().check_origin(&header).is_ok()
        };
        assert!(check("", &[]) && check("https://a.test", &[]));
        assert!(check("https://a.test, https://b.test", &["https://B.test"]));
        for list in ["", "https://b.test", "*"] {
            assert!(!check(list, &["https://a.test"]), "{list}");
        }
        assert!(!check("https://a.test", &["https://a.test", "null"]) && !check("https://a.test", &["null"]));
    }
}
