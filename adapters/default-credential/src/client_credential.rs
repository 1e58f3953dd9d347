//! The credential of an application, and what to do when Microsoft Entra ID refuses it.

use crate::assertion_file;
use crate::bindings::exports::entra::risk::credentials::TokenError;
use crate::environment::Environment;

pub(crate) const SECRET: &str = "AZURE_CLIENT_SECRET";
pub(crate) const ASSERTION: &str = "AZURE_FEDERATED_TOKEN";
pub(crate) const ASSERTION_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";

/// The credential of an application. It is a secret, so it cannot be printed.
pub(crate) enum ClientCredential {
    /// A password that Microsoft Entra ID has created.
    Secret(String),
    /// A JWT of an issuer that the application trusts, from a variable.
    Assertion(String),
    /// A JWT of an issuer that the application trusts, from a file that its platform renews.
    RenewedAssertion(String),
}

impl ClientCredential {
    /// The secret in `AZURE_CLIENT_SECRET`.
    pub(crate) fn secret(environment: &Environment) -> Result<Self, TokenError> {
        environment.require(SECRET, "the application's secret").map(str::to_owned).map(ClientCredential::Secret)
    }

    /// The assertion in `AZURE_FEDERATED_TOKEN`.
    pub(crate) fn assertion(environment: &Environment) -> Result<Self, TokenError> {
        let assertion = environment.require(ASSERTION, "the assertion of a federated credential")?;
        Ok(ClientCredential::Assertion(assertion.to_owned()))
    }

    /// The assertion that is in the file that `AZURE_FEDERATED_TOKEN_FILE` names right now.
    pub(crate) fn assertion_of_file(environment: &Environment) -> Result<Self, TokenError> {
        let path = environment.require(ASSERTION_FILE, "the path of the file with the assertion")?;
        let content = assertion_file::read(path)
            .map_err(|why| TokenError::Denied([ASSERTION_FILE, ": ", path, ": ", &why].concat()))?;
        parse_assertion(&content).map(ClientCredential::RenewedAssertion)
    }

    /// What to do about an AADSTS code of the response, if there is one.
    /// Source: <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.
    pub(crate) fn advice(&self) -> fn(Option<u64>) -> &'static str {
        match self {
            ClientCredential::Secret(_) => |code| match code {
                Some(7000215) => "AZURE_CLIENT_SECRET is wrong: set it to the secret's value, not its id",
                Some(7000222) => "the secret in AZURE_CLIENT_SECRET has expired: create a new one",
                _ => advice(code),
            },
            ClientCredential::Assertion(_) => |code| match code {
                Some(700024) => "AZURE_FEDERATED_TOKEN has expired: get a new one",
                _ => assertion_advice(code),
            },
            ClientCredential::RenewedAssertion(_) => |code| match code {
                Some(700024) => "AZURE_FEDERATED_TOKEN_FILE has expired: its platform must renew it",
                _ => assertion_advice(code),
            },
        }
    }
}

fn assertion_advice(code: Option<u64>) -> &'static str {
    match code {
        Some(50027 | 70021 | 700211..=700213 | 700027) => {
            "the assertion's issuer, subject or audience is not that of a federated credential"
        }
        _ => advice(code),
    }
}

/// What to do about an AADSTS code that any credential may cause.
pub(crate) fn advice(code: Option<u64>) -> &'static str {
    match code {
        Some(700016) => "the tenant has no such application: check AZURE_CLIENT_ID and AZURE_TENANT_ID",
        Some(90002 | 900023) => "the cloud has no such tenant: check AZURE_TENANT_ID",
        Some(53003) => "a Conditional Access policy for workload identities blocks the request",
        _ => "check AZURE_TENANT_ID, AZURE_CLIENT_ID and the application's credential",
    }
}

/// The assertion in the content of the file.
fn parse_assertion(content: &[u8]) -> Result<String, TokenError> {
    let assertion = content.trim_ascii();
    if assertion.is_empty() || !assertion.iter().all(u8::is_ascii_graphic) {
        let message = format!("{ASSERTION_FILE}: the file contains no assertion (a JWT, and nothing else)");
        return Err(TokenError::Denied(message));
    }
    Ok(assertion.iter().map(|&byte| char::from(byte)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_variable_of_the_credential() {
        let secret = ClientCredential::Secret(String::new()).advice();
        let assertion = ClientCredential::Assertion(String::new()).advice();
        let renewed = ClientCredential::RenewedAssertion(String::new()).advice();
        for (advice, code, expected) in [
            (secret, Some(7000215), "AZURE_CLIENT_SECRET is wrong"),
            (secret, Some(7000222), "the secret in AZURE_CLIENT_SECRET has expired"),
            (assertion, Some(700024), "AZURE_FEDERATED_TOKEN has expired"),
            (renewed, Some(700024), "AZURE_FEDERATED_TOKEN_FILE has expired"),
            (assertion, Some(700213), "the assertion's issuer, subject or audience"),
            (renewed, Some(700213), "the assertion's issuer, subject or audience"),
            (secret, Some(700016), "the tenant has no such application"),
            (secret, None, "check AZURE_TENANT_ID"),
        ] {
            assert!(advice(code).starts_with(expected), "{code:?}");
        }
    }

    #[test]
    fn an_assertion_has_no_white_space_around_it() {
        assert!(parse_assertion(b"\n e.y.J \r\n").is_ok_and(|assertion| assertion == "e.y.J"));
    }

    #[test]
    fn a_file_without_an_assertion_is_denied_without_its_content() {
        for content in
            [&b""[..], b" \n", b"canary canary", b"{\n\"token\": \"canary\"\n}", b"canary\x00", b"\xff\xfec\0"]
        {
            let expected = "AZURE_FEDERATED_TOKEN_FILE: the file contains no assertion (a JWT, and nothing else)";
            assert!(
                matches!(parse_assertion(content), Err(TokenError::Denied(text)) if text == expected),
                "{content:?}"
            );
        }
    }
}
