//! The file of `--refused`: the ids that Microsoft Graph refused and has not accepted since, those
//! of earlier runs included.

use std::mem;

use entra_risk_common::actions::{Batch, Outcome};
use entra_risk_engine::contract::action::Action;

use crate::ids::without;
use crate::list::List;

/// The file of `--refused`, and the ids in it.
pub(crate) struct Refused {
    list: List,
    ids: Vec<String>,
}

impl Refused {
    /// Reads the file, without changing it.
    pub(crate) fn open(path: &str, action: &'static Action) -> Result<Self, String> {
        let list = List::open(path)?;
        let ids = list.read("--refused", action)?;
        Ok(Refused { list, ids })
    }

    /// Replaces the content of the file by the ids in it, without comments.
    pub(crate) fn write(&self) -> Result<(), String> {
        self.list.write(self.ids.iter().map(String::as_str))
    }

    /// Adds the ids that were refused, and removes those that were accepted.
    pub(crate) fn ended(&mut self, batches: &[Batch]) -> Result<(), String> {
        let ids_with = |outcome| {
            let batches = batches.iter().filter(move |batch| batch.outcome == outcome);
            batches.flat_map(|batch| batch.ids.iter().map(String::as_str))
        };
        if self.ids.is_empty() && ids_with(Outcome::Refused).next().is_none() {
            return Ok(());
        }
        let mut decided = ids_with(Outcome::Accepted).chain(ids_with(Outcome::Refused));
        self.ids = without(mem::take(&mut self.ids), &mut decided);
        self.ids.extend(ids_with(Outcome::Refused).map(str::to_owned));
        self.write()
    }
}
