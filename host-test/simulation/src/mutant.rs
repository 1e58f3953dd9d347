//! A mutant: a copy of the plugin with one change that violates an invariant. An invariant that no
//! mutant violates is not known to be checked.

use std::fmt::Debug;
use std::fs;
use std::io;
use std::path::Path;

use host_test::component::PluginComponent;
use packaging::{Cargo, workspace};
use wasmtime::error::Context;
use wasmtime::{Config, Error, Result};

use crate::instances_run::InstancesRun;
use crate::run::Run;
use crate::source::{Changed, Source};

/// One change of the plugin's source, and the invariant that it violates.
#[derive(Debug, Clone, Copy)]
pub struct Mutant {
    /// What it does wrong.
    pub name: &'static str,
    /// The invariant that it violates.
    pub violates: &'static str,
    /// Whether it is played with many instances that take turns.
    pub takes_turns: bool,
    /// The function that is changed: `Type::function`, or the name of a function or a constant that
    /// is in no `impl` block.
    function: &'static str,
    /// The tokens that are replaced, which occur once in the function. Without them, the whole body
    /// is replaced.
    from: Option<&'static str>,
    to: &'static str,
}

/// A mutant in whose `function` the tokens `from` are replaced.
pub(crate) const fn mutant(
    name: &'static str,
    violates: &'static str,
    function: &'static str,
    from: &'static str,
    to: &'static str,
) -> Mutant {
    Mutant { name, violates, takes_turns: false, function, from: Some(from), to }
}

/// A mutant in which the body of `function` is replaced.
pub(crate) const fn mutant_body(
    name: &'static str,
    violates: &'static str,
    function: &'static str,
    to: &'static str,
) -> Mutant {
    Mutant { name, violates, takes_turns: false, function, from: None, to }
}

/// What the plugin is built from, as far as it exists.
const INPUTS: &[&str] = &["Cargo.lock", "adapters/keyvalue-turns", "engine", "src", "wit"];

/// The part of it that mutants change.
const SOURCES: &[&str] = &["adapters/keyvalue-turns/src", "engine/src", "src"];

/// The source that mutants change.
pub(crate) fn plugin_source() -> Result<Source> {
    Source::read(&workspace(), SOURCES)
}

impl Mutant {
    /// The same mutant, played with many instances that take turns.
    pub(crate) fn with_turns(self) -> Mutant {
        Mutant { takes_turns: true, ..self }
    }

    /// The file that is changed, and what it contains then.
    pub(crate) fn change(&self, source: &Source) -> Result<Changed> {
        match self.from {
            Some(from) => source.replace(self.function, from, self.to),
            None => source.replace_body(self.function, self.to),
        }
    }

    /// Builds the mutant in `target/mutants`.
    ///
    /// # Errors
    /// If the mutant does not build, or if the source has changed so that the change no longer
    /// applies.
    pub fn build(&self) -> Result<PluginComponent> {
        let cargo = self.copy()?;
        let mut bytes = self.build_part(&cargo, "entra-risk", self.takes_turns.then_some("turns"))?;
        if self.takes_turns {
            let turns = self.build_part(&cargo, "entra-risk-keyvalue-turns", None)?;
            bytes = packaging::compose_turns(&bytes, &turns).map_err(|error| self.error(&error))?;
        }
        PluginComponent::from_binary_with_store(&bytes, &Config::new())
    }

    fn build_part(&self, cargo: &Cargo, package: &str, feature: Option<&str>) -> Result<Vec<u8>> {
        let [part] = cargo.build([package], feature).map_err(|error| self.error(&error))?;
        Ok(part)
    }

    fn error(&self, error: &dyn Debug) -> Error {
        Error::msg(format!("{}: {error:?}", self.name))
    }

    /// Copies what the plugin is built from, with the change.
    fn copy(&self) -> Result<Cargo> {
        let workspace = workspace();
        let target_dir = workspace.join("target/mutants");
        let copy = target_dir.join("source");
        if copy.exists() {
            fs::remove_dir_all(&copy)?;
        }
        fs::create_dir_all(&copy)?;
        for input in INPUTS.iter().filter(|input| workspace.join(input).exists()) {
            copy_all(&workspace.join(input), &copy.join(input))?;
        }
        fs::write(copy.join("Cargo.toml"), without_other_members(&fs::read_to_string(workspace.join("Cargo.toml"))?))?;
        let changed = self.change(&plugin_source()?).context(self.name)?;
        fs::write(copy.join(changed.path), changed.text)?;
        Ok(Cargo { folder: workspace, manifest: copy.join("Cargo.toml"), target_dir, is_quick: true })
    }

    /// The first of these seeds in which the simulation catches the mutant.
    ///
    /// # Errors
    /// If the mutant cannot be instantiated.
    pub fn first_caught(&self, plugin: &PluginComponent, seeds: impl IntoIterator<Item = u64>) -> Result<Option<u64>> {
        for seed in seeds {
            let violations = match self.takes_turns {
                true => InstancesRun::play(plugin, seed)?.violations,
                false => Run::play(plugin, seed)?.violations,
            };
            if violations.iter().any(|violation| violation.invariant == self.violates) {
                return Ok(Some(seed));
            }
        }
        Ok(None)
    }
}

/// The manifest of a workspace that contains only the plugin and the crates in it that the plugin
/// depends on.
fn without_other_members(manifest: &str) -> String {
    let rest = manifest.find("[workspace.package]").and_then(|start| manifest.get(start..)).unwrap_or(manifest);
    format!("[workspace]\nmembers = [\"adapters/keyvalue-turns\"]\n\n{rest}")
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    if !from.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        copy_all(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}
