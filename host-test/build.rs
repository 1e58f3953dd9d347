//! Builds the plugin and the reader as they are published: `PLUGIN_WASM` and `READER_WASM` are the
//! files, which the tests load.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = packaging::build_script()?;
    println!("cargo::rustc-env=PLUGIN_WASM={}", folder.join("entra-risk.wasm").display());
    println!("cargo::rustc-env=READER_WASM={}", folder.join("entra-risk-reader.wasm").display());
    Ok(())
}
