//! The environment, parsed once: the application, its credential and its token endpoint.

use entra_risk_engine::action::Cloud;
use entra_risk_engine::endpoint::Endpoint;

use crate::bindings::exports::entra::risk::credentials::{TokenError, TokenRequest};

/// How to request a token. It contains a secret, so it cannot be printed.
pub(crate) struct Config {
    pub(crate) endpoint: TokenEndpoint,
    pub(crate) client_id: String,
    pub(crate) credential: ClientCredential,
}

/// The credential of the application. It is a secret, so it cannot be printed.
pub(crate) enum ClientCredential {
    /// `AZURE_CLIENT_SECRET`.
    Secret(String),
    /// `AZURE_FEDERATED_TOKEN`: a JWT of an issuer that the application trusts.
    Assertion(String),
}

/// The token endpoint of a tenant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TokenEndpoint {
    pub(crate) address: Endpoint,
    pub(crate) path: String,
}

impl Config {
    /// Parses the environment. A missing or malformed variable is `denied`; the error names it without its value.
    pub(crate) fn parse(environment: Vec<(String, String)>, request: &TokenRequest) -> Result<Self, TokenError> {
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
        let [(_, default_tenant), (_, client_id), (_, secret), (_, assertion), (_, authority)] = variables;

        let (tenant, origin) = match &request.tenant {
            Some(tenant) => (Some(tenant.clone()), "the option tenant"),
            None => (default_tenant, "AZURE_TENANT_ID"),
        };
        let tenant = tenant.ok_or_else(|| denied("AZURE_TENANT_ID is not set: set it to the tenant's id or domain"))?;
        if !is_tenant(&tenant) {
            return Err(denied(&format!("{origin} must be the tenant's id (a GUID) or domain")));
        }
        let client_id =
            client_id.ok_or_else(|| denied("AZURE_CLIENT_ID is not set: set it to the application's id"))?;
        let credential = secret
            .map(ClientCredential::Secret)
            .or(assertion.map(ClientCredential::Assertion))
            .ok_or_else(|| denied("neither AZURE_CLIENT_SECRET nor AZURE_FEDERATED_TOKEN is set: set one of them"))?;
        let address = match authority {
            Some(authority) => parse_authority(&authority)
                .map_err(|rule| denied(&format!("AZURE_AUTHORITY_HOST is not valid: the address {rule}")))?,
            None => known_authority(&request.audience)
                .ok_or_else(|| denied("no token endpoint is known for this audience: set AZURE_AUTHORITY_HOST"))?,
        };
        let path = format!("/{tenant}/oauth2/v2.0/token");
        Ok(Config { endpoint: TokenEndpoint { address, path }, client_id, credential })
    }
}

/// The authority that issues tokens for the Microsoft Graph of a cloud.
fn known_authority(audience: &str) -> Option<Endpoint> {
    let cloud = Cloud::ALL.into_iter().find(|cloud| cloud.graph_root() == audience)?;
    Endpoint::parse(cloud.token_authority()).ok()
}

/// Parses an address. As in the Azure SDKs, a trailing slash is ignored and a bare host means `https`. `http` is only for
/// loopback hosts: the request contains the secret.
fn parse_authority(text: &str) -> Result<Endpoint, &'static str> {
    let address = text.strip_suffix('/').unwrap_or(text);
    if address.contains("://") { Endpoint::parse(address) } else { Endpoint::parse(&format!("https://{address}")) }
}

