//! The environment variables that configure an adapter.

use crate::bindings::exports::entra::risk::credentials::TokenError;
use crate::bindings::wasi::cli::environment::get_environment;

/// The environment. It contains secrets, so it cannot be printed.
pub(crate) struct Environment(Vec<(String, String)>);

impl Environment {
    /// These variables, for tests.
    #[cfg(test)]
    pub(crate) fn new(variables: Vec<(String, String)>) -> Self {
        Environment(variables)
    }

    /// The variables of the component.
    pub(crate) fn read() -> Self {
        Environment(get_environment())
    }

    /// The value of a variable without surrounding white space. An empty variable counts as not
    /// set.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().rfind(|(known, _)| known == name)?;
        Some(value.trim_ascii()).filter(|value| !value.is_empty())
    }

    /// The value of a variable that must be set.
    ///
    /// # Errors
    /// If it is not: `denied`, with what to set it to.
    pub(crate) fn require(&self, name: &str, value: &str) -> Result<&str, TokenError> {
        self.get(name).ok_or_else(|| TokenError::Denied(format!("{name} is not set: set it to {value}")))
    }
}
