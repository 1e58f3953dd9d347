//! The worlds of the plugin and the reader as a wasmtime host sees them, generated from `wit/`.

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        // The plugin's world without WASI, because the bindings of WASI are in the crates of
        // wasmtime. `calls` takes its types from `actions`.
        inline: "
            package entra:host;
            world plugin {
                import entra:risk/credentials@0.1.0;
                export entra:risk/actions@0.1.0;
                export entra:risk/calls@0.1.0;
            }
        ",
        imports: { default: async },
        exports: { default: async },
        additional_derives: [PartialEq],
    });
}

mod generated_reader {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package entra:host;
            world reader {
                import entra:risk/credentials@0.1.0;
                export entra:risk/queries@0.1.0;
            }
        ",
        imports: { default: async },
        exports: { default: async },
        with: { "entra:risk/credentials@0.1.0": super::generated::entra::risk::credentials },
    });
}

pub(crate) use generated::entra::risk::credentials;
pub(crate) use generated::exports::entra::risk::{actions, calls};
pub(crate) use generated::{Plugin, PluginPre};
pub(crate) use generated_reader::exports::entra::risk::queries;
pub(crate) use generated_reader::{Reader, ReaderPre};
