//! The body of the request to the token endpoint.
//! Source: <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>.

use serde_json::{Map, Value, json};

use crate::bindings::exports::entra::risk::credentials::TokenError;
use crate::config::{Config, Proof};

/// Writes the form. `challenge` is the claims challenge of Microsoft Graph, JSON.
pub(crate) fn write(config: &Config, audience: &str, challenge: Option<&str>) -> Result<String, TokenError> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("client_id", &config.client_id)
        .append_pair("scope", &format!("{audience}/.default"))
        .append_pair("grant_type", "client_credentials")
        .append_pair("claims", &claims(challenge)?);
    match &config.proof {
        Proof::Secret(secret) => form.append_pair("client_secret", secret),
        Proof::Assertion(assertion) => form
            .append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            .append_pair("client_assertion", assertion),
    };
    Ok(form.finish())
}

/// What the challenge demands, and the capability `cp1`: without it Microsoft Graph sends no challenge.
/// Source: <https://learn.microsoft.com/entra/identity-platform/claims-challenge>.
fn claims(challenge: Option<&str>) -> Result<String, TokenError> {
    let not_claims = || TokenError::Denied("the claims challenge of Microsoft Graph is not a JSON object".to_owned());
    let mut claims: Map<String, Value> =
        challenge.map_or(Ok(Map::new()), serde_json::from_str).map_err(|_| not_claims())?;
    let of_access = claims.entry("access_token").or_insert(Value::Null);
    if of_access.is_null() {
        *of_access = json!({});
    }
    let of_access = of_access.as_object_mut().ok_or_else(not_claims)?;
    of_access.insert("xms_cc".to_owned(), json!({ "values": ["cp1"] }));
    Ok(Value::Object(claims).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cp1_is_declared_beside_what_the_challenge_demands() {
        let cases: &[(Option<&str>, &str)] = &[
            (None, r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#),
            (
                Some(r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}},"id_token":null}"#),
                r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"},"xms_cc":{"values":["cp1"]}},"id_token":null}"#,
            ),
            (Some(r#"{"access_token":null}"#), r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#),
        ];
        for (challenge, expected) in cases {
            assert!(claims(*challenge).is_ok_and(|claims| claims == *expected), "{challenge:?}");
        }
    }

    #[test]
    fn a_challenge_that_is_no_claims_is_denied() {
        for challenge in ["", "[]", "\"a\"", r#"{"access_token":[]}"#, "{"] {
            assert!(matches!(claims(Some(challenge)), Err(TokenError::Denied(_))), "{challenge}");
        }
    }
}
