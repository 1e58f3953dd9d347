//! The files that a run writes while it goes on. They are written in an order in which an id may be in the log and among
//! the remaining ids, but never in neither, whenever the process ends.

use entra_risk_report::actions::Batch;
use entra_risk_report::{Action, OutcomeKind, Report};

use crate::arguments::Job;
use crate::file::is_same;
use crate::list::List;
use crate::log::Log;
use crate::summary;

/// The files of `--log`, `--refused` and `--remaining`.
pub(crate) struct Outputs {
    log: Option<Log>,
    refused: Option<List>,
    remaining: Option<List>,
    /// Batches of the report that are in the log.
    logged: usize,
}

impl Outputs {
    /// Opens the files. From now on the file of `--remaining` contains all ids, and that of `--refused` none.
    pub(crate) fn begin(job: &Job, ids: &[String]) -> Result<Self, String> {
        check_paths(job)?;
        let mut outputs = Outputs {
            refused: job.refused.as_deref().map(List::open).transpose()?,
            remaining: job.remaining.as_deref().map(List::open).transpose()?,
            log: job.log.as_deref().map(Log::open).transpose()?,
            logged: 0,
        };
        outputs.update(job.action, &Report::default(), ids)?;
        Ok(outputs)
    }

    /// Checks the files as `begin` does, without changing them.
    pub(crate) fn check(job: &Job) -> Result<(), String> {
        check_paths(job)?;
        job.log.as_deref().map(Log::check).transpose()?;
        job.refused.as_deref().map(List::open).transpose()?;
        job.remaining.as_deref().map(List::open).transpose()?;
        Ok(())
    }

    /// Whether a file is kept up to date during the run.
    pub(crate) fn are_watched(&self) -> bool {
        self.log.is_some() || self.remaining.is_some()
    }

    /// Writes what is known: the report so far, and the ids that follow.
    pub(crate) fn update(&mut self, action: &Action, report: &Report, rest: &[String]) -> Result<(), String> {
        if let Some(log) = &self.log {
            log.write(action, report.batches.get(self.logged..).unwrap_or_default())?;
            self.logged = report.batches.len();
        }
        if let Some(refused) = &self.refused {
            refused.write(report.ids(OutcomeKind::Refused))?;
        }
        if let Some(remaining) = &self.remaining {
            remaining.write(remaining_ids(&report.batches).chain(rest.iter().map(String::as_str)))?;
        }
        Ok(())
    }
}

/// The ids to process again.
fn remaining_ids(batches: &[Batch]) -> impl Iterator<Item = &str> {
    batches.iter().filter(|batch| summary::remains(batch)).flat_map(|batch| batch.ids.iter().map(String::as_str))
}

/// Checks that no file is overwritten by another, or its other columns by a list. `--remaining` may replace a list of
/// `--file`: until the run is over, it contains the same ids.
fn check_paths(job: &Job) -> Result<(), String> {
    let outputs = [("--log", &job.log), ("--refused", &job.refused), ("--remaining", &job.remaining)];
    let outputs = outputs.map(|(flag, path)| path.as_deref().map(|path| (flag, path)));
    for (number, (flag, path)) in (1..).zip(outputs.iter().flatten()) {
        if let Some((other, _)) = outputs.iter().flatten().skip(number).find(|(_, other)| is_same(path, other)) {
            return Err(format!("{flag} and {other}: expected two files; got {path} twice"));
        }
        let replaces_list = *flag == "--remaining" && job.column.is_none();
        if !replaces_list && job.files.iter().any(|file| is_same(path, file)) {
            return Err(format!("{flag} {path}: would overwrite the file that the ids come from; name another one"));
        }
    }
    Ok(())
}
