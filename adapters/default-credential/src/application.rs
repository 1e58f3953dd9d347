//! An application in Microsoft Entra ID, and the token endpoint of its tenant (the OAuth 2.0 client
//! credentials grant).

use entra_risk_engine::contract::action::Cloud;
use entra_risk_engine::contract::endpoint::Endpoint;

use crate::bindings::exports::entra::risk::credentials::{TokenError, TokenRequest};
use crate::client_credential::ClientCredential;
use crate::environment::Environment;
use crate::form;
use crate::token_call::{Issuer, TokenCall};

/// An application and a tenant.
pub(crate) struct Application {
    issuer: Issuer,
    tenant: String,
    client_id: String,
}

impl Application {
    /// Parses `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_AUTHORITY_HOST`. The tenant of the
    /// request takes precedence.
    ///
    /// # Errors
    /// If a variable is missing or malformed: `denied`, with its name and without its value.
    pub(crate) fn parse(
        environment: &Environment,
        request: &TokenRequest,
        advice: fn(Option<u64>) -> &'static str,
    ) -> Result<Self, TokenError> {
        let (tenant, origin) = match &request.tenant {
            Some(tenant) => (tenant.as_str(), "the option tenant"),
            None => (environment.require("AZURE_TENANT_ID", "the tenant's id or domain")?, "AZURE_TENANT_ID"),
        };
        if !is_tenant(tenant) {
            return Err(denied([origin, " must be the tenant's id (a GUID) or domain"].concat()));
        }
        let client_id = environment.require("AZURE_CLIENT_ID", "the application's id")?;
        let address = match environment.get(AUTHORITY_HOST) {
            Some(authority) => parse_authority(authority)
                .map_err(|rule| denied([AUTHORITY_HOST, " is not valid: the address ", rule].concat()))?,
            None => known_authority(&request.audience)
                .ok_or_else(|| denied(format!("no token endpoint is known for this audience: set {AUTHORITY_HOST}")))?,
        };
        let issuer = Issuer { address, variable: AUTHORITY_HOST, advice, transient: &[] };
        Ok(Application { issuer, tenant: tenant.to_owned(), client_id: client_id.to_owned() })
    }

    /// The request for a token with this credential.
    ///
    /// # Errors
    /// If the claims of the request are not a JSON object: `denied`.
    pub(crate) fn token_call(
        self,
        credential: &ClientCredential,
        request: &TokenRequest,
    ) -> Result<TokenCall, TokenError> {
        let form = form::write(&self.client_id, credential, &request.audience, request.claims.as_deref())?;
        let path = ["/", &self.tenant, "/oauth2/v2.0/token"].concat();
        Ok(TokenCall { issuer: self.issuer, path, headers: Vec::new(), form: Some(form) })
    }
}

const AUTHORITY_HOST: &str = "AZURE_AUTHORITY_HOST";

/// The authority that issues tokens for the Microsoft Graph of a cloud.
fn known_authority(audience: &str) -> Option<Endpoint> {
    let cloud = Cloud::ALL.into_iter().find(|cloud| cloud.graph_root() == audience)?;
    Endpoint::parse(cloud.token_authority()).ok()
}

/// Parses an address. As in the Azure SDKs, a trailing slash is ignored and a bare host means
/// `https`. `http` is only for loopback hosts: the request contains the secret.
fn parse_authority(text: &str) -> Result<Endpoint, &'static str> {
    let address = text.strip_suffix('/').unwrap_or(text);
    let has_scheme = address.split(':').nth(1).is_some_and(|rest| rest.starts_with("//"));
    if has_scheme { Endpoint::parse(address) } else { Endpoint::parse(&["https://", address].concat()) }
}

/// A GUID or a domain: nothing that changes the path it becomes a segment of.
fn is_tenant(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    text.bytes().all(is_allowed) && text.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

fn denied(message: String) -> TokenError {
    TokenError::Denied(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: &[(&str, &str)] = &[("AZURE_TENANT_ID", "contoso.com"), ("AZURE_CLIENT_ID", "app")];

    fn token_call(variables: &[(&str, &str)], tenant: Option<&str>, audience: &str) -> Result<TokenCall, TokenError> {
        let variables = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let [audience, endpoint] = [audience; 2].map(str::to_owned);
        let request =
            TokenRequest { tenant: tenant.map(str::to_owned), audience, endpoint, refresh: false, claims: None };
        Application::parse(&Environment::new(variables), &request, |_| "check")?
            .token_call(&ClientCredential::Secret("secret".to_owned()), &request)
    }

    #[test]
    fn each_cloud_has_a_token_endpoint() {
        for cloud in Cloud::ALL {
            let call = token_call(COMPLETE, None, cloud.graph_root()).ok();
            let url = call.map(|call| format!("{}{}", call.issuer.address, call.path));
            assert_eq!(url, Some(format!("{}/contoso.com/oauth2/v2.0/token", cloud.token_authority())));
        }
        assert!(token_call(COMPLETE, None, "https://graph.example").is_err());
    }

    #[test]
    fn the_tenant_of_the_request_takes_precedence() {
        for variables in [COMPLETE, &COMPLETE[1..]] {
            let call = token_call(variables, Some("fabrikam.com"), Cloud::Global.graph_root());
            assert!(call.is_ok_and(|call| call.path == "/fabrikam.com/oauth2/v2.0/token"));
        }
        for tenant in ["", "..", "a/b", "a?b", "a%2fb"] {
            let denial = token_call(COMPLETE, Some(tenant), Cloud::Global.graph_root());
            assert!(matches!(denial, Err(TokenError::Denied(message)) if message.starts_with("the option tenant")));
        }
    }

    #[test]
    fn missing_and_malformed_variables_are_named() {
        let cases: &[(&str, &str, &str)] = &[
            ("AZURE_TENANT_ID", "", "AZURE_TENANT_ID is not set"),
            ("AZURE_TENANT_ID", "a/../b", "AZURE_TENANT_ID must be"),
            ("AZURE_CLIENT_ID", " ", "AZURE_CLIENT_ID is not set"),
            ("AZURE_AUTHORITY_HOST", "http://login.example", "AZURE_AUTHORITY_HOST is not valid"),
        ];
        for (name, value, expected) in cases {
            match token_call(&[COMPLETE, &[(name, value)]].concat(), None, Cloud::Global.graph_root()) {
                Err(TokenError::Denied(message)) => assert!(message.starts_with(expected), "{message}"),
                _ => unreachable!("{name}={value} is not denied"),
            }
        }
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
