//! Composes components as described by a file in the WAC language.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use artifact::strip_names;
use wac_graph::EncodeOptions;
use wac_parser::Document;
use wac_resolver::{FileSystemPackageResolver, packages};

/// Composes components. `parts` contains the file of each package that the WAC file names.
pub(crate) fn compose(wac: &Path, parts: HashMap<String, PathBuf>) -> Result<Vec<u8>> {
    let source = fs::read_to_string(wac).with_context(|| wac.display().to_string())?;
    let document = Document::parse(&source)?;
    let mut packages = FileSystemPackageResolver::new("", parts, true).resolve(&packages(&document)?)?;
    for part in packages.values_mut() {
        *part = strip_names(part)?;
    }
    Ok(document.resolve(packages)?.encode(EncodeOptions::default())?)
}
