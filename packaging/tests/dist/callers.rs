//! Composing components of users. `examples/run` composes and runs two of them.

use std::fs;

use packaging::compose_caller;

use crate::compositions::file;

#[test]
fn a_component_that_does_not_call_the_plugin_is_rejected() {
    let error = compose_caller(&fs::read(file("entra-risk-cli")).unwrap()).unwrap_err();
    assert!(error.to_string().contains("no matching exports"), "{error:#}");
}
