//! The types of the imported `credentials` and those of the engine, mapped to each other case by case.

use entra_risk_engine::token::{Credential, TokenError, TokenRequest};

use crate::bindings::entra::risk::credentials;

impl From<TokenRequest> for credentials::TokenRequest {
    fn from(request: TokenRequest) -> credentials::TokenRequest {
        let TokenRequest { tenant, audience, endpoint, refresh, claims } = request;
        credentials::TokenRequest { tenant, audience, endpoint, refresh, claims }
    }
}

impl From<credentials::Credential> for Credential {
    fn from(credential: credentials::Credential) -> Credential {
        match credential {
            credentials::Credential::Bearer(token) => Credential::Bearer(token),
            credentials::Credential::AttachedByHost => Credential::AttachedByHost,
        }
    }
}

impl From<credentials::TokenError> for TokenError {
    fn from(error: credentials::TokenError) -> TokenError {
        match error {
            credentials::TokenError::Unavailable(text) => TokenError::Unavailable(text),
            credentials::TokenError::Denied(text) => TokenError::Denied(text),
            credentials::TokenError::Cancelled => TokenError::Cancelled,
        }
    }
}
