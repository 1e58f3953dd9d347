//! The worlds of the plugin and of the reader as a wasmtime host sees them, generated from `wit/`.

#[expect(missing_docs, reason = "generated: the documentation is in wit/")]
mod plugin_world {
    wasmtime::component::bindgen!({
        path: "../wit",
        // The plugin's world without WASI, because the bindings of WASI are in the crates of
        // wasmtime.
        inline: "
            package entra:host-test;
            world plugin {
                import entra:risk/credentials@0.1.0;
                export entra:risk/actions@0.1.0;
                export entra:risk/calls@0.1.0;
            }
        ",
        imports: { default: async },
        exports: { default: async },
        additional_derives: [PartialEq, Eq, Hash],
    });
}

#[expect(missing_docs, reason = "generated: the documentation is in wit/")]
mod reader_world {
    wasmtime::component::bindgen!({
        path: "../wit",
        // Without WASI, because the bindings of WASI are in the crates of wasmtime.
        inline: "
            package entra:host-test-reader;
            world reader {
                import entra:risk/credentials@0.1.0;
                export entra:risk/queries@0.1.0;
            }
        ",
        imports: { default: async },
        exports: { default: async },
        with: { "entra:risk/credentials": super::credentials },
        additional_derives: [PartialEq],
    });
}

pub use plugin_world::entra::risk::credentials;
pub use plugin_world::exports::entra::risk::{actions, calls};
pub use plugin_world::{Plugin, PluginPre};
pub use reader_world::exports::entra::risk::queries;
pub(crate) use reader_world::{Reader, ReaderPre};

use actions::{Batch, Error, ErrorKind, Options, Outcome};
use calls::Action;
use credentials::Credential;

impl Action {
    /// Every action, in the order of the contract.
    pub const ALL: [Action; 11] = [
        Action::DismissSignIns,
        Action::ConfirmSignInsSafe,
        Action::ConfirmSignInsCompromised,
        Action::DismissRiskyUsers,
        Action::ConfirmRiskyUsersSafe,
        Action::ConfirmRiskyUsersCompromised,
        Action::DismissRiskyServicePrincipals,
        Action::ConfirmRiskyServicePrincipalsCompromised,
        Action::DismissRiskyAgents,
        Action::ConfirmRiskyAgentsSafe,
        Action::ConfirmRiskyAgentsCompromised,
    ];

    /// The actions that are functions of `actions` too.
    pub const FUNCTIONS: [Action; 4] = [
        Action::DismissSignIns,
        Action::ConfirmSignInsSafe,
        Action::ConfirmSignInsCompromised,
        Action::DismissRiskyUsers,
    ];

    /// The name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Action::DismissSignIns => "dismiss-sign-ins",
            Action::ConfirmSignInsSafe => "confirm-sign-ins-safe",
            Action::ConfirmSignInsCompromised => "confirm-sign-ins-compromised",
            Action::DismissRiskyUsers => "dismiss-risky-users",
            Action::ConfirmRiskyUsersSafe => "confirm-risky-users-safe",
            Action::ConfirmRiskyUsersCompromised => "confirm-risky-users-compromised",
            Action::DismissRiskyServicePrincipals => "dismiss-risky-service-principals",
            Action::ConfirmRiskyServicePrincipalsCompromised => "confirm-risky-service-principals-compromised",
            Action::DismissRiskyAgents => "dismiss-risky-agents",
            Action::ConfirmRiskyAgentsSafe => "confirm-risky-agents-safe",
            Action::ConfirmRiskyAgentsCompromised => "confirm-risky-agents-compromised",
        }
    }
}

impl Credential {
    /// A token.
    pub fn of(token: impl Into<String>) -> Self {
        Credential { bearer: Some(token.into()) }
    }
}

impl Default for Options {
    /// No field set, so that each has the default that the contract documents.
    fn default() -> Self {
        Options {
            tenant: None,
            cloud: None,
            endpoint: None,
            audience: None,
            api_version: None,
            ids_per_request: None,
            max_in_flight: None,
            max_attempts: None,
            attempt_timeout_ms: None,
            deadline_ms: None,
            patience_ms: None,
            isolate_refused: None,
            rate_limit: None,
        }
    }
}

impl Batch {
    /// The outcome and the kind of its error, such as `refused(client-error)`.
    pub fn case(&self) -> String {
        match &self.error {
            None => self.outcome.name().into(),
            Some(error) => format!("{}({})", self.outcome.name(), error.kind.name()),
        }
    }
}

impl Outcome {
    /// The name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::Refused => "refused",
            Outcome::NotApplied => "not-applied",
            Outcome::Unknown => "unknown",
        }
    }
}

impl ErrorKind {
    /// The name in the contract.
    pub fn name(self) -> &'static str {
        ERROR_KINDS[self as usize]
    }
}

impl Error {
    /// The name of its kind.
    pub fn case(&self) -> &'static str {
        self.kind.name()
    }
}

/// The names of the kinds of errors, in the order of the contract.
const ERROR_KINDS: [&str; 15] = [
    "invalid-argument",
    "no-token",
    "denied-by-host",
    "unauthenticated",
    "forbidden",
    "client-error",
    "throttled",
    "server-error",
    "unexpected-status",
    "unreachable",
    "no-response",
    "deadline-exceeded",
    "cancelled",
    "not-attempted",
    "other",
];
