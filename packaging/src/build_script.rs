//! The body of a build script whose crate loads or contains the plugin and the reader.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{Cargo, World, publish_world, workspace};

/// What the plugin and the reader are built from, relative to the workspace.
const INPUTS: [&str; 9] = [
    ".cargo/config.toml",
    "Cargo.lock",
    "Cargo.toml",
    "engine",
    "reader",
    "rust-toolchain.toml",
    "src",
    "transport",
    "wit",
];

/// Builds the plugin and the reader as they are published, makes the build script run again
/// whenever one of their sources changes, and returns the folder, which is `OUT_DIR`, with
/// `entra-risk.wasm` and `entra-risk-reader.wasm`.
///
/// # Errors
/// If one of the two does not build, or outside a build script.
pub fn build_script() -> Result<PathBuf> {
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is not set")?);
    println!("cargo::rerun-if-changed=build.rs");
    for input in INPUTS {
        println!("cargo::rerun-if-changed={}", workspace().join(input).display());
    }
    let cargo = Cargo::of_workspace(target_dir(&out_dir).context("OUT_DIR is not in a target folder")?);
    for (name, world) in [("entra-risk", World::Plugin), ("entra-risk-reader", World::Reader)] {
        let [component] = cargo.build([name], None)?;
        fs::write(out_dir.join(name).with_extension("wasm"), publish_world(&component, world)?)?;
    }
    Ok(out_dir)
}

/// The target folder that contains `OUT_DIR`, which is `target/PROFILE/build/PACKAGE/out`.
fn target_dir(out_dir: &Path) -> Option<&Path> {
    out_dir.ancestors().nth(4)
}
