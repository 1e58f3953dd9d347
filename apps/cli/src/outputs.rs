//! The files that a run writes while it goes on. They are written in an order in which an id may be
//! in the log and among the remaining ids, but never in neither, whenever the process ends.

use entra_risk_common::Action;
use entra_risk_common::calls::Event;

use crate::arguments::Job;
use crate::file::{Identity, Place, followed_identity};
use crate::ids::without;
use crate::list::List;
use crate::log::Log;
use crate::refused::Refused;
use crate::remaining::Remaining;

/// The files of `--log`, `--refused` and `--remaining`.
pub(crate) struct Outputs {
    log: Option<Log>,
    refused: Option<Refused>,
    remaining: Option<Remaining>,
    /// Why a file could not be written. From then on the lists stay as they are, so that no id
    /// leaves one without being in the log.
    pub(crate) error: Option<String>,
}

impl Outputs {
    /// Opens the files. From now on the file of `--remaining` contains all ids.
    pub(crate) fn begin(job: &Job, ids: &[String]) -> Result<Self, String> {
        let (refused, remaining) = lists(job, ids)?;
        let log = job.log.as_deref().map(Log::open).transpose()?;
        refused.as_ref().map(Refused::write).transpose()?;
        let remaining = remaining.map(|list| Remaining::begin(list, ids)).transpose()?;
        Ok(Outputs { log, refused, remaining, error: None })
    }

    /// Checks the files as `begin` does, without changing or creating any.
    pub(crate) fn check(job: &Job, ids: &[String]) -> Result<(), String> {
        lists(job, ids)?;
        job.log.as_deref().map(Log::check).transpose().map(drop)
    }

    /// Writes what an event of the call reports.
    pub(crate) fn update(&mut self, action: &Action, event: &Event) {
        let logged = match (event, &self.log) {
            (Event::Ended(batches), Some(log)) => log.write(action, batches),
            _ => Ok(()),
        };
        if logged.is_err() {
            // It may end in the middle of a line.
            self.log = None;
        }
        if self.error.is_none() {
            self.error = logged.and_then(|()| self.update_lists(event)).err();
        }
    }

    fn update_lists(&mut self, event: &Event) -> Result<(), String> {
        if let (Event::Ended(batches), Some(refused)) = (event, &mut self.refused) {
            refused.ended(batches)?;
        }
        match (event, &mut self.remaining) {
            (Event::Ended(batches), Some(remaining)) => remaining.ended(batches),
            (Event::Waiting(_), Some(remaining)) => remaining.update_when_due(),
            (Event::Over(_), Some(remaining)) => remaining.update(),
            (_, None) => Ok(()),
        }
    }
}

/// The files of `--refused` and `--remaining`, which are not changed yet.
fn lists(job: &Job, ids: &[String]) -> Result<(Option<Refused>, Option<List>), String> {
    let sources = sources(job)?;
    check_paths(job, &sources)?;
    let refused = job.refused.as_deref().map(Refused::open).transpose()?;
    let remaining = job.remaining.as_deref().map(|path| open_remaining(job, &sources, path, ids)).transpose()?;
    Ok((refused, remaining))
}

/// The file of `--remaining`. It may be the list of another run, whose ids must not be lost.
fn open_remaining(job: &Job, sources: &[Identity], path: &str, ids: &[String]) -> Result<List, String> {
    let list = List::open(path)?;
    if sources.contains(&Place::find(path)?.identity()?) {
        return Ok(list);
    }
    let others = without(list.read("--remaining")?, &mut ids.iter().map(String::as_str)).len();
    if others == 0 {
        return Ok(list);
    }
    // With --column, a list cannot be an input.
    let way_out = if job.column.is_none() { format!("add --file {path}, or ") } else { String::new() };
    Err(format!("--remaining {path}: contains {others} ids that are not in the input; {way_out}name another file"))
}

/// The files that the ids come from.
fn sources(job: &Job) -> Result<Vec<Identity>, String> {
    job.files.iter().filter(|path| *path != "-").map(|path| followed_identity(path)).collect()
}

/// Checks that no file is overwritten by another, or its other columns by a list. `--remaining` may
/// replace a list of `--file`, because all ids of that list are among those that replace it.
fn check_paths(job: &Job, sources: &[Identity]) -> Result<(), String> {
    let outputs = [("--log", &job.log), ("--refused", &job.refused), ("--remaining", &job.remaining)];
    let mut written: Vec<(String, Identity)> = Vec::new();
    for (flag, path) in outputs.iter().filter_map(|(flag, path)| Some((*flag, path.as_ref()?))) {
        let place = Place::find(path)?;
        let mut files = vec![(format!("{flag} {path}"), place.identity()?)];
        if flag != "--log" {
            files.push((format!("the temporary file of {flag} {path}"), place.neighbor().identity()?));
        }
        for (number, (name, identity)) in files.into_iter().enumerate() {
            if let Some((other, _)) = written.iter().find(|(_, other)| *other == identity) {
                return Err(format!("{other} and {name}: expected two files; got the same one"));
            }
            let replaces_list = flag == "--remaining" && number == 0 && job.column.is_none();
            if !replaces_list && sources.contains(&identity) {
                return Err(format!("{name}: would overwrite the file that the ids come from; name another one"));
            }
            written.push((name, identity));
        }
    }
    Ok(())
}
