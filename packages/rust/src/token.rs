//! Where tokens come from. They go from here to the requests, and never into the plugin.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use entra_risk_engine::token::Token;
use http::HeaderValue;

/// An access token without the word `Bearer`: 1 to 65 536 bytes of visible ASCII. Its `Debug` does not print it.
///
/// As a [`TokenSource`] it cannot be renewed: when Microsoft Graph rejects it, the call ends with `Error::NoToken`.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(Arc<str>);

/// What a token is needed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// `tenant` of the call's options.
    pub tenant: Option<String>,
    /// The audience of the token. The OAuth scope is this string followed by `/.default`.
    pub audience: String,
    /// Where the token will be sent: scheme and authority in lower case, without a default port.
    pub endpoint: String,
    /// Microsoft Graph rejected a token of this call: a cached one must not be returned.
    pub refresh: bool,
    /// The claims challenge of the rejection: a JSON object, to be passed unchanged in the `claims` parameter of the
    /// request to the token endpoint.
    pub claims: Option<String>,
}

/// Why no token is returned. The text reaches the caller of the action: it must not contain a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenError {
    /// No token now; the same request may succeed later. Retried until patience is over.
    Unavailable(String),
    /// No token until somebody changes something. Ends the call.
    Denied(String),
    /// The caller has asked to stop. Ends the call with `Error::Cancelled`; requests in flight get 10 s more.
    Cancelled,
}

/// Supplies tokens for Microsoft Graph. It is asked before each attempt and nothing else caches: caching is its task.
pub trait TokenSource: Send + Sync {
    /// Returns a token for Microsoft Graph. Write it as `async fn get_token(&self, request: TokenRequest) -> …`.
    fn get_token(&self, request: TokenRequest) -> impl Future<Output = Result<AccessToken, TokenError>> + Send;
}

/// A token is not as documented. The text contains nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidToken(String);

/// A [`TokenSource`] of any type.
pub(crate) trait AnyTokenSource: Send + Sync {
    fn get_token(
        &self,
        request: TokenRequest,
    ) -> Pin<Box<dyn Future<Output = Result<AccessToken, TokenError>> + Send + '_>>;
}

impl AccessToken {
    /// Parses a token.
    ///
    /// # Errors
    /// If it is empty, longer than 65 536 bytes, or contains anything but visible ASCII.
    pub fn new(token: impl Into<String>) -> Result<AccessToken, InvalidToken> {
        let token = token.into();
        Token::parse(token.clone()).map_err(InvalidToken)?;
        Ok(AccessToken(token.into()))
    }

    /// The token itself.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// The value of the `authorization` header, which does not print.
    pub(crate) fn header_value(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken")
    }
}

impl TokenSource for AccessToken {
    async fn get_token(&self, request: TokenRequest) -> Result<AccessToken, TokenError> {
        if request.refresh {
            let reason = "Microsoft Graph rejected the token, and it cannot be renewed: supply a new one";
            return Err(TokenError::Denied(reason.to_owned()));
        }
        Ok(self.clone())
    }
}

impl<T: TokenSource> TokenSource for Arc<T> {
    fn get_token(&self, request: TokenRequest) -> impl Future<Output = Result<AccessToken, TokenError>> + Send {
        T::get_token(self, request)
    }
}

impl<T: TokenSource> AnyTokenSource for T {
    fn get_token(
        &self,
        request: TokenRequest,
    ) -> Pin<Box<dyn Future<Output = Result<AccessToken, TokenError>> + Send + '_>> {
        Box::pin(TokenSource::get_token(self, request))
    }
}

impl From<InvalidToken> for TokenError {
    fn from(InvalidToken(rule): InvalidToken) -> Self {
        TokenError::Denied(rule)
    }
}

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidToken {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_print() {
        let token = AccessToken::new("eyJjanary.0token").unwrap();
        assert_eq!(format!("{token:?} {:?}", token.header_value().unwrap()), "AccessToken Sensitive");
        assert!(!format!("{:?}", AccessToken::new("eyJ canary")).contains("canary"));
    }
}
