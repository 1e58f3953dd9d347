//! The token source. Its tokens are attached to requests, and never reach the plugin.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use entra_risk_engine::contract::token::Token;
use http::HeaderValue;

/// An access token: 1 to 65,536 bytes of visible ASCII. Its `Debug` does not print it.
///
/// As a [`TokenSource`] it cannot be renewed: when Microsoft Graph rejects it, the call ends with
/// `ErrorKind::NoToken`.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(Arc<str>);

/// What a token is needed for: the argument of a [`TokenSource`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// The option `tenant` of the call.
    pub tenant: Option<String>,
    /// The audience of the token. The OAuth scope is this string followed by `/.default`.
    pub audience: String,
    /// Where the token will be sent: scheme and authority in lower case, without a default port.
    pub endpoint: String,
    /// Whether Microsoft Graph rejected a token of this call: then a cached one must not be
    /// returned.
    pub refresh: bool,
    /// The claims challenge of the rejection: a JSON object, to be passed unchanged in the `claims`
    /// parameter of the request to the token endpoint.
    pub claims: Option<String>,
}

/// Why no token is returned.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TokenError {
    /// There is no token right now, and the same request may succeed later: it is repeated until
    /// patience is over. The text becomes part of the report: it must not contain a secret.
    Unavailable(String),
    /// There is no token until someone fixes the configuration: this ends the call. The text
    /// becomes part of the report: it must not contain a secret.
    Denied(String),
    /// The token source itself failed: this ends the call, whose result is then a
    /// [`TokenSourceError`](crate::TokenSourceError) with this error. Nothing of it becomes part of
    /// the report.
    Failed(Arc<dyn Error + Send + Sync>),
}

/// Supplies tokens for Microsoft Graph. It is asked before each attempt, and nothing caches its
/// tokens: that is its own task.
///
/// It may take minutes, as when a person has to sign in with a device code:
/// [`Call::stop`](crate::Call::stop) ends the call meanwhile, and drops the future. It must not
/// block the thread.
pub trait TokenSource: Send + Sync {
    /// Returns a token for Microsoft Graph. Write it as `async fn get_token(&self, request:
    /// TokenRequest) -> …`.
    fn get_token(&self, request: TokenRequest) -> impl Future<Output = Result<AccessToken, TokenError>> + Send;
}

/// A token is not as documented. The text contains nothing of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidToken(String);

/// A token that a source was asked for and has not returned yet.
pub(crate) type FutureToken = Pin<Box<dyn Future<Output = Result<AccessToken, TokenError>> + Send>>;

/// A [`TokenSource`] of any type, to be stored in a client.
pub(crate) trait AnyTokenSource: Send + Sync {
    fn get_token(self: Arc<Self>, request: TokenRequest) -> FutureToken;
}

impl AccessToken {
    /// Parses a token, with or without the word `Bearer` before it.
    ///
    /// # Errors
    /// If it is empty, longer than 65,536 bytes, or contains anything but visible ASCII.
    pub fn new(token: impl Into<String>) -> Result<AccessToken, InvalidToken> {
        let token = token.into();
        let token = match token.split_at_checked(BEARER.len()) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(BEARER) => token,
            _ => token.as_str(),
        };
        Token::parse(token.to_owned()).map_err(InvalidToken)?;
        Ok(AccessToken(token.into()))
    }

    /// The token itself.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// The value of the `authorization` header, which does not print.
    pub(crate) fn header_value(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("{BEARER}{}", self.0)).ok()?;
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

impl<T: TokenSource + 'static> AnyTokenSource for T {
    fn get_token(self: Arc<Self>, request: TokenRequest) -> FutureToken {
        Box::pin(async move { TokenSource::get_token(&*self, request).await })
    }
}

impl TokenError {
    /// Wraps an error of the token source itself as [`TokenError::Failed`].
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> TokenError {
        TokenError::Failed(error.into().into())
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

impl Error for InvalidToken {}

/// The scheme of the `authorization` header (RFC 6750, section 2.1), which people copy together
/// with a token.
const BEARER: &str = "Bearer ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_print() {
        let token = AccessToken::new("eyJjanary.0token").unwrap();
        assert_eq!(format!("{token:?} {:?}", token.header_value().unwrap()), "AccessToken Sensitive");
        assert!(!format!("{:?}", AccessToken::new("eyJ canary")).contains("canary"));
    }

    #[test]
    fn the_word_bearer_before_a_token_is_understood() {
        for text in ["eyJ.0", "Bearer eyJ.0", "bearer eyJ.0"] {
            assert_eq!(AccessToken::new(text).unwrap().secret(), "eyJ.0");
        }
        for text in ["Bearer ", "Bearer Bearer eyJ.0", "Basic eyJ.0"] {
            assert!(AccessToken::new(text).is_err(), "{text}");
        }
    }
}
