//! Where a token may be sent: to Microsoft Graph, and to the endpoints that an operator lists. For token providers.

use crate::action::Cloud;

/// The environment variable that lists endpoints besides Microsoft Graph, separated by commas or white space.
pub const VARIABLE: &str = "ENTRA_RISK_ENDPOINTS";

/// Checks the `endpoint` of a request for a token, which is lower case, without default port and trailing slash. It must be
/// the root of a cloud's Microsoft Graph, and the token for that root (its `audience`), or one of those `listed` in the
/// environment variable, in any spelling of the same endpoint. The error names the endpoint and the variable.
pub fn check(endpoint: &str, audience: &str, listed: &str) -> Result<(), String> {
    let mut entries = listed.split(|character: char| character == ',' || character.is_ascii_whitespace());
    let is_cloud = endpoint == audience && Cloud::ALL.iter().any(|cloud| cloud.graph_root() == endpoint);
    if is_cloud || entries.any(|entry| is_same(entry, endpoint)) {
        Ok(())
    } else {
        // The variable comes first: the plugin cuts long texts.
        Err([VARIABLE, " does not list ", endpoint, ": add it if the token may be sent there"].concat())
    }
}

/// Whether an entry of the list is this endpoint.
fn is_same(entry: &str, endpoint: &str) -> bool {
    let entry = entry.strip_suffix('/').unwrap_or(entry);
    let default_port = if endpoint.starts_with("https:") { ":443" } else { ":80" };
    !endpoint.is_empty() && entry.strip_suffix(default_port).unwrap_or(entry).eq_ignore_ascii_case(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cloud_is_a_destination() {
        for cloud in Cloud::ALL {
            assert_eq!(check(cloud.graph_root(), cloud.graph_root(), ""), Ok(()));
        }
    }

    #[test]
    fn listed_endpoints_are_destinations_in_every_spelling() {
        let listed = "https://A.test:443/, http://LocalHost:80\thttp://127.0.0.1:8000\n https://b.test:8443";
        for endpoint in ["https://a.test", "http://localhost", "http://127.0.0.1:8000", "https://b.test:8443"] {
            assert_eq!(check(endpoint, "https://graph.microsoft.com", listed), Ok(()), "{endpoint}");
        }
    }

    #[test]
    fn anything_else_is_not_a_destination() {
        let listed = "graph.example https://* https://.test https://a.test/path https://b.test,,";
        let others = [
            "",
            "https://graph.example",
            "https://graph.microsoft.com:8443",
            "https://graph.microsoft.com.a.test",
            "http://graph.microsoft.com",
            "https://a.test",
            "https://c.b.test",
            "http://b.test",
            "https://b.test:80",
            "http://127.0.0.1:8000",
            // Another cloud than that of the token.
            "https://graph.microsoft.us",
        ];
        for endpoint in others {
            let why = format!("ENTRA_RISK_ENDPOINTS does not list {endpoint}: add it if the token may be sent there");
            assert_eq!(check(endpoint, "https://graph.microsoft.com", listed), Err(why));
        }
    }
}
