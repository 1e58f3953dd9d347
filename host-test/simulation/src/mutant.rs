//! A mutant: a copy of the plugin or the reader with one change that violates an invariant. An
//! invariant that no mutant violates is not known to be checked.

use std::fmt::Debug;
use std::fs;
use std::io;
use std::path::Path;

use host_test::component::PluginComponent;
use host_test::reader::ReaderComponent;
use packaging::{Cargo, workspace};
use wasmtime::error::Context;
use wasmtime::{Config, Error, Result};

use crate::source::{Changed, Source};
use crate::subject::{Mode, Subject};

/// One change of the plugin's source, and the invariant that it violates.
#[derive(Debug, Clone, Copy)]
pub struct Mutant {
    /// What it does wrong.
    pub name: &'static str,
    /// The invariant that it violates.
    pub violates: &'static str,
    /// How it is played.
    pub mode: Mode,
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
    Mutant { name, violates, mode: Mode::Calls, function, from: Some(from), to }
}

/// A mutant in which the body of `function` is replaced.
pub(crate) const fn mutant_body(
    name: &'static str,
    violates: &'static str,
    function: &'static str,
    to: &'static str,
) -> Mutant {
    Mutant { name, violates, mode: Mode::Calls, function, from: None, to }
}

/// What the plugin and the reader are built from, as far as it exists.
const INPUTS: &[&str] = &["Cargo.lock", "adapters/keyvalue-turns", "engine", "reader", "src", "transport", "wit"];

/// The source that mutants change: that of the plugin, or of the reader.
pub(crate) fn source(mode: Mode) -> Result<Source> {
    let own: &[&str] = match mode {
        Mode::Calls | Mode::ManyInstances => &["adapters/keyvalue-turns/src", "src"],
        Mode::Lists => &["reader/src"],
    };
    Source::read(&workspace(), &[&["engine/src", "transport/src"], own].concat())
}

impl Mutant {
    /// The same mutant, played in this way.
    pub(crate) fn played(self, mode: Mode) -> Mutant {
        Mutant { mode, ..self }
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
    pub fn build(&self) -> Result<Subject> {
        let cargo = self.copy()?;
        Ok(match self.mode {
            Mode::Calls => {
                let bytes = self.build_part(&cargo, "entra-risk", None)?;
                Subject::Calls(PluginComponent::from_binary_with_store(&bytes, &Config::new())?)
            }
            Mode::ManyInstances => {
                let plugin = self.build_part(&cargo, "entra-risk", Some("turns"))?;
                let turns = self.build_part(&cargo, "entra-risk-keyvalue-turns", None)?;
                let bytes = packaging::compose_turns(&plugin, &turns).map_err(|error| self.error(&error))?;
                Subject::ManyInstances(PluginComponent::from_binary_with_store(&bytes, &Config::new())?)
            }
            Mode::Lists => {
                let bytes = self.build_part(&cargo, "entra-risk-reader", None)?;
                Subject::Lists(ReaderComponent::from_binary(&bytes)?)
            }
        })
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
        let changed = self.change(&source(self.mode)?).context(self.name)?;
        fs::write(copy.join(changed.path), changed.text)?;
        Ok(Cargo { folder: workspace, manifest: copy.join("Cargo.toml"), target_dir, is_quick: true })
    }

    /// The first of these seeds in which the simulation catches the mutant.
    ///
    /// # Errors
    /// If the mutant cannot be instantiated.
    pub fn first_caught(&self, subject: &Subject, seeds: impl IntoIterator<Item = u64>) -> Result<Option<u64>> {
        for seed in seeds {
            if subject.play(seed)?.violations().iter().any(|violation| violation.invariant == self.violates) {
                return Ok(Some(seed));
            }
        }
        Ok(None)
    }
}

/// The manifest of a workspace that contains only the plugin, the reader, and the crates in it that
/// they depend on.
fn without_other_members(manifest: &str) -> String {
    let rest = manifest.find("[workspace.package]").and_then(|start| manifest.get(start..)).unwrap_or(manifest);
    format!("[workspace]\nmembers = [\"adapters/keyvalue-turns\", \"reader\"]\n\n{rest}")
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
