//! Builds the components that the tests load: the plugin as it is published, whose file is
//! `PLUGIN_WASM`, and the guest that the benchmark compares it with, `BARE_REQUEST_WASM`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use artifact::{Component, PluginWorld};

fn main() -> Result<(), Box<dyn Error>> {
    let [plugin, _] = artifact::build_script([
        Component { package: "entra-risk", feature: None, inputs: &["engine", "src", "wit"] },
        Component { package: "bare-request", feature: None, inputs: &["host-test/guests/bare-request/src"] },
    ])?;
    let published = PathBuf::from(std::env::var("OUT_DIR")?).join("entra-risk.wasm");
    fs::write(&published, artifact::publish_plugin(&fs::read(plugin)?, PluginWorld::Plugin)?)?;
    println!("cargo::rustc-env=PLUGIN_WASM={}", published.display());
    Ok(())
}
