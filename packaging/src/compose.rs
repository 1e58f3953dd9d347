//! Composes components as described by a file in the WAC language.

use std::fs;

use anyhow::{Context, Result};
use wac_graph::EncodeOptions;
use wac_graph::types::BorrowedPackageKey;
use wac_parser::Document;

use crate::{strip_names, workspace};

/// Composes components as `compose/{wac}.wac` describes. `parts` contains the component of each
/// package that the file names.
pub(crate) fn compose(wac: &str, parts: &[(&str, &[u8])]) -> Result<Vec<u8>> {
    let file = workspace().join("compose").join(wac).with_extension("wac");
    let source = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let document = Document::parse(&source)?;
    let packages = parts
        .iter()
        .map(|(name, component)| Ok((BorrowedPackageKey::from_name_and_version(name, None), strip_names(component)?)));
    Ok(document.resolve(packages.collect::<Result<_>>()?)?.encode(EncodeOptions::default())?)
}
