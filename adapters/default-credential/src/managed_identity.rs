//! The endpoint that issues the tokens of a managed identity: that of App Service and Container
//! Apps, or that of virtual machines (IMDS).

use std::net::Ipv4Addr;

use entra_risk_engine::contract::endpoint::Endpoint;

use crate::bindings::exports::entra::risk::credentials::{TokenError, TokenRequest};
use crate::environment::Environment;
use crate::token_call::{Issuer, TokenCall};

pub(crate) const IDENTITY_ENDPOINT: &str = "IDENTITY_ENDPOINT";
const IDENTITY_HEADER: &str = "IDENTITY_HEADER";

/// The instance metadata service of virtual machines. Source:
/// <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>.
const IMDS: &str = "169.254.169.254";
const IMDS_PATH: &str = "/metadata/identity/oauth2/token";
const IMDS_VERSION: &str = "2018-02-01";

/// IMDS returns 404 and 410 while it is updated. Source: as above, "Retry guidance".
const IMDS_TRANSIENT: &[u16] = &[404, 410];

/// The version of the endpoint of App Service and Container Apps. Source:
/// <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>.
const APP_SERVICE_VERSION: &str = "2019-08-01";

/// Describes the request for a token.
pub(crate) fn describe(environment: &Environment, request: &TokenRequest) -> Result<TokenCall, TokenError> {
    check_tenant(environment, request.tenant.as_deref())?;
    let client_id = environment.get("AZURE_CLIENT_ID");
    let query = |version| query(version, &request.audience, client_id);
    match (environment.get(IDENTITY_ENDPOINT), environment.get(IDENTITY_HEADER)) {
        (Some(url), Some(header)) => {
            let (address, path) = parse_url(url).map_err(|rule| {
                TokenError::Denied([IDENTITY_ENDPOINT, " is not valid: the address ", rule].concat())
            })?;
            Ok(TokenCall {
                issuer: issuer(address, &[]),
                path: [path, "?", &query(APP_SERVICE_VERSION)].concat(),
                headers: vec![("x-identity-header", header.to_owned())],
                form: None,
            })
        }
        (Some(_), None) => Err(TokenError::Denied(format!(
            "{IDENTITY_ENDPOINT} is set without {IDENTITY_HEADER}: set both or neither; Azure Arc is not supported"
        ))),
        // Some containers have the header although their endpoint is that of virtual machines.
        (None, _) => Ok(TokenCall {
            issuer: virtual_machine(),
            path: [IMDS_PATH, "?", &query(IMDS_VERSION)].concat(),
            headers: vec![("metadata", "true".to_owned())],
            form: None,
        }),
    }
}

/// A request that the endpoint of virtual machines refuses without delay, because it lacks the
/// header `metadata`.
pub(crate) fn probe() -> TokenCall {
    TokenCall { issuer: virtual_machine(), path: IMDS_PATH.to_owned(), headers: Vec::new(), form: None }
}

fn virtual_machine() -> Issuer {
    issuer(Endpoint { https: false, authority: IMDS.to_owned() }, IMDS_TRANSIENT)
}

fn issuer(address: Endpoint, transient: &'static [u16]) -> Issuer {
    Issuer { address, variable: IDENTITY_ENDPOINT, advice: |_| ADVICE, transient }
}

/// What to do if the endpoint refuses a request.
const ADVICE: &str = "assign a managed identity to this resource, or set AZURE_CLIENT_ID to that of one";

fn query(version: &str, audience: &str, client_id: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("api-version", version).append_pair("resource", audience);
    if let Some(client_id) = client_id {
        query.append_pair("client_id", client_id);
    }
    query.finish()
}

/// A managed identity belongs to one tenant. A call that names another must not get its token.
fn check_tenant(environment: &Environment, tenant: Option<&str>) -> Result<(), TokenError> {
    match (tenant, environment.get("AZURE_TENANT_ID")) {
        (Some(tenant), Some(own)) if tenant.eq_ignore_ascii_case(own) => Ok(()),
        (Some(_), _) => Err(TokenError::Denied(
            "the option tenant must equal AZURE_TENANT_ID: a managed identity has tokens of one tenant".to_owned(),
        )),
        (None, _) => Ok(()),
    }
}

/// Parses the URL of an endpoint into its address and path. `http` is only for the machine and its
/// network, because the request contains a secret and the response a token.
fn parse_url(text: &str) -> Result<(Endpoint, &str), &'static str> {
    let (https, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err("must begin with https:// or http://"),
    };
    let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).unwrap_or((rest, ""));
    let path = if path.is_empty() { "/" } else { path };
    if !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'?' && byte != b'#') {
        return Err("must have no query and no fragment");
    }
    let parse = |scheme| Endpoint::parse(&[scheme, authority].concat());
    let secure = parse("https://")?;
    if https {
        return Ok((secure, path));
    }
    let address = match parse("http://") {
        Ok(loopback) => loopback,
        Err(_) if is_nearby(authority) => Endpoint { https: false, authority: authority.to_owned() },
        Err(_) => return Err("must begin with https:// unless it is loopback, link-local or private"),
    };
    Ok((address, path))
}

