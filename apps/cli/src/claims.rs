//! What an access token says about itself. Nothing here is verified: only the service can do that.

use entra_risk_engine::contract::printable::quoted;
use entra_risk_engine::http::challenge::decode;
use serde_json::Value;

/// The content of a token, as far as it can be read.
#[derive(Debug)]
pub(crate) enum Content {
    Readable(Claims),
    /// Its format is known only to those who issue and accept it.
    Opaque,
    /// Only those who accept it can read it (RFC 7516, section 3.1).
    Encrypted,
}

/// The claims of a token.
#[derive(Debug)]
pub(crate) struct Claims(Value);

impl Content {
    /// Reads a token (RFC 7519, section 3).
    pub(crate) fn of(token: &str) -> Self {
        let parts: Vec<&str> = token.split('.').collect();
        let claims = match parts.as_slice() {
            [_, _, _, _, _] => return Content::Encrypted,
            [_, payload, _] => decode(payload.as_bytes()),
            _ => None,
        };
        let claims = claims.and_then(|claims| serde_json::from_str(&claims).ok());
        claims.map_or(Content::Opaque, |claims| Content::Readable(Claims(claims)))
    }
}

impl Claims {
    /// Whose token it is: a person, or else an app.
    pub(crate) fn owner(&self) -> String {
        let app = self.shown(&["app_displayname", "appid", "azp"]);
        let id = self.shown(&["oid"]);
        match self.delegated() {
            Some(_) => {
                let person = self.shown(&["upn", "preferred_username", "unique_name", "name"]);
                format!("{person} (object id {id}), signed in to the app {app}")
            }
            None => format!("the app {app} (object id {id})"),
        }
    }

    /// Whether `az login` requested it.
    pub(crate) fn is_of_azure_cli(&self) -> bool {
        ["appid", "azp"].iter().any(|name| self.0.get(*name).and_then(Value::as_str) == Some(AZURE_CLI))
    }

    /// The id of the tenant.
    pub(crate) fn tenant(&self) -> String {
        self.shown(&["tid"])
    }

    /// The audience.
    pub(crate) fn audience(&self) -> Option<&str> {
        self.0.get("aud")?.as_str()
    }

    /// When it expires, in seconds since the start of 1970.
    pub(crate) fn expiry(&self) -> Option<u64> {
        self.0.get("exp")?.as_u64()
    }

    /// Whether a person signed in for it.
    pub(crate) fn is_delegated(&self) -> bool {
        self.delegated().is_some()
    }

    /// The permissions in it, without the scopes that only describe the sign-in.
    pub(crate) fn permissions(&self) -> Vec<&str> {
        let roles = self.0.get("roles").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        match self.delegated() {
            Some(scopes) => scopes.split_whitespace().filter(|scope| !OF_SIGN_IN.contains(scope)).collect(),
            None => roles.collect(),
        }
    }

    /// The scopes of a token that a person signed in for.
    fn delegated(&self) -> Option<&str> {
        self.0.get("scp")?.as_str()
    }

    /// The first of these claims that is there, for people.
    fn shown(&self, names: &[&str]) -> String {
        let text = names.iter().find_map(|name| self.0.get(*name)?.as_str());
        text.map_or("unknown".to_owned(), quoted)
    }
}

/// Scopes of OpenID Connect, which permit nothing in Microsoft Graph.
const OF_SIGN_IN: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// The id of Azure CLI as an app, in every tenant.
const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
