//! The answer of the token endpoint: a token, an error that passes, or one that stays until somebody changes something.

use crate::bindings::exports::entra::risk::credentials::TokenError;
use crate::cache::Token;
use crate::config::Endpoint;
use crate::json::Json;

/// The plugin's own limit, in bytes.
const MAX_TOKEN: usize = 65_536;

/// Errors of OAuth 2.0 and of Microsoft Entra ID. No other text of an answer is repeated: it may echo a secret.
const ERRORS: &[&str] = &[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "invalid_resource",
    "invalid_scope",
    "interaction_required",
    "server_error",
    PASSING,
    "unauthorized_client",
    "unsupported_grant_type",
];

/// The error that passes although its status is a 4xx.
const PASSING: &str = "temporarily_unavailable";

/// What to do about an AADSTS code.
/// Source: <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.
const ADVICE: &[(&[u64], &str)] = &[
    (&[7000215], "AZURE_CLIENT_SECRET is wrong: set it to the secret's value, not its id"),
    (&[7000222], "the secret in AZURE_CLIENT_SECRET has expired: make a new one"),
    (&[700016], "there is no such application in this tenant: check AZURE_CLIENT_ID, AZURE_TENANT_ID and the cloud"),
    (&[90002, 900023], "there is no such tenant in this cloud: check AZURE_TENANT_ID and the cloud"),
    (&[700024], "AZURE_FEDERATED_TOKEN has expired: get a new one"),
    (
        &[50027, 70021, 700211, 700212, 700213, 700027],
        "AZURE_FEDERATED_TOKEN is not trusted: check its issuer, subject and audience against the application's \
         federated credentials",
    ),
    (&[53003], "a Conditional Access policy for workload identities blocks it"),
];

const DEFAULT_ADVICE: &str = "check AZURE_TENANT_ID, AZURE_CLIENT_ID and the application's credential";

/// Judges an answer.
pub(crate) fn read(status: u16, body: &[u8], endpoint: &Endpoint) -> Result<Token, TokenError> {
    let answer = Json::parse(body).unwrap_or(Json::Null);
    if status == 200 {
        return token(&answer).ok_or_else(|| {
            TokenError::Unavailable(format!(
                "{} answered 200 without a usable token: check AZURE_AUTHORITY_HOST and the proxy on the way",
                endpoint.authority
            ))
        });
    }
    let error = answer.get("error").and_then(Json::text).and_then(|error| ERRORS.iter().find(|one| **one == error));
    let code = match answer.get("error_codes") {
        Some(Json::List(codes)) => codes.first().and_then(Json::number),
        _ => None,
    };
    let mut what = format!("{} answered {status}", endpoint.authority);
    if let Some(error) = error {
        what = format!("{what} {error}");
    }
    if let Some(code) = code {
        what = format!("{what} AADSTS{code}");
    }
    Err(match status {
        300..400 => TokenError::Denied(format!("{what}, a redirect: check AZURE_AUTHORITY_HOST")),
        400..500 if !matches!(status, 408 | 429) && error != Some(&PASSING) => {
            let known = ADVICE.iter().find(|(codes, _)| code.is_some_and(|code| codes.contains(&code)));
            TokenError::Denied(format!("{what}: {}", known.map_or(DEFAULT_ADVICE, |(_, advice)| advice)))
        }
        _ => TokenError::Unavailable(format!("{what}: try again later")),
    })
}

/// The token of a successful answer (RFC 6749, section 5.1). One without a lifetime is not kept.
fn token(answer: &Json) -> Option<Token> {
    let value = answer.get("access_token")?.text()?;
    let usable = !value.is_empty() && value.len() <= MAX_TOKEN && value.bytes().all(|byte| byte.is_ascii_graphic());
    let seconds = answer.get("expires_in").and_then(Json::number).unwrap_or_default();
    usable.then(|| Token { value: value.to_owned(), seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(status: u16, body: &str) -> Result<Token, TokenError> {
        let endpoint = Endpoint { tls: true, authority: "login.example".to_owned(), path: String::new() };
        read(status, body.as_bytes(), &endpoint)
    }

    #[test]
    fn errors_that_pass_are_told_from_errors_that_stay() {
        let cases: &[(u16, &str, bool, &str)] = &[
            (200, "<html>", true, "login.example answered 200 without a usable token"),
            (200, r#"{"access_token":""}"#, true, "login.example answered 200 without a usable token"),
            (200, r#"{"access_token":"a\nb","expires_in":9}"#, true, "login.example answered 200 without a usable"),
            (204, "", true, "login.example answered 204"),
            (302, "", false, "login.example answered 302, a redirect: check AZURE_AUTHORITY_HOST"),
            (400, "", false, "login.example answered 400: check AZURE_TENANT_ID"),
            (400, r#"{"error":"temporarily_unavailable"}"#, true, "login.example answered 400 temporarily_unavailable"),
            (400, r#"{"error":"canary","error_description":"canary"}"#, false, "login.example answered 400: check"),
            (
                401,
                r#"{"error":"invalid_client","error_codes":[7000215],"error_description":"AADSTS7000215: canary"}"#,
                false,
                "login.example answered 401 invalid_client AADSTS7000215: AZURE_CLIENT_SECRET is wrong",
            ),
            (408, "", true, "login.example answered 408"),
            (429, "", true, "login.example answered 429: try again later"),
            (500, r#"{"error":"server_error"}"#, true, "login.example answered 500 server_error: try again later"),
            (503, "<html>", true, "login.example answered 503"),
        ];
        for (status, body, passes, expected) in cases {
            let (passed, why) = match judge(*status, body) {
                Err(TokenError::Unavailable(why)) => (true, why),
                Err(TokenError::Denied(why)) => (false, why),
                Ok(_) => unreachable!("{status} {body} is a token"),
            };
            assert!(
                passed == *passes && why.starts_with(expected) && !why.contains("canary"),
                "{status} {body}: {why}"
            );
        }
    }

    #[test]
    fn a_token_has_its_lifetime() {
        let token = judge(200, r#"{"token_type":"Bearer","expires_in":3599,"access_token":"a.b.c"}"#).ok();
        assert_eq!(token.map(|token| (token.value, token.seconds)), Some(("a.b.c".to_owned(), 3599)));
        let token = judge(200, r#"{"access_token":"a.b.c"}"#).ok();
        assert_eq!(token.map(|token| (token.value, token.seconds)), Some(("a.b.c".to_owned(), 0)));
    }
}
