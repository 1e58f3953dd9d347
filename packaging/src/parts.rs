//! The components as cargo builds them, before they are composed and described.

use std::collections::HashMap;

use anyhow::{Context, Result};

use crate::{Cargo, workspace};

/// The plugin and the reader are built alone, as the build scripts build them.
const PLUGIN: &str = "entra-risk";
const READER: &str = "entra-risk-reader";

/// The adapters and apps are built together, which is quick. What one of them needs of a dependency
/// is removed from the others, which do not use it.
const ADAPTERS_AND_APPS: [&str; 5] = [
    "entra-risk-keyvalue-turns",
    "entra-risk-env-token",
    "entra-risk-default-credential",
    "entra-risk-cli",
    "entra-risk-gateway",
];

/// The components of the workspace that products are made of, with their names.
pub(crate) struct Parts(HashMap<&'static str, Vec<u8>>);

impl Parts {
    /// Builds all parts that have changed.
    pub(crate) fn build() -> Result<Parts> {
        let cargo = Cargo::of_workspace(&workspace().join("target"));
        let others = cargo.build(ADAPTERS_AND_APPS, None)?;
        let mut parts: HashMap<_, _> = ADAPTERS_AND_APPS.into_iter().zip(others).collect();
        let [plugin] = cargo.build([PLUGIN], None)?;
        let [with_turns] = cargo.build([PLUGIN], Some("turns"))?;
        let [reader] = cargo.build([READER], None)?;
        parts.extend([(PLUGIN, plugin), ("entra-risk-with-turns", with_turns), (READER, reader)]);
        Ok(Parts(parts))
    }

    /// The part of this name.
    pub(crate) fn get(&self, name: &str) -> Result<&[u8]> {
        self.0.get(name).map(Vec::as_slice).with_context(|| format!("no part is named {name}"))
    }
}
