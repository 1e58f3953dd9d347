//! What a package that runs the command says about itself in the environment.

use entra_risk_common::actions::{Batch, Error, ErrorKind, Options};
use entra_risk_common::calls::Event;

use crate::bindings::entra::risk::queries;
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
            return Err("--sign-in: only the command of the Python and npm packages signs people in".to_owned());
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

    /// Restores the errors of requests that the forwarder could not send.
    pub(crate) fn correct(&self, event: &mut Event) {
        match event {
            Event::Ended(batches) => self.correct_batches(batches),
            Event::Waiting(progress) => self.correct_error(progress.error.as_mut()),
            Event::Over(error) => self.correct_error(error.as_mut()),
        }
    }

    /// Restores the errors of requests that the forwarder could not send.
    pub(crate) fn correct_batches(&self, batches: &mut [Batch]) {
        batches.iter_mut().for_each(|batch| self.correct_error(batch.error.as_mut()));
    }

    fn correct_error(&self, error: Option<&mut Error>) {
        let Some(error) = error else { return };
        if let Some(response) = error.response.take_if(|response| self.is_own(response.status, &response.code)) {
            *error = Error { kind: ErrorKind::Unreachable, message: response.message, response: None };
        }
    }

    /// The error of a list, restored if the forwarder could not request it.
    pub(crate) fn corrected(&self, error: queries::Error) -> queries::Error {
        match error.response {
            Some(response) if self.is_own(response.status, &response.code) => {
                queries::Error { kind: queries::ErrorKind::Unreachable, message: response.message, response: None }
            }
            _ => error,
        }
    }

    /// Whether the forwarder responded in place of the service, which it could not reach.
    fn is_own(&self, status: u16, code: &str) -> bool {
        self.forwarder.is_some() && matches!(status, 407 | 421) && code == "never-sent"
    }
}
