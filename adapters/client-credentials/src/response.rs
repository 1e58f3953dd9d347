//! The response of the token endpoint, judged: a token, a transient error or a permanent one.

use serde_json::Value;

use crate::bindings::exports::entra::risk::credentials::TokenError;
use crate::cache::Token;
use crate::config::TokenEndpoint;

/// Maximum length of a token in bytes. Source: the contract.
const MAX_TOKEN_BYTES: usize = 65_536;

/// Errors of OAuth 2.0 and of Microsoft Entra ID. No other text of a response is repeated: it may contain a secret.
const KNOWN_ERRORS: &[&str] = &[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "invalid_resource",
    "invalid_scope",
    "interaction_required",
    "server_error",
    TRANSIENT_ERROR,
    "unauthorized_client",
    "unsupported_grant_type",
];

/// The error that is transient although its status is a 4xx.
const TRANSIENT_ERROR: &str = "temporarily_unavailable";

/// What to do about an AADSTS code.
/// Source: <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.
const ADVICE: &[(&[u64], &str)] = &[
    (&[7000215], "AZURE_CLIENT_SECRET is wrong: set it to the secret's value, not its id"),
    (&[7000222], "the secret in AZURE_CLIENT_SECRET has expired: create a new one"),
    (&[700016], "this tenant has no such application: check AZURE_CLIENT_ID, AZURE_TENANT_ID and the cloud"),
    (&[90002, 900023], "this cloud has no such tenant: check AZURE_TENANT_ID and the cloud"),
    (&[700024], "AZURE_FEDERATED_TOKEN has expired: get a new one"),
    (
        &[50027, 70021, 700211, 700212, 700213, 700027],
        "AZURE_FEDERATED_TOKEN is not trusted: compare its issuer, subject and audience with the application's \
         federated credentials",
    ),
    (&[53003], "a Conditional Access policy for workload identities blocks the request"),
];

const DEFAULT_ADVICE: &str = "check AZURE_TENANT_ID, AZURE_CLIENT_ID and the application's credential";

/// Judges a response.
pub(crate) fn judge(status: u16, body: &[u8], endpoint: &TokenEndpoint) -> Result<Token, TokenError> {
    let authority = &endpoint.address.authority;
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    if status == 200 {
        return token(&body).ok_or_else(|| {
            TokenError::Unavailable(format!(
                "{authority} returned 200 without a usable token: check AZURE_AUTHORITY_HOST and proxies"
            ))
        });
    }
    let error = body.get("error").and_then(Value::as_str);
    let error = error.and_then(|error| KNOWN_ERRORS.iter().find(|known| **known == error));
    let code = body.get("error_codes").and_then(|codes| codes.get(0)).and_then(Value::as_u64);
    let mut message = format!("{authority} returned {status}");
    if let Some(error) = error {
        message = format!("{message} {error}");
    }
    if let Some(code) = code {
        message = format!("{message} AADSTS{code}");
    }
    Err(match status {
        300..400 => TokenError::Denied(format!("{message}, a redirect: check AZURE_AUTHORITY_HOST")),
        400..500 if !matches!(status, 408 | 429) && error != Some(&TRANSIENT_ERROR) => {
            let advice = ADVICE.iter().find(|(codes, _)| code.is_some_and(|code| codes.contains(&code)));
            TokenError::Denied(format!("{message}: {}", advice.map_or(DEFAULT_ADVICE, |(_, advice)| advice)))
        }
        _ => TokenError::Unavailable(format!("{message}: try again later")),
    })
}

/// The token of a successful response (RFC 6749, section 5.1).
fn token(body: &Value) -> Option<Token> {
    let value = body.get("access_token")?.as_str()?;
    let is_usable =
        !value.is_empty() && value.len() <= MAX_TOKEN_BYTES && value.bytes().all(|byte| byte.is_ascii_graphic());
    let seconds = body.get("expires_in").and_then(Value::as_u64).unwrap_or_default();
    is_usable.then(|| Token { value: value.to_owned(), seconds })
}

#[cfg(test)]
mod tests {
    use entra_risk_engine::endpoint::Endpoint;

    use super::*;

    fn judge(status: u16, body: &str) -> Result<Token, TokenError> {
        let address = Endpoint { https: true, authority: "login.example".to_owned() };
        super::judge(status, body.as_bytes(), &TokenEndpoint { address, path: String::new() })
    }

    #[test]
    fn transient_errors_are_unavailable_and_permanent_ones_denied() {
        let cases: &[(u16, &str, bool, &str)] = &[
            (200, "<html>", true, "login.example returned 200 without a usable token"),
            (200, r#"{"access_token":""}"#, true, "login.example returned 200 without a usable token"),
            (200, r#"{"access_token":"a\nb","expires_in":9}"#, true, "login.example returned 200 without a usable"),
            (204, "", true, "login.example returned 204"),
            (302, "", false, "login.example returned 302, a redirect: check AZURE_AUTHORITY_HOST"),
            (400, "", false, "login.example returned 400: check AZURE_TENANT_ID"),
            (400, r#"{"error":"temporarily_unavailable"}"#, true, "login.example returned 400 temporarily_unavailable"),
            (400, r#"{"error":"canary","error_description":"canary"}"#, false, "login.example returned 400: check"),
            (
                401,
                r#"{"error":"invalid_client","error_codes":[7000215],"error_description":"AADSTS7000215: canary"}"#,
                false,
                "login.example returned 401 invalid_client AADSTS7000215: AZURE_CLIENT_SECRET is wrong",
            ),
            (408, "", true, "login.example returned 408"),
            (429, "", true, "login.example returned 429: try again later"),
            (500, r#"{"error":"server_error"}"#, true, "login.example returned 500 server_error: try again later"),
            (503, "<html>", true, "login.example returned 503"),
        ];
        for (status, body, expected_transient, expected) in cases {
            let (transient, message) = match judge(*status, body) {
                Err(TokenError::Unavailable(message)) => (true, message),
                Err(TokenError::Denied(message)) => (false, message),
                Err(TokenError::Cancelled) | Ok(_) => unreachable!("{status} {body} is not an error"),
            };
            assert!(
                transient == *expected_transient && message.starts_with(expected) && !message.contains("canary"),
                "{status} {body}: {message}"
            );
        }
    }

    #[test]
    fn a_token_has_its_lifetime() {
        let cases = [
            (r#"{"token_type":"Bearer","expires_in":3599,"access_token":"a.b.c"}"#, 3599),
            (r#"{"access_token":"a.b.c"}"#, 0),
            (r#"{"access_token":"a.b.c","expires_in":-1.5}"#, 0),
        ];
        for (body, seconds) in cases {
            let token = judge(200, body).ok();
            assert_eq!(token.map(|token| (token.value, token.seconds)), Some(("a.b.c".to_owned(), seconds)), "{body}");
        }
    }
}
