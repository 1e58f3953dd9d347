//! Composing components of users. `examples/run` composes and runs two of them.

use packaging::compose_playbook;

use crate::compositions::file;

#[test]
fn a_component_that_does_not_call_the_plugin_is_rejected() {
    let error = compose_playbook(&file("entra-risk-cli")).unwrap_err();
    assert!(error.to_string().contains("no matching exports"), "{error:#}");
}
