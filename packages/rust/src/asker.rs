//! What a token is asked for.

use std::error::Error;
use std::sync::Arc;

/// A call or a list, on whose behalf a token is asked for.
pub(crate) trait Asker: Send + Sync {
    /// Whether it is to be stopped or dropped, so that it must not wait for a token.
    fn has_order(&self) -> bool;

    /// Keeps the error of the token source as its result.
    fn token_source_failed(&self, error: Arc<dyn Error + Send + Sync>);
}
