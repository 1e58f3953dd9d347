//! Builds the plugin as it is published: `PLUGIN_WASM` is its file, which the tests load.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rustc-env=PLUGIN_WASM={}", packaging::build_script()?.display());
    Ok(())
}
