//! The action of a request, by its path.

use entra_risk_common::actions::ApiVersion;
use entra_risk_common::{ACTIONS, Action};
use entra_risk_engine::contract::action;

use crate::response::Response;

/// Finds the action with this path, and the version of Microsoft Graph if the path begins with one.
/// The query is ignored.
pub(crate) fn find(path_with_query: &str) -> Result<(&'static Action, Option<ApiVersion>), Response> {
    let path = path(path_with_query);
    let without = |version: action::ApiVersion| path.strip_prefix(version.segment());
    let (version, path) = match (without(action::ApiVersion::V1), without(action::ApiVersion::Beta)) {
        (Some(path), _) => (Some(ApiVersion::V1), path),
        (_, Some(path)) => (Some(ApiVersion::Beta), path),
        _ => (None, path),
    };
    match ACTIONS.iter().find(|action| action.definition.path == path) {
        Some(action) => Ok((action, version)),
        None => Err(Response::error(404, "notFound", "No action has this path.")),
    }
}

/// The path without the query. A path that is longer than that of any action is cut, so that nobody
/// can make the gateway search a long one. What remains is no path of an action either.
pub(crate) fn path(path_with_query: &str) -> &str {
    let start = path_with_query.char_indices().nth(MAX_PATH_CHARS).and_then(|(end, _)| path_with_query.get(..end));
    start.unwrap_or(path_with_query).split('?').next().unwrap_or_default()
}

/// A length in characters that no path of an action has, even with its version.
const MAX_PATH_CHARS: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_has_its_path_with_and_without_a_version() {
        for action in &ACTIONS {
            for (prefix, expected) in [("", None), ("/v1.0", Some(ApiVersion::V1)), ("/beta", Some(ApiVersion::Beta))] {
                for query in ["", "?a=b"] {
                    let (found, version) = find(&format!("{prefix}{}{query}", action.definition.path)).unwrap();
                    assert_eq!((found.definition.name, version), (action.definition.name, expected));
                }
            }
        }
    }

    #[test]
    fn a_path_that_is_cut_is_longer_than_any_other() {
        for action in &ACTIONS {
            assert!("/v1.0".len() + action.definition.path.len() < MAX_PATH_CHARS, "{}", action.definition.path);
        }
    }

    #[test]
    fn other_paths_are_not_found() {
        let dismiss = "/identityProtection/riskyUsers/dismiss";
        let paths = ["", "/", "/v1.0", "/v2.0/auditLogs/signIns/dismiss", "/auditlogs/signins/dismiss"];
        for path in paths.map(str::to_owned).into_iter().chain([
            format!("{dismiss}/"),
            format!("/beta/v1.0{dismiss}"),
            format!("{dismiss}{}", "/".repeat(200)),
        ]) {
            assert_eq!(find(&path).unwrap_err().status, 404, "{path}");
        }
    }
}
