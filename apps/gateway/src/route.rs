//! Which action a request is for.

use entra_risk_account::actions::ApiVersion;
use entra_risk_account::{ACTIONS, Action};

use crate::answer::{self, Answer};

/// The action at this path, and the version of Microsoft Graph where the path begins with one. A query says nothing.
pub fn find(path_with_query: &str, post: bool) -> Result<(&'static Action, Option<ApiVersion>), Answer> {
    let path = path_with_query.split('?').next().unwrap_or_default();
    let (version, rest) = match (path.strip_prefix("/v1.0"), path.strip_prefix("/beta")) {
        (Some(rest), _) => (Some(ApiVersion::V1), rest),
        (_, Some(rest)) => (Some(ApiVersion::Beta), rest),
        _ => (None, path),
    };
    let Some(action) = ACTIONS.iter().find(|action| action.path == rest) else {
        return Err(answer::refuse(404, "notFound", "There is no action at this path."));
    };
    if !post {
        return Err(answer::refuse(405, "methodNotAllowed", "Actions are performed with POST.").with("allow", "POST"));
    }
    Ok((action, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_is_at_its_path_with_and_without_a_version() {
        for action in &ACTIONS {
            for (prefix, expected) in [("", None), ("/v1.0", Some(ApiVersion::V1)), ("/beta", Some(ApiVersion::Beta))] {
                for query in ["", "?a=b"] {
                    let (found, version) = find(&format!("{prefix}{}{query}", action.path), true).unwrap();
                    assert_eq!((found.name, version), (action.name, expected));
                }
            }
        }
    }

    #[test]
    fn other_paths_and_methods_are_refused() {
        let dismiss = "/identityProtection/riskyUsers/dismiss";
        let paths = ["", "/", "/v1.0", "/v2.0/auditLogs/signIns/dismiss", "/auditlogs/signins/dismiss"];
        for path in paths.map(str::to_owned).into_iter().chain([format!("{dismiss}/"), format!("/beta/v1.0{dismiss}")])
        {
            assert_eq!(find(&path, true).unwrap_err().status, 404, "{path}");
        }
        let refusal = find(dismiss, false).unwrap_err();
        assert_eq!((refusal.status, refusal.header), (405, Some(("allow", "POST".to_owned()))));
    }
}
