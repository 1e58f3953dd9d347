//! The plugin's world as a wasmtime host sees it, made from `wit/`.

#[expect(missing_docs, reason = "generated: the documentation is in wit/")]
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        // The plugin's world without wasi, of which the bindings are in the crates of wasmtime.
        inline: "
            package entra:host-test;
            world plugin {
                import entra:risk/credentials@0.1.0;
                export entra:risk/actions@0.1.0;
            }
        ",
        exports: { default: async },
        additional_derives: [PartialEq],
    });
}

pub use generated::entra::risk::credentials;
pub use generated::exports::entra::risk::actions;
pub use generated::{Plugin, PluginPre};

impl Default for actions::Options {
    /// No field given: what the contract documents as default for each.
    fn default() -> Self {
        actions::Options {
            cloud: None,
            endpoint: None,
            api_version: None,
            ids_per_request: None,
            max_in_flight: None,
            max_attempts: None,
            attempt_timeout_ms: None,
            deadline_ms: None,
            pace: None,
        }
    }
}
