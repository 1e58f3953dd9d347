//! What to list: the options that select by level, state and age, or by an OData filter.

use std::time::Duration;

use entra_risk_common::timestamp;
use entra_risk_engine::contract::collection::Collection;

use crate::line::Line;

/// What to list. Without any option, everything.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    levels: Vec<&'static str>,
    states: Vec<&'static str>,
    /// The least time since the last change.
    age: Option<Duration>,
    odata: Option<String>,
}

/// What Microsoft Graph calls the fields of a collection, except that the id has the name by which
/// the actions recognize it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) level: &'static str,
    pub(crate) time: &'static str,
}

const LEVELS: [&str; 5] = ["low", "medium", "high", "hidden", "none"];

/// The states, and what Microsoft Graph calls them.
///
/// Source: `riskState` of <https://learn.microsoft.com/graph/api/resources/riskyuser>.
const STATES: [(&str, &str); 6] = [
    ("at-risk", AT_RISK),
    ("confirmed-compromised", "confirmedCompromised"),
    ("confirmed-safe", "confirmedSafe"),
    ("dismissed", "dismissed"),
    ("remediated", "remediated"),
    ("none", "none"),
];

const AT_RISK: &str = "atRisk";
const STATE: &str = "riskState";

impl Fields {
    pub(crate) fn of(collection: &Collection) -> Self {
        let (id, name, level, time) = match collection.name {
            "sign-ins" => ("requestId", "userPrincipalName", "riskLevelAggregated", "createdDateTime"),
            "risky-service-principals" => ("servicePrincipalId", "displayName", "riskLevel", "riskLastUpdatedDateTime"),
            _ => ("userId", "userPrincipalName", "riskLevel", "riskLastUpdatedDateTime"),
        };
        Fields { id, name, level, time }
    }
}

impl Selection {
    /// Reads the value of an option. False if it is none of these options.
    pub(crate) fn set(&mut self, name: &str, line: &mut Line) -> Result<bool, String> {
        match name {
            "level" => {
                let level = |name: &str| LEVELS.into_iter().find(|level| *level == name);
                self.levels.extend(list("--level", &line.text()?, "low, medium, high, hidden or none", level)?);
            }
            "state" => {
                let expected = STATES.map(|(name, _)| name).join(", ");
                let state = |name: &str| STATES.iter().find(|(known, _)| *known == name).map(|(_, state)| *state);
                self.states.extend(list("--state", &line.text()?, &expected, state)?);
            }
            "older-than" => self.age = Some(age(&line.text()?)?),
            "filter" | "where" if self.odata.is_some() => {
                return Err(format!("--{name}: only one of --filter and --where is possible: join them with `and`"));
            }
            "filter" => self.odata = Some(odata("--filter", line.text()?)?),
            "where" => self.odata = Some(odata("--where", line.text()?)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether there is no option.
    pub(crate) fn is_empty(&self) -> bool {
        self.levels.is_empty() && self.states.is_empty() && self.age.is_none() && self.odata.is_none()
    }

    /// What is at risk, unless an option selects by state.
    pub(crate) fn at_risk(&self) -> Selection {
        let names_state = !self.states.is_empty() || self.odata.as_ref().is_some_and(|odata| odata.contains(STATE));
        let states = if names_state { self.states.clone() } else { vec![AT_RISK] };
        Selection { levels: self.levels.clone(), states, age: self.age, odata: self.odata.clone() }
    }

    /// The OData filter, this long after the start of 1970; none without any option.
    pub(crate) fn filter(&self, collection: &Collection, now: Duration) -> Option<String> {
        let fields = Fields::of(collection);
        let any = |field: &str, values: &[&str]| {
            let values: Vec<String> = values.iter().map(|value| format!("{field} eq '{value}'")).collect();
            (!values.is_empty()).then(|| values.join(" or "))
        };
        let before = self.age.map(|age| {
            let time = timestamp(now.saturating_sub(age).as_secs(), 0);
            format!("{} lt {}", fields.time, time.replace(".000", ""))
        });
        let parts = [any(STATE, &self.states), any(fields.level, &self.levels), before, self.odata.clone()];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        match parts.as_slice() {
            [] => None,
            [part] => Some(part.clone()),
            // Each part may contain an `or`.
            parts => Some(format!("({})", parts.join(") and ("))),
        }
    }
}

/// Values separated by commas.
fn list(
    flag: &str,
    text: &str,
    expected: &str,
    parse: impl Fn(&str) -> Option<&'static str>,
) -> Result<Vec<&'static str>, String> {
    let values = text.split(',').map(|name| parse(name.trim())).collect::<Option<Vec<_>>>();
    values.ok_or_else(|| format!("{flag}: expected {expected}; got '{text}'"))
}

/// A number of days, hours or minutes.
fn age(text: &str) -> Result<Duration, String> {
    let parse = || {
        let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let unit = match unit {
            "d" => 86_400,
            "h" => 3_600,
            "m" => 60,
            _ => return None,
        };
        count.parse::<u32>().ok().map(|count| Duration::from_secs(u64::from(count).saturating_mul(unit)))
    };
    parse().ok_or_else(|| format!("--older-than: expected a time, such as 30d, 12h or 90m; got '{text}'"))
}

/// An OData filter. In a shell it stands in single quotes, so that people put the text in it in
/// double quotes, which OData does not have.
fn odata(flag: &str, text: String) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err(format!("{flag}: expected an OData filter, such as \"riskLevel eq 'high'\""));
    }
    Ok(if text.contains('\'') { text } else { text.replace('"', "'") })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The filter of these options for a collection, 31 days after the start of 1970.
    fn filter(options: &[&str], collection: &str) -> Option<String> {
        selection(options).unwrap().filter(Collection::named(collection).unwrap(), Duration::from_secs(31 * 86_400))
    }

