//! Ids from arguments, lists, tables and JSON: each once, in the order given.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use entra_risk_engine::contract::action::Action;
use entra_risk_engine::contract::id::Id;
use entra_risk_engine::contract::printable::quoted;

use crate::hint::Hint;

/// Maximum invalid ids that are listed.
const MAX_LISTED: usize = 20;

/// Maximum characters of a label. With 1,000 ids, a line of the log has less than 1 MiB.
const MAX_LABEL_CHARS: usize = 64;

/// What stands for "no id" in exports and in what is written by scripts, in lower case.
const PLACEHOLDERS: [&str; 7] = ["", "-", "n/a", "null", "nan", "none", "\\n"];

/// The labels of ids, by the numbers of the ids.
pub(crate) type Labels = HashMap<u128, String>;

/// Whether a text stands for "no id".
pub(crate) fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    PLACEHOLDERS.iter().any(|placeholder| text.eq_ignore_ascii_case(placeholder))
}

/// The GUID that programs write where an id is missing.
const ZEROS: &str = "00000000-0000-0000-0000-000000000000";

/// Where an id comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The file, or what else it comes from.
    pub(crate) source: &'a str,
    /// The line, counted from 1.
    pub(crate) line: Option<u64>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.source),
            None => f.write_str(self.source),
        }
    }
}

/// Ids while they are read: those to act on, and those that are invalid.
pub(crate) struct Ids {
    action: &'static Action,
    list: Vec<String>,
    labels: Labels,
    seen: HashSet<u128>,
    repeated: usize,
    /// What the user should know about the input, although it is valid.
    notes: Vec<String>,
    /// Why the input may be the wrong one, although it is valid.
    doubts: Vec<String>,
    /// The ids of logs and reports of earlier runs, in the order of their first lines.
    logged: Vec<String>,
    /// The outcome of these ids according to the last line of each.
    outcomes: HashMap<u128, String>,
    /// A message for each of the first invalid ids.
    errors: Vec<String>,
    invalid: usize,
    hints: Vec<Hint>,
}

/// Ids that were read, each once, in its first spelling.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) ids: Vec<String>,
    /// The labels of the ids that have one.
    pub(crate) labels: Labels,
    /// What the user should know about the input, although it is valid.
    pub(crate) notes: Vec<String>,
    /// Why the input may be the wrong one, although it is valid.
    pub(crate) doubts: Vec<String>,
    /// How the ids were listed, if the command listed them itself.
    pub(crate) listed: Option<Listed>,
}

/// A list that the command made itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// When it was read to its end, since an arbitrary origin.
    pub(crate) end: Duration,
    /// How long that took.
    pub(crate) time: Duration,
    /// The first names in it.
    pub(crate) names: Vec<String>,
}

impl Ids {
    /// No ids yet, for this action.
    pub(crate) fn new(action: &'static Action) -> Self {
        Ids {
            action,
            list: Vec::new(),
            labels: Labels::new(),
            seen: HashSet::new(),
            repeated: 0,
            notes: Vec::new(),
            doubts: Vec::new(),
            logged: Vec::new(),
            outcomes: HashMap::new(),
            errors: Vec::new(),
            invalid: 0,
            hints: Vec::new(),
        }
    }

    /// Adds an id, which may be in braces, with its label. False if it is invalid.
    pub(crate) fn add(&mut self, id: &str, label: Option<&str>, place: Place<'_>) -> bool {
        let Some((plain, number)) = self.parse(id, place) else { return false };
        if self.seen.insert(number) {
            self.list.push(plain.to_owned());
        } else {
            self.repeated = self.repeated.saturating_add(1);
        }
        if let Some(label) = label.filter(|label| !label.is_empty()) {
            self.labels.entry(number).or_insert_with(|| label.chars().take(MAX_LABEL_CHARS).collect());
        }
        true
    }

