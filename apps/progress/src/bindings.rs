//! The generated bindings.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    unsafe_code,
    clippy::all,
    clippy::restriction,
    reason = "generated code"
)]

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "entra:risk-progress/progress",
    generate_all,
    pub_export_macro: true,
});
