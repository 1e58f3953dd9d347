//! The generated bindings of the plugin. The bindings of each app refer to these, so that all of
//! them have the same types.

#![expect(missing_docs, reason = "generated code")]
#![allow(unsafe_code, dead_code, clippy::all, clippy::restriction, reason = "generated code")]

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "entra:risk-common/caller",
    generate_all,
    generate_unused_types: true,
});
