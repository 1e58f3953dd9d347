//! The generated bindings of what the adapters share: the interface they export, and the imports that all of them use.
#![allow(missing_docs, unsafe_code, clippy::all, clippy::restriction, reason = "generated code")]

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "entra:risk-token-client/token-client",
    generate_all,
    pub_export_macro: true,
});
