//! Builds the plugin as it is published, so that the library contains it.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use artifact::{Component, PluginWorld};

fn main() -> Result<(), Box<dyn Error>> {
    let [plugin] = artifact::build_script([Component {
        package: "entra-risk",
        feature: None,
        inputs: &["engine", "src", "wit"],
    }])?;
    let published = PathBuf::from(std::env::var("OUT_DIR")?).join("entra-risk.wasm");
    fs::write(published, artifact::publish_plugin(&fs::read(plugin)?, PluginWorld::Plugin)?)?;
    Ok(())
}
