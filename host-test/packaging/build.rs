//! Builds the components that `target/dist` is made of: `ENTRA_RISK_WASM` is the file of the plugin, and so on.

use std::error::Error;

use artifact::Component;

fn main() -> Result<(), Box<dyn Error>> {
    artifact::build_script([
        Component { package: "entra-risk", inputs: &["abi", "engine", "src", "wit"] },
        Component { package: "entra-risk-env-token", inputs: &["adapters/env-token", "engine", "wit"] },
        Component {
            package: "entra-risk-client-credentials",
            inputs: &["adapters/client-credentials", "adapters/token-client", "engine", "wit"],
        },
        Component {
            package: "entra-risk-workload-identity",
            inputs: &["adapters/workload-identity", "adapters/token-client", "engine", "wit"],
        },
        Component {
            package: "entra-risk-managed-identity",
            inputs: &["adapters/managed-identity", "adapters/token-client", "engine", "wit"],
        },
        Component {
            package: "entra-risk-cli",
            inputs: &["abi", "apps/cli", "apps/progress/wit", "apps/report", "engine", "wit"],
        },
        Component { package: "entra-risk-progress", inputs: &["apps/progress", "wit"] },
        Component { package: "entra-risk-gateway", inputs: &["abi", "apps/gateway", "apps/report", "engine", "wit"] },
    ])?;
    Ok(())
}
