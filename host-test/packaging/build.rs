//! Builds the components that `target/dist` is made of: `ENTRA_RISK_WASM` is the file of the plugin, and so on.

use std::error::Error;

use artifact::Component;

fn main() -> Result<(), Box<dyn Error>> {
    // Until the apps have moved to `apps/`, they are in `adapters/`: what does not exist is ignored.
    artifact::build_script([
        Component { package: "entra-risk", inputs: &["engine", "src", "wit"] },
        Component { package: "entra-risk-env-token", inputs: &["adapters/env-token"] },
        Component { package: "entra-risk-client-credentials", inputs: &["adapters/client-credentials", "engine"] },
        Component { package: "entra-risk-cli", inputs: &["apps", "adapters/account", "adapters/cli", "engine"] },
        Component {
            package: "entra-risk-gateway",
            inputs: &["apps", "adapters/account", "adapters/gateway", "engine"],
        },
    ])?;
    Ok(())
}
