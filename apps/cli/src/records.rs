//! The records of a JSON text: which of their members holds ids, and what they say about them.

use std::cell::Cell;
use std::rc::Rc;

use entra_risk_engine::contract::printable::quoted;
use serde::de::Error;

use crate::column::{doubt, ids_of, known, list};
use crate::ids::{Ids, Place, is_placeholder};
use crate::table::position;
use crate::wanted::Wanted;

/// The records of a JSON text that is being read.
pub(crate) struct Records<'a> {
    wanted: &'a Wanted<'a>,
    ids: &'a mut Ids,
    source: &'a str,
    line: Rc<Cell<u64>>,
    /// The members of the first record.
    names: Vec<String>,
    /// The member with ids.
    id: Option<String>,
    /// A record has this member.
    is_found: bool,
    /// Elements and records without an id.
    empty: usize,
    /// Arrays around the value that is read.
    pub(crate) depth: usize,
    /// Why reading ended, if it was not the JSON.
    pub(crate) error: Option<String>,
}

/// A member of an object, as far as it matters.
#[derive(Debug)]
pub(crate) enum Member {
    /// A string.
    Text(String),
    /// Null.
    Null,
    /// An array of strings, with the line of each.
    Texts(Vec<(String, u64)>),
    /// What was read already.
    Read,
    /// Something else.
    Other,
}

impl<'a> Records<'a> {
    /// No records yet. `line` is that of the text while it is read.
    pub(crate) fn new(wanted: &'a Wanted<'a>, ids: &'a mut Ids, source: &'a str, line: Rc<Cell<u64>>) -> Self {
        Records {
            wanted,
            ids,
            source,
            line,
            names: Vec::new(),
            id: None,
            is_found: false,
            empty: 0,
            depth: 0,
            error: None,
        }
    }

    /// The line that is being read.
    pub(crate) fn line(&self) -> u64 {
        self.line.get()
    }

    fn place(&self) -> Place<'a> {
        Place { source: self.source, line: Some(self.line.get()) }
    }

    /// Adds an id that is not in a record, or counts what stands for a missing one.
    pub(crate) fn add(&mut self, id: &str, label: Option<&str>) {
        if is_placeholder(id) {
            self.empty = self.empty.saturating_add(1);
        } else {
            let place = self.place();
            self.ids.add(id.trim(), label, place);
        }
    }

    /// Ends reading with this message.
    pub(crate) fn fail<E: Error>(&mut self, message: String) -> E {
        self.error = Some(message);
        E::custom("")
    }

    /// Checks that a log or a report is one of this action.
    pub(crate) fn check_action(&self, action: &str) -> Result<(), String> {
        let wanted = self.wanted.action.name;
        if action == wanted {
            return Ok(());
        }
        let (place, action) = (self.place(), quoted(action));
        Err(format!("{place}: is about the action {action}, not about {wanted}"))
    }

    /// Notes that Microsoft Graph has more pages than this one.
    pub(crate) fn note_next_page(&mut self) {
        self.ids.note(format!("{} has an @odata.nextLink: it is one page of several", self.source));
    }

    /// Adds ids of a log or a report.
    pub(crate) fn add_outcome(&mut self, ids: &[(String, u64)], outcome: &str) {
        for (id, line) in ids {
            self.ids.add_outcome(id, outcome, Place { source: self.source, line: Some(*line) });
        }
    }

    /// Whether a member of a record matters. All names of the first record do.
    pub(crate) fn keeps(&self, name: &str) -> bool {
        let is_named = |wanted: Option<&str>| wanted.is_some_and(|wanted| name.eq_ignore_ascii_case(wanted.trim()));
        self.names.is_empty() || is_named(self.id.as_deref()) || is_named(self.wanted.label)
    }

    /// Adds the id of a record.
    pub(crate) fn add_record(&mut self, members: &[(String, Member)]) -> Result<(), String> {
        let names: Vec<String> = members.iter().map(|(name, _)| name.clone()).collect();
        if self.names.is_empty() {
            self.names.clone_from(&names);
            self.choose(&names)?;
        }
        let place = self.place();
        let at_place = |message| format!("{place}: {message}");
        let id = self.id.as_deref().map_or(Ok(None), |id| position(&names, id)).map_err(at_place)?;
        let label = self.wanted.label.map_or(Ok(None), |label| position(&names, label)).map_err(at_place)?;
        let text = |position: Option<usize>| match members.get(position?) {
            Some((_, Member::Text(text))) => Some(text.as_str()),
            _ => None,
        };
        match id.and_then(|id| members.get(id)) {
            None | Some((_, Member::Null)) => self.empty = self.empty.saturating_add(1),
            Some((_, Member::Text(id))) => self.add(id, text(label)),
            Some((name, _)) => {
                return Err(format!("{place}: expected a string as {}", quoted(name)));
            }
        }
        self.is_found |= id.is_some();
        Ok(())
    }

    /// Chooses the member with ids at the first record.
    fn choose(&mut self, names: &[String]) -> Result<(), String> {
        let action = self.wanted.action;
        let chosen = match self.wanted.column {
            Some(column) => position(names, column)?,
            None => known(action, names),
        };
        self.id = match self.wanted.column {
            Some(column) => Some(column.to_owned()),
            None => chosen.and_then(|chosen| names.get(chosen)).cloned(),
        };
        if let Some(doubt) = chosen.and_then(|chosen| doubt(action, names, chosen)) {
            self.ids.doubt(format!("{}: {doubt}", self.source));
        }
        if self.id.is_some() {
            return Ok(());
        }
        let (place, needed, names) = (self.place(), ids_of(action), list(names));
        Err(format!("{place}: no member is known to hold {needed}: name one with --column; there are {names}"))
    }

    /// Notes the records without an id. The error is that no record has the member with ids.
    pub(crate) fn finish(self) -> Result<(), String> {
        let Some(id) = self.id else {
            if self.empty > 0 {
                self.ids.note(format!("{} entries of {} are placeholders without an id", self.empty, self.source));
            }
            return Ok(());
        };
        let (source, id) = (self.source, quoted(&id));
        if !self.is_found {
            return Err(format!("{source}: no record has a member {id}; the first one has {}", list(&self.names)));
        }
        if self.empty > 0 {
            self.ids.note(format!("{} records of {source} have no {id}", self.empty));
        }
        Ok(())
    }
}
