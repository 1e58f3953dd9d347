//! The environment, parsed once: which application asks for a token, where, and what proves that it is the one.

use crate::bindings::exports::entra::risk::credentials::TokenError;

/// The clouds: the audience of the token, and the host that issues it.
/// Source: <https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud>.
const AUTHORITIES: &[(&str, &str)] = &[
    ("https://graph.microsoft.com", "https://login.microsoftonline.com"),
    ("https://graph.microsoft.us", "https://login.microsoftonline.us"),
    ("https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
    ("https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn"),
];

/// Who asks for a token, and where. It holds a secret, and so cannot be printed.
pub(crate) struct Config {
    pub(crate) endpoint: Endpoint,
    pub(crate) client_id: String,
    pub(crate) proof: Proof,
}

/// What proves that the application is the one it says.
pub(crate) enum Proof {
    /// `AZURE_CLIENT_SECRET`.
    Secret(String),
    /// `AZURE_FEDERATED_TOKEN`: a JWT that the application trusts.
    Assertion(String),
}

/// The token endpoint of a tenant.
pub(crate) struct Endpoint {
    pub(crate) tls: bool,
    /// Host, and port where it is not the scheme's own.
    pub(crate) authority: String,
    pub(crate) path: String,
}

impl Config {
    /// Reads the environment for a token for `audience`. What is missing or malformed is `denied`, by its name.
    pub(crate) fn new(environment: Vec<(String, String)>, audience: &str) -> Result<Self, TokenError> {
        let mut variables = [
            ("AZURE_TENANT_ID", None),
            ("AZURE_CLIENT_ID", None),
            ("AZURE_CLIENT_SECRET", None),
            ("AZURE_FEDERATED_TOKEN", None),
            ("AZURE_AUTHORITY_HOST", None),
        ];
        for (name, value) in environment {
            if let Some((_, slot)) = variables.iter_mut().find(|(known, _)| *known == name) {
                *slot = Some(value.trim_ascii().to_owned()).filter(|value| !value.is_empty());
            }
        }
        let [(_, tenant), (_, client_id), (_, secret), (_, assertion), (_, host)] = variables;

        let tenant = tenant.ok_or_else(|| denied("AZURE_TENANT_ID is not set: set it to the tenant's id or domain"))?;
        if !tenant.bytes().all(is_of_name) {
            return Err(denied("AZURE_TENANT_ID is neither a GUID nor a domain"));
        }
        let client_id =
            client_id.ok_or_else(|| denied("AZURE_CLIENT_ID is not set: set it to the application's id"))?;
        let proof = secret
            .map(Proof::Secret)
            .or(assertion.map(Proof::Assertion))
            .ok_or_else(|| denied("neither AZURE_CLIENT_SECRET nor AZURE_FEDERATED_TOKEN is set: set one of them"))?;
        let known = AUTHORITIES.iter().find(|(of, _)| *of == audience).map(|(_, host)| *host);
        let host = host
            .as_deref()
            .or(known)
            .ok_or_else(|| denied("no token endpoint is known for this audience: set AZURE_AUTHORITY_HOST"))?;
        let (tls, authority) = parse_authority(host).ok_or_else(|| {
            denied("AZURE_AUTHORITY_HOST is not https://host[:port], or http:// with a loopback host")
        })?;
        let path = format!("/{tenant}/oauth2/v2.0/token");
        Ok(Config { endpoint: Endpoint { tls, authority: authority.to_owned(), path }, client_id, proof })
    }
}

/// Splits `https://host[:port][/]` into whether it is TLS, and the authority. A bare host is taken as `https`, as the
/// Azure SDKs do. Plain `http` never leaves the machine: the secret would be readable on the way.
fn parse_authority(text: &str) -> Option<(bool, &str)> {
    let (tls, rest) = match text.strip_prefix("http://") {
        Some(rest) => (false, rest),
        None => (true, text.strip_prefix("https://").unwrap_or(text)),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match authority.strip_prefix("[::1]") {
        Some(port) => ("localhost", port),
        None => authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?,
    };
    let port_is_valid = port.is_empty() || port.strip_prefix(':')?.parse::<u16>().is_ok();
    let host_is_valid = !host.is_empty() && host.bytes().all(is_of_name);
    let loopback = host == "localhost"
        || (host.starts_with("127.") && host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
    (port_is_valid && host_is_valid && (tls || loopback)).then_some((tls, authority))
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')
}

fn denied(why: &str) -> TokenError {
    TokenError::Denied(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIENCE: &str = "https://graph.microsoft.com";
    const SECRET: &str = "canary-3e9d";
    const COMPLETE: &[(&str, &str)] =
        &[("AZURE_TENANT_ID", "contoso.com"), ("AZURE_CLIENT_ID", "app"), ("AZURE_CLIENT_SECRET", SECRET)];

    fn config(variables: &[(&str, &str)], audience: &str) -> Result<Config, TokenError> {
        Config::new(variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(), audience)
    }

    #[test]
    fn each_cloud_has_its_own_token_endpoint() {
        for (audience, host) in AUTHORITIES {
            let endpoint = config(COMPLETE, audience).ok().map(|config| config.endpoint);
            let url = endpoint.map(|endpoint| (endpoint.tls, format!("https://{}", endpoint.authority), endpoint.path));
            assert_eq!(url, Some((true, (*host).to_owned(), "/contoso.com/oauth2/v2.0/token".to_owned())));
        }
        assert!(config(COMPLETE, "https://graph.example").is_err());
    }

    #[test]
    fn what_is_missing_or_malformed_is_denied_by_name_and_without_the_secret() {
        let cases: &[(&str, &str, &str)] = &[
            ("AZURE_TENANT_ID", "", "AZURE_TENANT_ID is not set"),
            ("AZURE_TENANT_ID", "a/../b", "AZURE_TENANT_ID is neither"),
            ("AZURE_CLIENT_ID", " ", "AZURE_CLIENT_ID is not set"),
            ("AZURE_CLIENT_SECRET", "", "neither AZURE_CLIENT_SECRET nor AZURE_FEDERATED_TOKEN"),
            ("AZURE_AUTHORITY_HOST", "http://login.example", "AZURE_AUTHORITY_HOST is not"),
        ];
        for (name, value, expected) in cases {
            let variables = [COMPLETE, &[(name, value)]].concat();
            match config(&variables, AUDIENCE) {
                Err(TokenError::Denied(why)) => assert!(why.starts_with(expected) && !why.contains(SECRET), "{why}"),
                _ => unreachable!("{name}={value} is not denied"),
            }
        }
    }

    #[test]
    fn a_secret_goes_before_an_assertion() {
        let both = [COMPLETE, &[("AZURE_FEDERATED_TOKEN", "jwt")]].concat();
        assert!(config(&both, AUDIENCE).is_ok_and(|config| matches!(config.proof, Proof::Secret(_))));
        let assertion = [&both, &[("AZURE_CLIENT_SECRET", "")][..]].concat();
        assert!(config(&assertion, AUDIENCE).is_ok_and(|config| matches!(config.proof, Proof::Assertion(_))));
    }

    #[test]
    fn only_tls_or_loopback_is_an_authority() {
        let accepted = [
            ("https://login.microsoftonline.us/", (true, "login.microsoftonline.us")),
            ("login.chinacloudapi.cn", (true, "login.chinacloudapi.cn")),
            ("https://login.example:8443", (true, "login.example:8443")),
            ("http://localhost:80", (false, "localhost:80")),
            ("http://127.0.0.2:1", (false, "127.0.0.2:1")),
            ("http://[::1]:1", (false, "[::1]:1")),
        ];
        for (text, expected) in accepted {
            assert_eq!(parse_authority(text), Some(expected), "{text}");
        }
        let refused = [
            "http://login.example",
            "http://127.0.0.1.example",
            "ftp://localhost",
            "https://",
            "https://a@b",
            "https://a/b",
            "https://a?b",
            "https://a#b",
            "https://a:b",
            "https://a:65536",
            "https://a b",
            "https://a:",
            "http://[::2]",
            "::",
        ];
        for text in refused {
            assert_eq!(parse_authority(text), None, "{text}");
        }
    }
}
