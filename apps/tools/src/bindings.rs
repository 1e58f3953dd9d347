//! The generated bindings of the world of the tools. The types of the calls are those of
//! `entra-risk-common`.
#![allow(unreachable_pub, unsafe_code, clippy::all, clippy::restriction, reason = "generated code")]

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "entra:risk-tools/tools",
    with: {
        "entra:risk/actions@0.1.0": entra_risk_common::actions,
        "entra:risk/calls@0.1.0": entra_risk_common::calls,
    },
    generate_all,
    pub_export_macro: true,
});

// Only for WebAssembly: native linkers reject the names of the exports.
#[cfg(target_arch = "wasm32")]
export!(Tools with_types_in self);

#[cfg(target_arch = "wasm32")]
use crate::Tools;
