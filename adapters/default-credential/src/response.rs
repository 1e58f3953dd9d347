//! The response of a token endpoint, judged: a token, a transient error or a permanent one.

use entra_risk_engine::decimal;
use entra_risk_engine::http::date;
use entra_risk_engine::http::response::{Response, retry_after};
use entra_risk_engine::time::{Duration, Instant};
use serde_json::Value;

use crate::bindings::exports::entra::risk::credentials::TokenError;
use crate::outcome::{Failure, Token};
use crate::token_call::Issuer;

/// Maximum length of a token in bytes. Source: the contract.
const MAX_TOKEN_BYTES: usize = 65_536;

/// The lifetime of a token whose response does not contain it: half of the shortest that Microsoft
/// Entra ID can be configured to issue (10 minutes). Source:
/// <https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes>.
const UNKNOWN_LIFETIME_SECONDS: u64 = 300;

/// Errors of OAuth 2.0 and of Microsoft Entra ID. No other text of a response is repeated: it may
/// contain a secret.
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

/// Maximum time to wait that a response can ask for: an hour, as in the plugin.
const MAX_WAIT: Duration = Duration::from_secs(3_600);

/// Judges a response that was received at `now`.
pub(crate) fn judge(response: &Response, issuer: &Issuer, now: Instant) -> Result<Token, Failure> {
    let (status, date) = (response.status, response.date.as_deref());
    let Issuer { address, variable, advice, transient } = issuer;
    let authority = &*address.authority;
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    if status == 200 {
        return token(&body, date).map_err(|error| {
            match error {
                Unusable::NotBearer => {
                    TokenError::Denied([authority, " returned a token that is not a Bearer token"].concat())
                }
                Unusable::NoToken => TokenError::Unavailable(
                    [authority, " returned 200 without a usable token: check ", variable, " and proxies"].concat(),
                ),
            }
            .into()
        });
    }
    let error = body.get("error").and_then(Value::as_str);
    let error = error.and_then(|error| KNOWN_ERRORS.iter().find(|known| **known == error));
    let aadsts = body.get("error_codes").and_then(|codes| codes.get(0)).and_then(Value::as_u64);
    let is_transient =
        matches!(status, 408 | 429 | 500..) || transient.contains(&status) || error == Some(&TRANSIENT_ERROR);
    Err(match status {
        300..400 => {
            let text = [authority, " returned ", &status.to_string(), ", a redirect: check ", variable];
            TokenError::Denied(text.concat()).into()
        }
        400.. if !is_transient => {
            // What to do comes first: the plugin cuts long texts.
            let code = aadsts.map(|code| format!("AADSTS{code}, ")).unwrap_or_default();
            let (error, comma) = error.map_or(("", ""), |error| (*error, ", "));
            let status = status.to_string();
            TokenError::Denied([advice(aadsts), " (", &code, error, comma, &status, " from ", authority, ")"].concat())
                .into()
        }
        _ => {
            let wait = response.retry_after.first().and_then(|value| retry_after(value, date));
            let wait = wait.map(|wait| wait.min(MAX_WAIT));
            let when = match wait {
                Some(wait) => format!("after {} s (Retry-After)", wait.as_millis() / 1_000),
                None => "later".to_owned(),
            };
            let (space, error) = error.map_or(("", ""), |error| (" ", *error));
            let retry_at = wait.map(|wait| now.saturating_add(wait));
            let status = status.to_string();
            let message = [authority, " returned ", &status, space, error, ": try again ", &when].concat();
            Failure { error: TokenError::Unavailable(message), is_transient, retry_at }
        }
    })
}

/// Why a successful response contains no token for the plugin.
enum Unusable {
    NotBearer,
    NoToken,
}

/// The token of a successful response (RFC 6749, section 5.1).
fn token(body: &Value, date: Option<&str>) -> Result<Token, Unusable> {
    let value = body.get("access_token").and_then(Value::as_str).ok_or(Unusable::NoToken)?;
    if value.is_empty() || value.len() > MAX_TOKEN_BYTES || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Unusable::NoToken);
    }
    let kind = body.get("token_type").and_then(Value::as_str).unwrap_or_default();
    if !kind.eq_ignore_ascii_case("Bearer") {
        return Err(Unusable::NotBearer);
    }
    Ok(Token { value: value.to_owned(), seconds: lifetime(body, date).unwrap_or(UNKNOWN_LIFETIME_SECONDS) })
}

