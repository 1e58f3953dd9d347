//! The generated bindings of the actions as imports. The bindings of each app refer to these, so that the types are the
//! same in all of them.
#![expect(missing_docs, reason = "generated code")]
#![allow(unsafe_code, clippy::all, clippy::restriction, reason = "generated code")]

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "entra:risk-report/caller",
    generate_all,
});
