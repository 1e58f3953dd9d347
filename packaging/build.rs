//! Builds the components that `target/dist` is made of: `ENTRA_RISK_WASM` is the file of the
//! plugin, and so on.

use std::error::Error;

use artifact::Component;

fn main() -> Result<(), Box<dyn Error>> {
    artifact::build_script([
        Component { package: "entra-risk", feature: None, inputs: &["engine", "src", "wit"] },
        Component { package: "entra-risk", feature: Some("turns"), inputs: &["engine", "src", "wit"] },
        Component {
            package: "entra-risk-keyvalue-turns",
            feature: None,
            inputs: &["adapters/keyvalue-turns", "engine", "wit"],
        },
        Component { package: "entra-risk-env-token", feature: None, inputs: &["adapters/env-token", "adapters/common", "engine", "wit"] },
        Component {
            package: "entra-risk-default-credential",
            feature: None,
            inputs: &["adapters/default-credential", "adapters/common", "engine", "wit"],
        },
        Component { package: "entra-risk-cli", feature: None, inputs: &["apps/cli", "apps/common", "engine", "wit"] },
        Component {
            package: "entra-risk-gateway",
            feature: None,
            inputs: &["apps/gateway", "apps/common", "engine", "wit"],
        },
        Component {
            package: "entra-risk-tools",
            feature: None,
            inputs: &["apps/tools", "apps/common", "engine", "wit"],
        },
    ])?;
    Ok(())
}
