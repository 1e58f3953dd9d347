//! The generated bindings of the actions, as imports. The fronts map theirs to these, so that all mean one type.
#![expect(missing_docs, reason = "generated")]

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "entra:risk-account/caller",
    generate_all,
});
