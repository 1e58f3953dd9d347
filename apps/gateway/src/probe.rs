//! What needs no key: the probes of an orchestrator, `/healthz` and `/readyz`, and the description
//! of the gateway, `/openapi.yaml`. None of them sends anything to Microsoft Graph.

use crate::key;
use crate::response::Response;
use crate::route::path;
use crate::settings::Settings;

/// The response if this path needs no key: whether the gateway runs, whether its settings let it
/// serve callers, or how to call it.
pub(crate) fn find(
    path_with_query: &str,
    is_get_or_head: bool,
    settings: &Result<Settings, Vec<String>>,
    log_is_writable: impl FnOnce() -> bool,
) -> Option<Response> {
    Some(match path(path_with_query) {
        "/healthz" | "/readyz" | "/openapi.yaml" if !is_get_or_head => {
            let error = Response::error(405, "methodNotAllowed", "The method must be GET or HEAD.");
            error.with_header("allow", "GET, HEAD")
        }
        "/healthz" => Response::status("alive"),
        "/readyz" => readiness(settings, log_is_writable).unwrap_or_else(|error| error),
        "/openapi.yaml" => Response::document(),
        _ => return None,
    })
}

/// Whether the gateway can serve callers. The error is the response if it cannot.
fn readiness(
    settings: &Result<Settings, Vec<String>>,
    log_is_writable: impl FnOnce() -> bool,
) -> Result<Response, Response> {
    let misconfigured = |problems: &[String]| Response { status: 503, ..Response::misconfigured(problems) };
    let settings = settings.as_ref().map_err(|problems| misconfigured(problems))?;
    if settings.keys.is_empty() {
        return Err(key::not_configured());
    }
    if let Some(protection) = &settings.protection {
        protection.numbers().map_err(|problem| misconfigured(&[problem]))?;
    }
    if log_is_writable() { Ok(Response::status("ready")) } else { Err(Response::log_not_writable()) }
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
        assert_eq!(status("/openapi.yaml", true, ("ENTRA_RISK_CLOUD", "moon")), Some(200));
        assert_eq!(status("/openapi.yaml", false, valid), Some(405));
        for other in ["/readyz/", "/openapi.json", "/v1.0/openapi.yaml"] {
            assert_eq!(status(other, true, valid), None, "{other}");
        }
    }
}
