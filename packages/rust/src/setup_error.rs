//! The error of a client that cannot be constructed.

use std::error::Error;
use std::fmt;

use entra_risk_engine::contract::printable::printable;

/// An [`EntraRisk`](crate::EntraRisk) cannot be constructed: a setting is not as documented, or the
/// system refuses a resource. The text names the setting or the cause.
#[derive(Debug, Clone)]
pub struct SetupError(pub(crate) String);

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.0))
    }
}

impl Error for SetupError {}
