//! The generated bindings of the command's world. The plugin's are those of `entra-risk-common`.
#![allow(unreachable_pub, unsafe_code, clippy::all, clippy::restriction, reason = "generated code")]

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "entra:risk-cli/command",
    features: ["cli-exit-with-code"],
    with: {
        "entra:risk/actions@0.1.0": entra_risk_common::actions,
        "entra:risk/calls@0.1.0": entra_risk_common::calls,
        "wasi:io/error@0.2.2": entra_risk_common::io::error,
        "wasi:io/poll@0.2.2": entra_risk_common::io::poll,
        "wasi:io/streams@0.2.2": entra_risk_common::io::streams,
    },
    generate_all,
    pub_export_macro: true,
});

// Only for WebAssembly: native linkers reject the names of the exports.
#[cfg(target_arch = "wasm32")]
export!(Component with_types_in self);

#[cfg(target_arch = "wasm32")]
use crate::Component;
