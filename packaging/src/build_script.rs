//! The body of a build script whose crate loads or contains the plugin.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{Cargo, PluginWorld, publish_plugin, workspace};

/// What the plugin is built from, relative to the workspace.
const INPUTS: [&str; 8] =
    [".cargo/config.toml", "Cargo.lock", "Cargo.toml", "engine", "rust-toolchain.toml", "src", "transport", "wit"];

/// Builds the plugin as it is published into `OUT_DIR`, makes the build script run again whenever
/// one of its sources changes, and returns its file, `entra-risk.wasm`.
///
/// # Errors
/// If the plugin does not build, or outside a build script.
pub fn build_script() -> Result<PathBuf> {
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is not set")?);
    println!("cargo::rerun-if-changed=build.rs");
    for input in INPUTS {
        println!("cargo::rerun-if-changed={}", workspace().join(input).display());
    }
    let cargo = Cargo::of_workspace(target_dir(&out_dir).context("OUT_DIR is not in a target folder")?);
    let [plugin] = cargo.build(["entra-risk"], None)?;
    let file = out_dir.join("entra-risk.wasm");
    fs::write(&file, publish_plugin(&plugin, PluginWorld::Plugin)?)?;
    Ok(file)
}

/// The target folder that contains `OUT_DIR`, which is `target/PROFILE/build/PACKAGE/out`.
fn target_dir(out_dir: &Path) -> Option<&Path> {
    out_dir.ancestors().nth(4)
}