    fn selection(options: &[&str]) -> Result<Selection, String> {
        let mut line = Line::new(options.iter().map(|option| (*option).to_owned()).collect());
        let mut selection = Selection::default();
        while let Some(item) = line.next()? {
            let crate::line::Item::Option(name) = item else { panic!("{item:?}") };
            assert!(selection.set(&name, &mut line)?, "{name}");
        }
        Ok(selection)
    }

    #[test]
    fn options_become_a_filter() {
        let all = ["--level=high,medium", "--state", "at-risk", "--older-than=30d", "--filter=a or b"];
        let expected = "(riskState eq 'atRisk') and (riskLevel eq 'high' or riskLevel eq 'medium') and \
                        (riskLastUpdatedDateTime lt 1970-01-02T00:00:00Z) and (a or b)";
        assert_eq!(filter(&all, "risky-users").as_deref(), Some(expected));
        let sign_ins = "(riskLevelAggregated eq 'low') and (createdDateTime lt 1970-01-31T12:00:00Z)";
        assert_eq!(filter(&["--level=low", "--older-than=12h"], "sign-ins").as_deref(), Some(sign_ins));
        assert_eq!(filter(&[], "risky-users"), None);
    }

    #[test]
    fn a_second_filter_does_not_replace_the_first() {
        for options in [["--where=a", "--filter=b"], ["--filter=a", "--where=b"], ["--where=a", "--where=b"]] {
            assert!(selection(&options).is_err_and(|error| error.contains("join them with `and`")), "{options:?}");
        }
    }

    #[test]
    fn double_quotes_stand_for_single_ones() {
        assert_eq!(filter(&["--where=a eq \"b\""], "risky-users").as_deref(), Some("a eq 'b'"));
        assert_eq!(filter(&["--where=a eq '\"'"], "risky-users").as_deref(), Some("a eq '\"'"));
    }

    #[test]
    fn what_is_at_risk_is_selected_unless_a_state_is_named() {
        let at_risk = |options: &[&str]| {
            let selection = selection(options).unwrap().at_risk();
            selection.filter(Collection::named("risky-users").unwrap(), Duration::ZERO).unwrap()
        };
        assert_eq!(at_risk(&["--where=x"]), "(riskState eq 'atRisk') and (x)");
        assert_eq!(at_risk(&["--where=riskState ne 'none'"]), "riskState ne 'none'");
        assert_eq!(at_risk(&["--state=none"]), "riskState eq 'none'");
    }

    #[test]
    fn other_values_are_refused() {
        let cases = [
            ("--level=highest", "--level: expected low, medium, high, hidden or none; got 'highest'"),
            (
                "--state=atRisk",
                "--state: expected at-risk, confirmed-compromised, confirmed-safe, dismissed, remediated, none; got 'atRisk'",
            ),
            ("--older-than=30", "--older-than: expected a time, such as 30d, 12h or 90m; got '30'"),
            ("--older-than=é", "--older-than: expected a time, such as 30d, 12h or 90m; got 'é'"),
            ("--where= ", "--where: expected an OData filter, such as \"riskLevel eq 'high'\""),
        ];
        for (option, expected) in cases {
            assert_eq!(selection(&[option]).unwrap_err(), expected);
        }
    }
}
