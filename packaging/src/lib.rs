//! Makes `target/dist`: the plugin, its adapters, and the command and the gateway composed with
//! them, each with its name, version, description, licence and documentation inside.

mod compose;
mod product;

use std::fs;
use std::path::PathBuf;
use std::process;

use anyhow::Result;
pub use product::{PRODUCTS, Product, compose_playbook, compose_turns};

/// The folder of the products.
pub fn folder() -> PathBuf {
    artifact::workspace().join("target/dist")
}

/// Writes all products, and returns their names and sizes in bytes. Each file is replaced in one
/// step, so that another process never reads a part of it.
///
/// # Errors
/// If a component cannot be composed or written.
pub fn write() -> Result<Vec<(&'static str, usize)>> {
    fs::create_dir_all(folder())?;
    let mut written = Vec::new();
    for product in PRODUCTS {
        let bytes = product.make()?;
        let file = product.file();
        let temporary = file.with_extension(process::id().to_string());
        fs::write(&temporary, &bytes)?;
        fs::rename(&temporary, &file)?;
        written.push((product.name, bytes.len()));
    }
    Ok(written)
}

impl Product {
    /// Its file in `target/dist`.
    pub fn file(&self) -> PathBuf {
        folder().join(self.name).with_extension("wasm")
    }
}
