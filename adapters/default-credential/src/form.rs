//! The body of a request to the token endpoint of Microsoft Entra ID.
//! Source: <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>.

use serde_json::{Map, Value, json};

use crate::bindings::exports::entra::risk::credentials::TokenError;
use crate::client_credential::ClientCredential;

const ACCESS_TOKEN: &str = "access_token";
const CAPABILITIES: &str = "xms_cc";

/// Writes the form. `challenge` is the claims challenge of Microsoft Graph, JSON.
pub(crate) fn write(
    client_id: &str,
    credential: &ClientCredential,
    audience: &str,
    challenge: Option<&str>,
) -> Result<String, TokenError> {
    let claims = claims(challenge)
        .ok_or_else(|| TokenError::Denied("the claims challenge of Microsoft Graph is not a JSON object".to_owned()))?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("client_id", client_id)
        .append_pair("scope", &[audience, "/.default"].concat())
        .append_pair("grant_type", "client_credentials")
        .append_pair("claims", &claims);
    match credential {
        ClientCredential::Secret(secret) => form.append_pair("client_secret", secret),
        ClientCredential::Assertion(assertion) | ClientCredential::RenewedAssertion(assertion) => form
            .append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            .append_pair("client_assertion", assertion),
    };
    Ok(form.finish())
}

/// The claims of the challenge and the capability `cp1`: Microsoft Graph sends a challenge only to
/// clients with it. Source: <https://learn.microsoft.com/entra/identity-platform/claims-challenge>.
fn claims(challenge: Option<&str>) -> Option<String> {
    let challenge =
        challenge.map_or(Some(Value::Null), |challenge| serde_json::from_slice(challenge.as_bytes()).ok())?;
    let mut claims = members(challenge)?;
    let mut of_access = members(claims.remove(ACCESS_TOKEN).unwrap_or_default())?;
    of_access.insert(CAPABILITIES.to_owned(), json!({ "values": ["cp1"] }));
    claims.insert(ACCESS_TOKEN.to_owned(), Value::Object(of_access));
    Some(Value::Object(claims).to_string())
}

/// The members of an object; null has none.
fn members(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members),
        Value::Null => Some(Map::new()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cp1_is_declared_besides_the_claims_of_the_challenge() {
        let cases = [
            (None, r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#),
            (
                Some(r#"{"access_token":{"nbf":{"essential":true,"value":1604106651.50}},"id_token":null}"#),
                r#"{"access_token":{"nbf":{"essential":true,"value":1604106651.50},"xms_cc":{"values":["cp1"]}},"id_token":null}"#,
            ),
            (Some(r#"{"access_token":null}"#), r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#),
        ];
        for (challenge, expected) in cases {
            assert_eq!(claims(challenge).as_deref(), Some(expected), "{challenge:?}");
        }
    }

    #[test]
    fn a_challenge_that_is_not_an_object_has_no_claims() {
        for challenge in ["", "[]", "\"a\"", r#"{"access_token":[]}"#, "{"] {
            assert_eq!(claims(Some(challenge)), None, "{challenge}");
        }
    }
}
