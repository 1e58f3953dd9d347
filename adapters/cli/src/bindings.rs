//! The generated bindings of the command's world.

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "entra:risk-cli/command",
    features: ["cli-exit-with-code"],
    with: { "entra:risk/actions@0.1.0": entra_risk_account::actions },
    generate_all,
    pub_export_macro: true,
});
