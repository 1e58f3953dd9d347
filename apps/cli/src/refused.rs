//! The file of `--refused`: the ids that Microsoft Graph refused and has not accepted since, those of earlier runs included.

use std::mem;

use entra_risk_report::{OutcomeKind, Report};

use crate::ids::without;
use crate::list::List;

/// The file, and what earlier runs left in it.
pub(crate) struct Refused {
    list: List,
    /// The ids of earlier runs that this run has neither accepted nor refused.
    earlier: Vec<String>,
}

impl Refused {
    /// Reads the file, without changing it.
    pub(crate) fn open(path: &str) -> Result<Self, String> {
        let list = List::open(path)?;
        let earlier = list.read("--refused")?;
        Ok(Refused { list, earlier })
    }

    /// Replaces the content of the file by what is known after this part of the run.
    pub(crate) fn update(&mut self, report: &Report) -> Result<(), String> {
        if !self.earlier.is_empty() {
            let mut decided = report.ids(OutcomeKind::Accepted).chain(report.ids(OutcomeKind::Refused));
            self.earlier = without(mem::take(&mut self.earlier), &mut decided);
        }
        self.list.write(self.earlier.iter().map(String::as_str).chain(report.ids(OutcomeKind::Refused)))
    }
}
