//! What a run plays, and in which way.

use std::fmt;

use host_test::component::PluginComponent;
use host_test::reader::ReaderComponent;

use crate::instances_run::{InstancesRun, plugin_with_turns};
use crate::list_run::ListRun;
use crate::run::Run;
use crate::summary::Summary;
use crate::violation::Violation;

/// In which way a run is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Calls of one instance of the plugin.
    Calls,
    /// Many instances of the plugin that take turns.
    ManyInstances,
    /// Lists of one instance of the reader.
    Lists,
}

/// The component that is played.
#[derive(Clone)]
pub enum Subject {
    /// The plugin.
    Calls(PluginComponent),
    /// The plugin with turns.
    ManyInstances(PluginComponent),
    /// The reader.
    Lists(ReaderComponent),
}

/// A run that was played.
#[derive(Debug)]
pub enum Played {
    /// Of calls.
    Calls(Run),
    /// Of many instances.
    ManyInstances(InstancesRun),
    /// Of lists.
    Lists(ListRun),
}

impl Subject {
    /// The component as users get it.
    ///
    /// # Errors
    /// If it cannot be composed or compiled.
    pub fn of(mode: Mode) -> wasmtime::Result<Subject> {
        Ok(match mode {
            Mode::Calls => Subject::Calls(PluginComponent::shared().clone()),
            Mode::ManyInstances => Subject::ManyInstances(plugin_with_turns()?),
            Mode::Lists => Subject::Lists(ReaderComponent::shared().clone()),
        })
    }

    /// Plays the run of a seed.
    ///
    /// # Errors
    /// If the component cannot be instantiated.
    pub fn play(&self, seed: u64) -> wasmtime::Result<Played> {
        Ok(match self {
            Subject::Calls(plugin) => Played::Calls(Run::play(plugin, seed)?),
            Subject::ManyInstances(plugin) => Played::ManyInstances(InstancesRun::play(plugin, seed)?),
            Subject::Lists(reader) => Played::Lists(ListRun::play(reader, seed)?),
        })
    }
}

impl Played {
    /// The violated invariants.
    pub fn violations(&self) -> &[Violation] {
        match self {
            Played::Calls(run) => &run.violations,
            Played::ManyInstances(run) => &run.violations,
            Played::Lists(run) => &run.violations,
        }
    }

    /// Adds the run to a summary.
    pub fn add_to(self, summary: &mut Summary) {
        match self {
            Played::Calls(run) => summary.add(run),
            Played::ManyInstances(run) => summary.add_instances(run),
            Played::Lists(run) => summary.add_lists(run),
        }
    }
}

impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Played::Calls(run) => run.fmt(f),
            Played::ManyInstances(run) => run.fmt(f),
            Played::Lists(run) => run.fmt(f),
        }
    }
}
