//! Where a token may be sent: to Microsoft Graph, and to the endpoints that an operator lists. For
//! token providers.

use entra_risk_engine::contract::action::Cloud;
use entra_risk_engine::contract::endpoint::Endpoint;

/// The environment variable that lists endpoints besides Microsoft Graph, separated by commas or
/// white space.
pub const VARIABLE: &str = "ENTRA_RISK_ALLOWED_ENDPOINTS";

/// Checks the `endpoint` of a request for a token, which is lower case, without default port and
/// trailing slash. It must be the root of a cloud's Microsoft Graph, and the token for that root
/// (its `audience`), or one of those `listed` in the environment variable, in any spelling of the
/// same endpoint. The error names the endpoint and the variable, or the entry of the list that is
/// not an endpoint: a list with such an entry permits nothing.
pub fn check(endpoint: &str, audience: &str, listed: &str) -> Result<(), String> {
    if endpoint == audience && Cloud::ALL.iter().any(|cloud| cloud.graph_root() == endpoint) {
        return Ok(());
    }
    let entries = listed.split(|character: char| character == ',' || character.is_ascii_whitespace());
    let mut is_listed = false;
    for entry in entries.filter(|entry| !entry.is_empty()) {
        // The entry is not repeated: it may contain a password.
        let entry =
            parse(entry).map_err(|rule| [VARIABLE, " contains an address that is not valid: ", rule].concat())?;
        is_listed |= is_same(&entry, endpoint);
    }
    if is_listed {
        Ok(())
    } else {
        // The variable comes first: the plugin cuts long texts.
        Err([VARIABLE, " does not list ", endpoint, ": add it if the token may be sent there"].concat())
    }
}

/// Parses an entry of the list, in any case and with a trailing slash or without.
fn parse(entry: &str) -> Result<Endpoint, &'static str> {
    let entry = entry.to_ascii_lowercase();
    Endpoint::parse(entry.strip_suffix('/').unwrap_or(&entry))
}

/// Whether this text is that of the entry.
fn is_same(entry: &Endpoint, endpoint: &str) -> bool {
    let authority = endpoint.strip_prefix(if entry.https { "https://" } else { "http://" });
    authority == Some(entry.authority.as_str())
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
        let listed = "https://a.test:8443,https://b.test,,";
        let others = [
            "",
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
            let why =
                format!("ENTRA_RISK_ALLOWED_ENDPOINTS does not list {endpoint}: add it if the token may be sent there");
            assert_eq!(check(endpoint, "https://graph.microsoft.com", listed), Err(why));
        }
    }

    #[test]
    fn a_list_with_an_entry_that_is_not_an_endpoint_permits_nothing() {
        let invalid = [
            "http://localhost:80:80",
            "http://h:p:80",
            "https://a.test:443:443",
            "https://a.test//",
            "https://a.test/path",
            "https://user:canary@a.test",
            "https://*.test",
            "http://a.test",
            "a.test",
        ];
        for entry in invalid {
            for listed in [entry.to_owned(), format!("https://a.test,{entry}"), format!("{entry} https://a.test")] {
                for endpoint in ["https://a.test", "http://localhost:80", "http://localhost", "http://h:p"] {
                    let why = check(endpoint, "https://graph.microsoft.com", &listed).unwrap_err();
                    assert!(
                        why.starts_with("ENTRA_RISK_ALLOWED_ENDPOINTS contains an address that is not valid: "),
                        "{why}"
                    );
                    assert!(!why.contains("canary"), "{why}");
                }
                let graph = "https://graph.microsoft.com";
                assert_eq!(check(graph, graph, &listed), Ok(()), "a cloud needs no list");
            }
        }
    }
}
