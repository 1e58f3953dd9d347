//! The ids that no caller may touch, from `ENTRA_RISK_PROTECTED`, and what they are protected from,
//! from `ENTRA_RISK_PROTECT`.

use std::collections::BTreeSet;

use entra_risk_common::{Action, entries};

use crate::body::parse_id;
use crate::effect::is_dangerous;

/// The variable with the ids.
const IDS: &str = "ENTRA_RISK_PROTECTED";

/// The variable that names what they are protected from.
const SCOPE: &str = "ENTRA_RISK_PROTECT";

/// The protected ids, and what they are protected from.
pub(crate) struct Protection {
    /// The value of the variable with the ids. It may be long, so it is not parsed for callers
    /// without a key.
    ids: String,
    scope: Scope,
}

/// What ids are protected from.
#[derive(Clone, Copy, PartialEq)]
enum Scope {
    /// From being confirmed as compromised, which can lock people and software out.
    Confirm,
    /// From every action.
    All,
}

impl Protection {
    /// Parses the two variables, except for the ids. There is no protection if neither is set. A
    /// variable that is set but empty is an error, because a list that could not be read would be
    /// empty too. The error names the variable and the rule that it violates, without its value.
    pub(crate) fn parse(environment: &[(String, String)]) -> Result<Option<Protection>, String> {
        let value = |variable: &str| {
            let found = environment.iter().rfind(|(name, _)| name == variable);
            found.map(|(_, value)| value.trim())
        };
        let scope = match value(SCOPE) {
            None => None,
            Some("confirm") => Some(Scope::Confirm),
            Some("all") => Some(Scope::All),
            Some(_) => return Err(format!("{SCOPE}: expected confirm or all")),
        };
        match value(IDS) {
            Some("") => Err(format!("{IDS}: expected ids, or no such variable if nothing is protected")),
            Some(ids) => Ok(Some(Protection { ids: ids.to_owned(), scope: scope.unwrap_or(Scope::Confirm) })),
            None if scope.is_some() => Err(format!("{SCOPE}: expected {IDS} beside it")),
            None => Ok(None),
        }
    }

    /// Parses the protected ids as numbers. The error names the variable and the rule that it
    /// violates, without any of its ids.
    pub(crate) fn numbers(&self) -> Result<BTreeSet<u128>, String> {
        let mut numbers = BTreeSet::new();
        for (number, entry) in (1_u32..).zip(entries(&self.ids)) {
            let Some(id) = parse_id(entry) else {
                return Err(format!("{IDS}: entry {number} is not a hyphenated GUID, or all of its digits are zero"));
            };
            numbers.insert(id.number());
        }
        if numbers.is_empty() { Err(format!("{IDS}: expected ids between the commas")) } else { Ok(numbers) }
    }

    /// Finds the ids that are protected from this action. The error is that of the list.
    pub(crate) fn find(&self, action: &Action, ids: &[String]) -> Result<Vec<String>, String> {
        let protected = self.numbers()?;
        let mut found = Vec::new();
        if self.scope == Scope::All || is_dangerous(action) {
            for id in ids {
                if parse_id(id).is_some_and(|id| protected.contains(&id.number())) {
                    found.push(id.clone());
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use entra_risk_common::ACTIONS;

    use super::*;

    const A: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d1a";
    const B: &str = "c3a1f9d2-0b57-4d8e-9c44-5b7f1e2a6d30";

    fn parse(variables: &[(&str, &str)]) -> Result<Option<Protection>, String> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Protection::parse(&variables.iter().map(own).collect::<Vec<_>>())
    }

    /// The actions that A is protected from.
    fn protected_from(scope: Option<&str>) -> Vec<&'static str> {
        let scope = scope.map(|scope| (SCOPE, scope));
        let variables: Vec<_> = [(IDS, A)].into_iter().chain(scope).collect();
        let protection = parse(&variables).ok().flatten().unwrap();
        let protects =
            |action: &&Action| match protection.find(action, &[B.to_owned(), A.to_owned()]).unwrap().as_slice() {
                [] => false,
                found => found == [A],
            };
        ACTIONS.iter().filter(protects).map(|action| action.definition.name).collect()
    }

    #[test]
    fn ids_are_protected_from_being_confirmed_as_compromised_or_from_everything() {
        let compromised = [
            "confirm-sign-ins-compromised",
            "confirm-risky-users-compromised",
            "confirm-risky-service-principals-compromised",
            "confirm-risky-agents-compromised",
        ];
        assert_eq!(protected_from(None), compromised);
        assert_eq!(protected_from(Some("confirm")), compromised);
        assert_eq!(protected_from(Some("all")), ACTIONS.each_ref().map(|action| action.definition.name));
    }

    #[test]
    fn ids_are_compared_as_guids_and_separated_by_commas_or_white_space() {
        let ids = format!(" {{{}}},\r\n\t{B} ", A.to_uppercase());
        let protection = parse(&[(IDS, &ids), (SCOPE, "all")]).ok().flatten().unwrap();
        for given in [A.to_owned(), A.to_uppercase(), B.to_owned()] {
            assert_eq!(protection.find(&ACTIONS[3], std::slice::from_ref(&given)), Ok(vec![given]));
        }
        assert_eq!(protection.find(&ACTIONS[3], &[A.replace('a', "b")]), Ok(vec![]));
    }

    #[test]
    fn a_list_that_is_empty_or_not_valid_is_an_error_without_its_ids() {
        assert!(parse(&[]).ok().unwrap().is_none());
        let bad_line = format!("{A}\n{B} canary");
        let cases = [
            (vec![(IDS, "")], "ENTRA_RISK_PROTECTED: expected ids"),
            (vec![(IDS, " \n")], "ENTRA_RISK_PROTECTED: expected ids"),
            (vec![(IDS, " ,\n")], "ENTRA_RISK_PROTECTED: expected ids"),
            (vec![(IDS, bad_line.as_str())], "ENTRA_RISK_PROTECTED: entry 3 is not"),
            (vec![(IDS, "canary")], "ENTRA_RISK_PROTECTED: entry 1 is not"),
            (vec![(SCOPE, "all")], "ENTRA_RISK_PROTECT: expected ENTRA_RISK_PROTECTED"),
            (vec![(IDS, A), (SCOPE, "canary")], "ENTRA_RISK_PROTECT: expected confirm or all"),
            (vec![(IDS, A), (SCOPE, "")], "ENTRA_RISK_PROTECT: expected confirm or all"),
        ];
        for (variables, rule) in cases {
            // Whatever the action is.
            let find = |protection: Option<Protection>| protection.unwrap().find(&ACTIONS[3], &[]);
            let problem = parse(&variables).and_then(find).err().unwrap();
            assert!(problem.starts_with(rule) && !problem.contains("canary") && !problem.contains(A), "{problem}");
        }
    }
}
