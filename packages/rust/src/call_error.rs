//! Why a call has no report as its result.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use entra_risk_engine::contract::printable::printable;

use crate::{InvalidArgument, Report};

/// Why a method of [`EntraRisk`](crate::EntraRisk) has no report as its result.
#[derive(Debug, Clone)]
pub enum CallError {
    /// An argument is not as documented.
    InvalidArgument(InvalidArgument),
    /// The token source itself failed. The error contains the report.
    TokenSource(TokenSourceError),
}

/// The token source itself failed, and that ended the call.
#[derive(Debug, Clone)]
pub struct TokenSourceError {
    /// The error of the token source.
    pub error: Arc<dyn Error + Send + Sync>,
    /// The outcome of every id.
    pub report: Report,
}

impl From<InvalidArgument> for CallError {
    fn from(error: InvalidArgument) -> Self {
        CallError::InvalidArgument(error)
    }
}

impl From<TokenSourceError> for CallError {
    fn from(error: TokenSourceError) -> Self {
        CallError::TokenSource(error)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::InvalidArgument(error) => error.fmt(f),
            CallError::TokenSource(error) => error.fmt(f),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            CallError::InvalidArgument(_) => None,
            CallError::TokenSource(error) => error.source(),
        }
    }
}

impl fmt::Display for TokenSourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the token source failed: {}", printable(&self.error.to_string()))
    }
}

impl Error for TokenSourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.error)
    }
}
