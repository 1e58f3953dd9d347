//! The types of the actions. The bindings of each app refer to these, so that the types are the same in all of them. The
//! functions are in the module `call`.
#![expect(missing_docs, reason = "generated code")]
#![allow(unsafe_code, dead_code, clippy::all, clippy::restriction, reason = "generated code")]

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "entra:risk-report/caller",
    generate_all,
    generate_unused_types: true,
    skip: ["dismiss-sign-ins", "confirm-sign-ins-safe", "confirm-sign-ins-compromised", "dismiss-risky-users"],
});
