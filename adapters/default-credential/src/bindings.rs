//! The generated bindings of the adapter's world.
#![allow(missing_docs, unsafe_code, clippy::all, clippy::restriction, reason = "generated code")]

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "entra:risk-default-credential/default-credential",
    generate_all,
});
