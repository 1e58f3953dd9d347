//! The probes of an orchestrator, which need no key: `/healthz` and `/readyz`. Neither sends
//! anything to Microsoft Graph.

use crate::key;
use crate::response::Response;
use crate::route::path;
use crate::settings::Settings;

/// The response if this is the path of a probe: whether the gateway runs, and whether its settings
/// let it serve callers.
pub(crate) fn find(
    path_with_query: &str,
    is_get_or_head: bool,
    settings: &Result<Settings, Vec<String>>,
    log_is_writable: impl FnOnce() -> bool,
) -> Option<Response> {
    let is_ready = match path(path_with_query) {
        "/healthz" => false,
        "/readyz" => true,
        _ => return None,
    };
    Some(match settings {
        _ if !is_get_or_head => {
            let error = Response::error(405, "methodNotAllowed", "The method must be GET or HEAD.");
            error.with_header("allow", "GET, HEAD")
        }
        Err(problems) if is_ready => Response { status: 503, ..Response::misconfigured(problems) },
        Ok(settings) if is_ready && settings.keys.is_empty() => key::not_configured(),
        _ if is_ready && !log_is_writable() => Response::log_not_writable(),
        _ => Response::status(if is_ready { "ready" } else { "alive" }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn status(path: &str, is_get_or_head: bool, variable: (&str, &str)) -> Option<u16> {
        let settings = Settings::parse(&[(variable.0.to_owned(), variable.1.to_owned())]);
        find(path, is_get_or_head, &settings, || true).map(|response| response.status)
    }

    #[test]
    fn a_gateway_is_ready_if_its_settings_are_valid_and_contain_a_key() {
        let valid = ("GATEWAY_KEY", "canary-key-of-26-bytes-abc");
        assert_eq!(status("/readyz", true, valid), Some(200));
        assert_eq!(status("/readyz?verbose", true, valid), Some(200));
        assert_eq!(status("/readyz", true, ("GATEWAY_KEY", "")), Some(503));
        assert_eq!(status("/readyz", true, ("ENTRA_RISK_CLOUD", "moon")), Some(503));
        assert_eq!(status("/healthz", true, ("ENTRA_RISK_CLOUD", "moon")), Some(200));
        assert_eq!(status("/healthz", false, valid), Some(405));
        assert_eq!(status("/readyz/", true, valid), None);
    }
}
