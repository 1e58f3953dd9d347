//! Builds, composes and describes `target/dist`: the plugin, its adapters, and the apps composed
//! with them, each with its name, version, description, license and documentation inside. The
//! command that packages contain is in `target/packages`.

mod build_script;
mod cargo;
mod compose;
mod names;
mod parts;
mod product;
mod publish;

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result};
pub use build_script::build_script;
pub use cargo::Cargo;
use names::strip_names;
use parts::Parts;
pub use product::{PRODUCTS, Product, compose_caller, compose_turns};
use publish::{World, publish_world};

/// The folder of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder of the products.
pub fn folder() -> PathBuf {
    workspace().join("target/dist")
}

/// Builds and writes all products, removes components that are none of them, and returns the files
/// and their sizes in bytes. Each file is replaced in one step, so that another process never reads
/// a part of it.
///
/// # Errors
/// If a component cannot be built, composed or written.
pub fn write() -> Result<Vec<(String, usize)>> {
    let parts = Parts::build()?;
    let mut written = Vec::new();
    for product in PRODUCTS {
        let bytes = product.make_from(&parts)?;
        let file = product.file();
        fs::create_dir_all(file.parent().context("a file is in a folder")?)?;
        let temporary = file.with_extension(process::id().to_string());
        fs::write(&temporary, &bytes)?;
        fs::rename(&temporary, &file)?;
        written.push((file.strip_prefix(workspace())?.display().to_string(), bytes.len()));
    }
    for entry in fs::read_dir(folder())? {
        let file = entry?.path();
        let is_component = file.extension().is_some_and(|extension| extension == "wasm");
        if is_component && PRODUCTS.iter().all(|product| product.file() != file) {
            fs::remove_file(file)?;
        }
    }
    Ok(written)
}