/// The lifetime in seconds: `expires_in`, or else `expires_on` (seconds since 1970) less the date
/// of the response. The endpoints of managed identities write both as strings, and that of App
/// Service has no `expires_in`.
fn lifetime(body: &Value, date: Option<&str>) -> Option<u64> {
    let number = |name| match body.get(name)? {
        Value::String(text) => decimal::parse(text.trim_ascii()),
        value => value.as_u64(),
    };
    number("expires_in").or_else(|| Some(number("expires_on")?.saturating_sub(date::parse(date?.trim_ascii())?)))
}

#[cfg(test)]
mod tests {
    use entra_risk_engine::contract::endpoint::Endpoint;

    use super::*;
    use crate::client_credential::advice;

    const DATE: &str = "Sat, 21 Nov 2026 09:00:00 GMT";
    const DATE_SECONDS: u64 = 1_795_251_600;

    fn at(second: u64) -> Instant {
        Instant::ORIGIN.saturating_add(Duration::from_secs(second))
    }

    fn judge(status: u16, retry_after: Option<&str>, body: &str) -> Result<Token, Failure> {
        let address = Endpoint { https: true, authority: "login.example".to_owned() };
        let issuer = Issuer { address, variable: "AZURE_AUTHORITY_HOST", advice, transient: &[410] };
        let (date, retry_after) = (Some(DATE.to_owned()), retry_after.map(str::to_owned).into_iter().collect());
        let body = body.as_bytes().to_vec();
        super::judge(&Response { status, date, retry_after, body, ..Response::default() }, &issuer, at(7))
    }

