//! What comes of a request for a token.

use entra_risk_engine::time::Instant;

use crate::bindings::exports::entra::risk::credentials::TokenError;

/// A token that was just issued. It cannot be printed.
pub(crate) struct Token {
    pub(crate) value: String,
    /// How long the token is valid, in seconds.
    pub(crate) seconds: u64,
}

/// Why there is no token.
pub(crate) struct Failure {
    /// The error for the plugin.
    pub(crate) error: TokenError,
    /// Whether the same request may succeed within seconds.
    pub(crate) is_transient: bool,
    /// When the issuer may be asked again, if it returned a `Retry-After`.
    pub(crate) retry_at: Option<Instant>,
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        Failure { error, is_transient: false, retry_at: None }
    }
}
