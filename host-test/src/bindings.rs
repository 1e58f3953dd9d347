//! The plugin's world as a wasmtime host sees it, generated from `wit/`.

#[expect(missing_docs, reason = "generated: the documentation is in wit/")]
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        // The plugin's world without WASI, because the bindings of WASI are in the crates of wasmtime.
        inline: "
            package entra:host-test;
            world plugin {
                import entra:risk/credentials@0.1.0;
                export entra:risk/actions@0.1.0;
            }
        ",
        imports: { default: async },
        exports: { default: async },
        additional_derives: [PartialEq],
    });
}

pub use generated::entra::risk::credentials;
pub use generated::exports::entra::risk::actions;
pub use generated::{Plugin, PluginPre};

use actions::{Error, GraphError, Options, Outcome};

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

impl Outcome {
    /// The case and the error in it, such as `refused(throttled)`.
    pub fn case(&self) -> String {
        match self {
            Outcome::Accepted(_) => "accepted".into(),
            Outcome::Refused(error) => format!("refused({})", error.case()),
            Outcome::NotApplied(error) => format!("not-applied({})", error.case()),
            Outcome::Unknown(error) => format!("unknown({})", error.case()),
        }
    }
}

impl Error {
    /// The name of the case in the contract.
    pub fn case(&self) -> &'static str {
        match self {
            Error::InvalidArgument(_) => "invalid-argument",
            Error::NoToken(_) => "no-token",
            Error::DeniedByHost(_) => "denied-by-host",
            Error::Unauthenticated(_) => "unauthenticated",
            Error::Forbidden(_) => "forbidden",
            Error::ClientError(_) => "client-error",
            Error::Throttled(_) => "throttled",
            Error::ServerError(_) => "server-error",
            Error::UnexpectedStatus(_) => "unexpected-status",
            Error::Unreachable(_) => "unreachable",
            Error::NoResponse(_) => "no-response",
            Error::DeadlineExceeded => "deadline-exceeded",
            Error::Cancelled => "cancelled",
            Error::NotAttempted => "not-attempted",
            Error::Other(_) => "other",
        }
    }

    /// The response of Microsoft Graph, if the error contains one.
    pub fn graph_error(&self) -> Option<&GraphError> {
        match self {
            Error::Unauthenticated(error)
            | Error::Forbidden(error)
            | Error::ClientError(error)
            | Error::Throttled(error)
            | Error::ServerError(error)
            | Error::UnexpectedStatus(error) => Some(error),
            _ => None,
        }
    }
}
