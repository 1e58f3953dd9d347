//! What a package that runs the command says about itself in the environment.

use entra_risk_common::actions::Options;

use crate::bindings::wasi::cli::environment;
use crate::connection::Connection;

/// The package that runs the command; without one, a runtime such as wasmtime does.
pub(crate) struct Package {
    name: Option<String>,
    /// Where requests go instead of to the endpoint.
    forwarder: Option<String>,
}

impl Package {
    pub(crate) fn of_environment() -> Self {
        let environment = environment::get_environment();
        let value = |name: &str| entra_risk_common::value(&environment, name).map(str::to_owned);
        Package { name: value("ENTRA_RISK_PACKAGE"), forwarder: value("ENTRA_RISK_FORWARDER") }
    }

    /// Checks that what the command line asks for is possible here.
    pub(crate) fn check(&self, connection: &Connection) -> Result<(), String> {
        if connection.sign_in.is_some() && self.name.is_none() {
            return Err("--sign-in: only the command of the Python and npm packages signs people in: pip install \
                        'entra-risk[cli]', or npm install entra-risk"
                .to_owned());
        }
        Ok(())
    }

    /// The options with which requests are sent.
    pub(crate) fn route(&self, connection: &Connection) -> Options {
        let mut options = connection.options.clone();
        if let Some(forwarder) = &self.forwarder {
            options.audience = Some(connection.audience().to_owned());
            options.endpoint = Some(forwarder.clone());
        }
        options
    }
}