/// Whether the host is an address of the machine's own link or of a private network. App Service
/// uses both for containers.
fn is_nearby(authority: &str) -> bool {
    let host = authority.split(':').next().unwrap_or_default();
    host.parse().is_ok_and(|address: Ipv4Addr| address.is_link_local() || address.is_private())
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP_SERVICE: &[(&str, &str)] =
        &[(IDENTITY_ENDPOINT, "http://127.0.0.1:41155/MSI/token/"), (IDENTITY_HEADER, "canary-5d8e")];

    fn describe_from(variables: &[(&str, &str)], tenant: Option<&str>) -> Result<TokenCall, TokenError> {
        let variables = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let [audience, endpoint] = ["https://graph.microsoft.us"; 2].map(str::to_owned);
        let tenant = tenant.map(str::to_owned);
        let request = TokenRequest { tenant, audience, endpoint, refresh: false, claims: None };
        describe(&Environment::new(variables), &request)
    }

    #[track_caller]
    fn denial(variables: &[(&str, &str)], tenant: Option<&str>) -> String {
        match describe_from(variables, tenant) {
            Err(TokenError::Denied(message)) => message,
            _ => unreachable!("not denied"),
        }
    }

    #[test]
    fn the_variables_of_app_service_choose_its_endpoint() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[], "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&"),
            (&APP_SERVICE[1..], "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&"),
            (APP_SERVICE, "http://127.0.0.1:41155/MSI/token/?api-version=2019-08-01&"),
        ];
        for (variables, expected) in cases {
            let call = describe_from(variables, None).ok();
            let url = call.map(|call| format!("{}{}", call.issuer.address, call.path));
            assert_eq!(url, Some(format!("{expected}resource=https%3A%2F%2Fgraph.microsoft.us")));
        }
        let arc = denial(&APP_SERVICE[..1], None);
        assert!(arc.starts_with("IDENTITY_ENDPOINT is set without IDENTITY_HEADER"), "{arc}");
    }

    #[test]
    fn a_user_assigned_identity_is_named_by_its_client_id() {
        for variables in [&[][..], APP_SERVICE] {
            let call = describe_from(&[variables, &[("AZURE_CLIENT_ID", "a b&c")]].concat(), None).ok();
            assert!(call.is_some_and(|call| call.path.ends_with("&client_id=a+b%26c")));
        }
    }

    #[test]
    fn only_its_own_tenant_is_served() {
        let own = [("AZURE_TENANT_ID", "Contoso.com")];
        assert!(describe_from(&own, Some("contoso.COM")).is_ok());
        for (variables, tenant) in [(&own[..], "fabrikam.com"), (&[], "contoso.com")] {
            let message = denial(variables, Some(tenant));
            assert!(message.starts_with("the option tenant must equal AZURE_TENANT_ID"), "{message}");
        }
    }

    #[test]
    fn http_is_for_the_machine_and_its_network() {
        let accepted = [
            ("http://localhost:42356/msi/token", "http://localhost:42356", "/msi/token"),
            ("http://127.0.0.1:80", "http://127.0.0.1", "/"),
            ("http://169.254.129.2:8081/msi/token", "http://169.254.129.2:8081", "/msi/token"),
            ("http://172.16.0.2:443/", "http://172.16.0.2:443", "/"),
            ("http://10.0.0.1/a", "http://10.0.0.1", "/a"),
            ("https://identity.example/a", "https://identity.example", "/a"),
        ];
        for (text, address, path) in accepted {
            let parsed = parse_url(text).map(|(address, path)| (address.to_string(), path));
            assert_eq!(parsed, Ok((address.to_owned(), path)), "{text}");
        }
        let rejected = [
            "localhost:42356/msi/token",
            "http://identity.example/a",
            "http://8.8.8.8/a",
            "http://172.32.0.1/a",
            "http://169.254.169.254.example/a",
            "http://169.254.169.254@a.test/",
            "http:///a",
            "http://localhost/a?b",
            "http://localhost/a#b",
            "http://localhost/a b",
        ];
        for text in rejected {
            assert!(parse_url(text).is_err(), "{text}");
            let message = denial(&[(IDENTITY_ENDPOINT, text), APP_SERVICE[1]], None);
            assert!(message.starts_with("IDENTITY_ENDPOINT is not valid: the address must"), "{message}");
        }
    }
}