    /// What becomes of an error.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Verdict {
        /// The same request is sent again within the attempts.
        Again,
        /// The plugin asks again.
        Unavailable,
        Denied,
    }
    use Verdict::{Again, Denied, Unavailable};

    #[test]
    fn transient_errors_are_unavailable_and_permanent_ones_denied() {
        let cases: &[(u16, &str, Verdict, &str)] = &[
            (200, "<html>", Unavailable, "login.example returned 200 without a usable token"),
            (200, r#"{"access_token":""}"#, Unavailable, "login.example returned 200 without a usable token"),
            (200, r#"{"access_token":"a\nb","expires_in":9}"#, Unavailable, "login.example returned 200 without a"),
            (204, "", Unavailable, "login.example returned 204"),
            (302, "", Denied, "login.example returned 302, a redirect: check AZURE_AUTHORITY_HOST"),
            (
                400,
                "",
                Denied,
                "check AZURE_TENANT_ID, AZURE_CLIENT_ID and the application's credential (400 from login.ex",
            ),
            (
                400,
                r#"{"error":"temporarily_unavailable"}"#,
                Again,
                "login.example returned 400 temporarily_unavailable",
            ),
            (400, r#"{"error":"canary","error_description":"canary"}"#, Denied, "check AZURE_TENANT_ID"),
            (
                401,
                r#"{"error":"invalid_client","error_codes":[700016],"error_description":"AADSTS700016: canary"}"#,
                Denied,
                "the tenant has no such application: check AZURE_CLIENT_ID and AZURE_TENANT_ID \
                 (AADSTS700016, invalid_client, 401 from login.example)",
            ),
            (404, "", Denied, "check AZURE_TENANT_ID"),
            (408, "", Again, "login.example returned 408"),
            (410, "", Again, "login.example returned 410"),
            (429, "", Again, "login.example returned 429: try again later"),
            (500, r#"{"error":"server_error"}"#, Again, "login.example returned 500 server_error: try again later"),
            (503, "<html>", Again, "login.example returned 503"),
            (599, "", Again, "login.example returned 599"),
        ];
        for &(status, body, expected, message) in cases {
            let Err(failure) = judge(status, None, body) else { unreachable!("{status} {body} is not an error") };
            let (verdict, text) = match failure.error {
                TokenError::Unavailable(text) => (if failure.is_transient { Again } else { Unavailable }, text),
                TokenError::Denied(text) => (Denied, text),
            };
            assert_eq!((verdict, failure.retry_at), (expected, None), "{status} {body}");
            assert!(text.starts_with(message) && !text.contains("canary"), "{status} {body}: {text}");
        }
    }

    #[test]
    fn retry_after_is_reported_in_both_forms() {
        let date = "Sat, 21 Nov 2026 09:02:00 GMT";
        for (value, status, seconds) in [("120", 429, 120), (date, 503, 120), ("0", 500, 0)] {
            let Err(failure) = judge(status, Some(value), "") else { unreachable!("{status} is not an error") };
            assert_eq!(failure.retry_at, Some(at(7 + seconds)), "{value}");
            let expected = format!("login.example returned {status}: try again after {seconds} s (Retry-After)");
            assert!(matches!(failure.error, TokenError::Unavailable(text) if text == expected), "{value}");
        }
    }

    #[test]
    fn a_wait_is_an_hour_at_most() {
        for value in ["3601", "99999999999", "18446744073709551615", "Sat, 21 Nov 2126 09:00:00 GMT"] {
            let Err(failure) = judge(429, Some(value), "") else { unreachable!("429 is not an error") };
            assert_eq!(failure.retry_at, Some(at(7 + 3_600)), "{value}");
            let expected = "login.example returned 429: try again after 3600 s (Retry-After)";
            assert!(matches!(failure.error, TokenError::Unavailable(text) if text == expected), "{value}");
        }
    }

    #[test]
    fn a_token_has_its_lifetime() {
        let expires_on = DATE_SECONDS + 86_400;
        let cases = [
            (r#""expires_in":3599"#.to_owned(), 3599),
            (r#""expires_in":"3599""#.to_owned(), 3599),
            (r#""expires_in":0"#.to_owned(), 0),
            (format!(r#""expires_on":"{expires_on}""#), 86_400),
            (format!(r#""expires_on":{expires_on}"#), 86_400),
            (format!(r#""expires_in":"60","expires_on":"{expires_on}""#), 60),
            (format!(r#""expires_in":"","expires_on":"{expires_on}""#), 86_400),
            (r#""expires_on":"1""#.to_owned(), 0),
            (r#""expires_on":"11/22/2026 09:00:00 +00:00""#.to_owned(), UNKNOWN_LIFETIME_SECONDS),
            (r#""expires_in":-1.5"#.to_owned(), UNKNOWN_LIFETIME_SECONDS),
            (r#""expires_in":null"#.to_owned(), UNKNOWN_LIFETIME_SECONDS),
            (r#""other":1"#.to_owned(), UNKNOWN_LIFETIME_SECONDS),
        ];
        for (member, seconds) in cases {
            let token = judge(200, None, &format!(r#"{{"token_type":"Bearer","access_token":"a.b.c",{member}}}"#)).ok();
            let token = token.map(|token| (token.value, token.seconds));
            assert_eq!(token, Some(("a.b.c".to_owned(), seconds)), "{member}");
        }
    }

    #[test]
    fn only_bearer_tokens_are_accepted() {
        for kind in [r#""token_type":"Bearer""#, r#""token_type":"bearer""#, r#""token_type":"BEARER""#] {
            assert!(judge(200, None, &format!(r#"{{"access_token":"canary",{kind}}}"#)).is_ok(), "{kind}");
        }
        for kind in [r#""token_type":"pop""#, r#""token_type":"Bearer ""#, r#""token_type":1"#, r#""other":1"#] {
            let denial = judge(200, None, &format!(r#"{{"access_token":"canary",{kind}}}"#));
            let expected = "login.example returned a token that is not a Bearer token";
            let is_denied = |failure: Failure| matches!(failure.error, TokenError::Denied(text) if text == expected);
            assert!(denial.is_err_and(is_denied), "{kind}");
        }
    }
}
