//! The body of the request to the token endpoint.
//! Source: <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>.

use crate::bindings::exports::entra::risk::credentials::TokenError;
use crate::config::{Config, Proof};
use crate::json::Json;

const ACCESS_TOKEN: &str = "access_token";
const CAPABILITIES: &str = "xms_cc";

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
    members(challenge.map_or(Some(Json::Null), |challenge| Json::parse(challenge.as_bytes())))
        .and_then(|mut claims| {
            let mut of_access = members(take(&mut claims, ACCESS_TOKEN))?;
            take(&mut of_access, CAPABILITIES);
            let cp1 = Json::List(vec![Json::Text("cp1".to_owned())]);
            of_access.push((CAPABILITIES.to_owned(), Json::Object(vec![("values".to_owned(), cp1)])));
            claims.push((ACCESS_TOKEN.to_owned(), Json::Object(of_access)));
            Some(Json::Object(claims).to_string())
        })
        .ok_or_else(|| TokenError::Denied("the claims challenge of Microsoft Graph is not a JSON object".to_owned()))
}

/// The members of an object; null and what is absent have none.
fn members(json: Option<Json>) -> Option<Vec<(String, Json)>> {
    match json? {
        Json::Object(members) => Some(members),
        Json::Null => Some(Vec::new()),
        _ => None,
    }
}

/// Takes a member out.
fn take(members: &mut Vec<(String, Json)>, name: &str) -> Option<Json> {
    let at = members.iter().position(|(member, _)| member == name);
    Some(at.map_or(Json::Null, |at| members.remove(at).1))
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
                r#"{"id_token":null,"access_token":{"nbf":{"essential":true,"value":"1604106651"},"xms_cc":{"values":["cp1"]}}}"#,
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