/// A GUID or a domain: nothing that changes the path it becomes a segment of.
fn is_tenant(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    text.bytes().all(is_allowed) && text.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

fn denied(message: &str) -> TokenError {
    TokenError::Denied(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "canary-3e9d";
    const COMPLETE: &[(&str, &str)] =
        &[("AZURE_TENANT_ID", "contoso.com"), ("AZURE_CLIENT_ID", "app"), ("AZURE_CLIENT_SECRET", SECRET)];

    fn parse(variables: &[(&str, &str)], tenant: Option<&str>, audience: &str) -> Result<Config, TokenError> {
        let environment = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let [audience, endpoint] = [audience; 2].map(str::to_owned);
        let tenant = tenant.map(str::to_owned);
        Config::parse(environment, &TokenRequest { tenant, audience, endpoint, refresh: false, claims: None })
    }

    fn global(variables: &[(&str, &str)]) -> Result<Config, TokenError> {
        parse(variables, None, Cloud::Global.graph_root())
    }

    #[test]
    fn each_cloud_has_a_token_endpoint() {
        for cloud in Cloud::ALL {
            let endpoint = parse(COMPLETE, None, cloud.graph_root()).ok().map(|config| config.endpoint);
            let url = endpoint.map(|endpoint| format!("{}{}", endpoint.address, endpoint.path));
            assert_eq!(url, Some(format!("{}/contoso.com/oauth2/v2.0/token", cloud.token_authority())));
        }
        assert!(parse(COMPLETE, None, "https://graph.example").is_err());
    }

    #[test]
    fn the_tenant_of_the_request_takes_precedence() {
        for variables in [COMPLETE, &COMPLETE[1..]] {
            let config = parse(variables, Some("fabrikam.com"), Cloud::Global.graph_root());
            assert!(config.is_ok_and(|config| config.endpoint.path == "/fabrikam.com/oauth2/v2.0/token"));
        }
        for tenant in ["", "..", "a/b", "a?b", "a%2fb"] {
            let denial = parse(COMPLETE, Some(tenant), Cloud::Global.graph_root());
            assert!(matches!(denial, Err(TokenError::Denied(message)) if message.starts_with("the option tenant")));
        }
    }

    #[test]
    fn missing_and_malformed_variables_are_named_without_the_secret() {
        let cases: &[(&str, &str, &str)] = &[
            ("AZURE_TENANT_ID", "", "AZURE_TENANT_ID is not set"),
            ("AZURE_TENANT_ID", "a/../b", "AZURE_TENANT_ID must be"),
            ("AZURE_CLIENT_ID", " ", "AZURE_CLIENT_ID is not set"),
            ("AZURE_CLIENT_SECRET", "", "neither AZURE_CLIENT_SECRET nor AZURE_FEDERATED_TOKEN"),
            ("AZURE_AUTHORITY_HOST", "http://login.example", "AZURE_AUTHORITY_HOST is not valid"),
        ];
        for (name, value, expected) in cases {
            let variables = [COMPLETE, &[(name, value)]].concat();
            match global(&variables) {
                Err(TokenError::Denied(message)) => {
                    assert!(message.starts_with(expected) && !message.contains(SECRET), "{message}");
                }
                _ => unreachable!("{name}={value} is not denied"),
            }
        }
    }

    #[test]
    fn a_secret_takes_precedence_over_an_assertion() {
        let both = [COMPLETE, &[("AZURE_FEDERATED_TOKEN", "jwt")]].concat();
        assert!(global(&both).is_ok_and(|config| matches!(config.credential, ClientCredential::Secret(_))));
        let assertion = [&both, &[("AZURE_CLIENT_SECRET", "")][..]].concat();
        assert!(global(&assertion).is_ok_and(|config| matches!(config.credential, ClientCredential::Assertion(_))));
    }

    #[test]
    fn an_authority_may_be_a_bare_host_or_end_with_a_slash() {
        let accepted = [
            ("https://login.microsoftonline.us/", "https://login.microsoftonline.us"),
            ("login.chinacloudapi.cn", "https://login.chinacloudapi.cn"),
            ("https://login.example:8443", "https://login.example:8443"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://[::1]:1/", "http://[::1]:1"),
        ];
        for (text, expected) in accepted {
            assert_eq!(parse_authority(text).map(|address| address.to_string()).as_deref(), Ok(expected), "{text}");
        }
        let rejected = ["http://login.example", "ftp://localhost", "https://", "a/b", "a:0", "a:+80", "a:65536", "a:"];
        for text in rejected {
            assert!(parse_authority(text).is_err(), "{text}");
        }
    }
}
