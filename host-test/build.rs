//! Builds the plugin as it is published, which the tests load: its file is `PLUGIN_WASM`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use artifact::{Component, PluginWorld};

fn main() -> Result<(), Box<dyn Error>> {
    let plugin = Component { package: "entra-risk", feature: None, inputs: &["engine", "src", "wit"] };
    let [plugin] = artifact::build_script([plugin])?;
    let published = PathBuf::from(std::env::var("OUT_DIR")?).join("entra-risk.wasm");
    fs::write(&published, artifact::publish_plugin(&fs::read(plugin)?, PluginWorld::Plugin)?)?;
    println!("cargo::rustc-env=PLUGIN_WASM={}", published.display());
    Ok(())
}