    /// Adds the outcome of an id in an earlier run, which replaces the one before.
    pub(crate) fn add_outcome(&mut self, id: &str, outcome: &str, place: Place<'_>) {
        let Some((plain, number)) = self.parse(id, place) else { return };
        if self.outcomes.insert(number, outcome.to_owned()).is_none() {
            self.logged.push(plain.to_owned());
        }
    }

    /// Whether logs or reports of earlier runs were read.
    pub(crate) fn has_outcomes(&self) -> bool {
        !self.outcomes.is_empty()
    }

    /// Adds what the user should know about the input, although it is valid.
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Adds why the input may be the wrong one, although it is valid.
    pub(crate) fn doubt(&mut self, doubt: String) {
        if !self.doubts.contains(&doubt) {
            self.doubts.push(doubt);
        }
    }

    /// Adds a hint to the messages about invalid ids.
    pub(crate) fn hint(&mut self, hint: Hint) {
        if !self.hints.contains(&hint) {
            self.hints.push(hint);
        }
    }

    /// What was read; of earlier runs, the ids with one of these outcomes. The error is a line for
    /// each invalid id.
    pub(crate) fn finish(mut self, outcomes: &[&str]) -> Result<Input, Vec<String>> {
        if self.invalid > 0 {
            let unlisted = self.invalid.saturating_sub(self.errors.len());
            if unlisted > 0 {
                self.errors.push(format!("and {unlisted} more invalid ids"));
            }
            self.errors.extend(self.hints.iter().map(|hint| hint.text(self.action)));
            return Err(self.errors);
        }
        let mut others = 0_usize;
        for id in self.logged {
            let number = number(&id);
            let outcome = self.outcomes.get(&number).map(String::as_str).unwrap_or_default();
            if !outcomes.contains(&outcome) {
                others = others.saturating_add(1);
            } else if self.seen.insert(number) {
                self.list.push(id);
            } else {
                self.repeated = self.repeated.saturating_add(1);
            }
        }
        if others > 0 {
            self.notes
                .push(format!("{others} ids of earlier runs have another outcome than {}", outcomes.join(" or ")));
        }
        if self.repeated > 0 {
            self.notes.push(format!("{} repeated ids are sent once", self.repeated));
        }
        let Ids { list: ids, labels, notes, doubts, .. } = self;
        Ok(Input { ids, labels, notes, doubts, ..Input::default() })
    }

    /// An id without braces, and its number. An invalid one is counted and reported.
    fn parse<'a>(&mut self, id: &'a str, place: Place<'_>) -> Option<(&'a str, u128)> {
        let plain = id.strip_prefix('{').and_then(|id| id.strip_suffix('}')).unwrap_or(id);
        if let Some(id) = Id::parse(plain) {
            return Some((plain, id.number()));
        }
        self.invalid = self.invalid.saturating_add(1);
        if let Some(hint) = Hint::of(plain) {
            self.hint(hint);
        }
        if self.errors.len() < MAX_LISTED {
            let shown = quoted(id);
            self.errors.push(match place.line {
                Some(line) if plain == ZEROS => {
                    format!("{place}: line {line} has {shown}, which stands for a missing id")
                }
                _ => format!("{place}: expected an id (a hyphenated GUID, not all zeros); got {shown}"),
            });
        }
        None
    }
}

/// The number of an id, whatever the case of its letters.
pub(crate) fn number(id: &str) -> u128 {
    Id::parse(id).map(|id| id.number()).unwrap_or_default()
}

/// Which of these ids are not among the others, whatever the case of their letters.
pub(crate) fn without(ids: Vec<String>, others: &mut dyn Iterator<Item = &str>) -> Vec<String> {
    let others: HashSet<u128> = others.map(number).collect();
    ids.into_iter().filter(|id| !others.contains(&number(id))).collect()
}

#[cfg(test)]
// The fuzz target includes this file by its path.
#[path = "ids/tests.rs"]
mod tests;
