//! Builds the WebAssembly components of this workspace and turns them into what is published. Build
//! scripts use it, so that a test loads the very bytes that users get.

mod cargo;
mod names;
mod publish;

use std::path::{Path, PathBuf};

pub use cargo::{Cargo, Component, build_script, remap_path_prefix, target_dir};
pub use names::strip_names;
pub use publish::{About, PluginWorld, function_docs, publish, publish_plugin};

/// The folder of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
