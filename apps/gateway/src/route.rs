//! The action of a request, by its path in any of the forms that Microsoft Graph takes.

use entra_risk_common::actions::ApiVersion;
use entra_risk_common::{ACTIONS, Action};
use entra_risk_engine::contract::action;

use crate::response::Response;

/// The segment that Microsoft Graph lets callers omit before `riskyUsers`.
const OMITTED: &str = "/identityProtection";

/// What Microsoft Graph lets callers write before the name of an action.
const NAMESPACE: &str = "microsoft.graph.";

/// Finds the action with this path, and the version of Microsoft Graph if the path begins with one.
/// Upper and lower case are the same, and the path may end in a slash. The query is ignored.
pub(crate) fn find(path_with_query: &str) -> Result<(&'static Action, Option<ApiVersion>), Response> {
    let path = path(path_with_query);
    let without = |version: action::ApiVersion| strip_prefix(path, version.segment());
    let (version, path) = match (without(action::ApiVersion::V1), without(action::ApiVersion::Beta)) {
        (Some(path), _) => (Some(ApiVersion::V1), path),
        (_, Some(path)) => (Some(ApiVersion::Beta), path),
        _ => (None, path),
    };
    let path = path.strip_suffix('/').unwrap_or(path);
    match ACTIONS.iter().find(|action| is_path_of(action, path)) {
        Some(action) => Ok((action, version)),
        None => Err(Response::error(404, "notFound", "No action has this path.")),
    }
}

/// Whether this is the path of the Model Context Protocol.
pub(crate) fn is_mcp(path_with_query: &str) -> bool {
    let path = path(path_with_query);
    path.strip_suffix('/').unwrap_or(path) == "/mcp"
}

/// Whether Microsoft Graph takes this path, which has no version, as that of the action.
fn is_path_of(action: &Action, path: &str) -> bool {
    let (collection, name) = split_name(action.definition.path);
    let (given_collection, given_name) = split_name(path);
    let given_name = strip_prefix(given_name, NAMESPACE).unwrap_or(given_name);
    let omitted = collection.strip_prefix(OMITTED).filter(|collection| *collection == "/riskyUsers/");
    let is_collection = |collection: &str| given_collection.eq_ignore_ascii_case(collection);
    given_name.eq_ignore_ascii_case(name) && (is_collection(collection) || omitted.is_some_and(is_collection))
}

/// A path in two parts, of which the second begins after the last slash.
fn split_name(path: &str) -> (&str, &str) {
    let last = path.bytes().rposition(|byte| byte == b'/');
    path.split_at_checked(last.map_or(0, |last| last.saturating_add(1))).unwrap_or_default()
}

/// The text after this prefix, in upper or lower case.
fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The path without the query. A path that is longer than that of any action is cut, so that nobody
/// can make the gateway search a long one. What remains is no path of an action either.
pub(crate) fn path(path_with_query: &str) -> &str {
    let start = path_with_query.char_indices().nth(MAX_PATH_CHARS).and_then(|(end, _)| path_with_query.get(..end));
    start.unwrap_or(path_with_query).split('?').next().unwrap_or_default()
}

/// A length in characters that no path of an action has in any of its forms.
const MAX_PATH_CHARS: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    /// The forms of an action's path, without a version.
    fn forms(action: &Action) -> Vec<String> {
        let path = action.definition.path;
        let (collection, name) = path.rsplit_once('/').unwrap();
        let mut forms = vec![path.to_owned(), format!("{collection}/microsoft.graph.{name}")];
        if path.contains("riskyUsers") {
            forms.extend([format!("/riskyUsers/{name}"), format!("/riskyUsers/microsoft.graph.{name}")]);
        }
        let slash: Vec<_> = forms.iter().map(|form| format!("{form}/")).collect();
        forms.extend(slash);
        let cases: Vec<_> = forms.iter().flat_map(|form| [form.to_lowercase(), form.to_uppercase()]).collect();
        [forms, cases].concat()
    }

    #[test]
    fn each_action_has_its_paths_with_and_without_a_version() {
        let (v1, beta) = (Some(ApiVersion::V1), Some(ApiVersion::Beta));
        for action in &ACTIONS {
            for form in forms(action) {
                for (prefix, expected) in [("", None), ("/v1.0", v1), ("/V1.0", v1), ("/beta", beta), ("/BETA", beta)] {
                    for query in ["", "?a=b", "?/"] {
                        let path = format!("{prefix}{form}{query}");
                        let (found, version) = find(&path).unwrap_or_else(|_| panic!("{path}"));
                        assert_eq!((found.definition.name, version), (action.definition.name, expected), "{path}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_path_that_is_cut_is_longer_than_any_other() {
        let longest = ACTIONS.iter().flat_map(forms).map(|form| "/v1.0".len() + form.len()).max().unwrap();
        assert!(longest < MAX_PATH_CHARS, "{longest}");
    }

    #[test]
    fn other_paths_are_not_found() {
        let dismiss = "/identityProtection/riskyUsers/dismiss";
        let paths = [
            "",
            "/",
            "/v1.0",
            "/v1.0/",
            "v1.0",
            "/dismiss",
            "dismiss",
            "/v2.0/auditLogs/signIns/dismiss",
            "/signIns/dismiss",
            "/riskyServicePrincipals/dismiss",
            "/riskyAgents/dismiss",
            "/auditLogs/signIns/microsoft.graph.microsoft.graph.dismiss",
            "/auditLogs/signIns/microsoft.graph.",
            "/auditLogs/microsoft.graph.signIns/dismiss",
            "/riskyUsers/dismis\u{17f}",
            "\u{e9}",
        ];
        for path in paths.map(str::to_owned).into_iter().chain([
            format!("{dismiss}//"),
            format!("/{dismiss}"),
            format!("{dismiss}/a"),
            format!("/beta/v1.0{dismiss}"),
            format!("/identityProtection{dismiss}"),
            format!("{dismiss}{}", "/".repeat(200)),
        ]) {
            assert_eq!(find(&path).unwrap_err().status, 404, "{path}");
        }
    }
}
