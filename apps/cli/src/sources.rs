//! The sources of ids that the command line names: arguments, files and standard input.

use std::io::Read;

use entra_risk_engine::contract::action::Action;

use crate::Failure;
use crate::file::content;
use crate::ids::{Ids, Input, Place, without};
use crate::input::read as read_source;
use crate::job::Job;
use crate::log::LINE_START;
use crate::package::Package;
use crate::plan::Source;
use crate::selected::{collection_of, select};
use crate::stdio::{self, input_is_terminal};
use crate::text::Text;
use crate::wanted::Wanted;

/// The outcomes of ids that are worth sending again.
const AGAIN: [&str; 2] = ["not-applied", "unknown"];

/// The outcome of ids that are done.
const DONE: [&str; 1] = ["accepted"];

/// Reads or lists the ids to process, without those of `--except`.
pub(crate) fn read<'a>(job: &'a Job, package: &Package) -> Result<(Input, Vec<Source<'a>>), Failure> {
    let mut sources = Vec::new();
    let listed = collection_of(job.action.definition).filter(|_| !job.selection.is_empty());
    let mut input = match listed {
        Some(collection) => select(job, package, collection)?,
        None => read_named(job, &mut sources).map_err(Failure::Usage)?,
    };
    except(job, &mut input, &mut sources).map_err(Failure::Usage)?;
    match job.max_ids {
        Some(max) if input.ids.len() > max as usize => {
            Err(Failure::usage(format!("--max-ids: expected at most {max} ids; got {}", input.ids.len())))
        }
        _ => Ok((input, sources)),
    }
}

/// Reads the ids that the command line names. The error is in lines.
fn read_named<'a>(job: &'a Job, sources: &mut Vec<Source<'a>>) -> Result<Input, Vec<String>> {
    let wanted = Wanted { action: job.action.definition, column: job.column.as_deref(), label: job.label.as_deref() };
    let mut ids = Ids::new(job.action.definition);
    for id in job.ids.iter().filter(|id| *id != "-") {
        ids.add(id, None, Place { source: "argument", line: None });
    }
    for path in job.files.iter().filter(|path| *path != "-") {
        let is_list = add_file(path, &wanted, &mut ids)?;
        sources.push(Source { path, is_list });
    }
    let no_other_source = job.ids.is_empty() && job.files.is_empty();
    if no_other_source && input_is_terminal() {
        return Err(vec!["expected ids as arguments, in --file, on standard input, or listed by --where".to_owned()]);
    }
    if no_other_source || job.ids.iter().chain(&job.files).any(|text| text == "-") {
        add(Box::new(stdio::Input::open()), &wanted, &mut ids, "standard input")?;
    }
    if !job.outcomes.is_empty() && !ids.has_outcomes() {
        return Err(vec!["--outcome: applies to logs and reports of this command; none was read".to_owned()]);
    }
    ids.finish(if job.outcomes.is_empty() { &AGAIN } else { &job.outcomes })
}

/// Removes the ids of `--except`: of logs and reports, those that were accepted.
fn except<'a>(job: &'a Job, input: &mut Input, sources: &mut Vec<Source<'a>>) -> Result<(), Vec<String>> {
    if job.except.is_empty() {
        return Ok(());
    }
    let wanted = Wanted { action: job.action.definition, column: job.column.as_deref(), label: None };
    let mut ids = Ids::new(job.action.definition);
    for path in &job.except {
        add_file(path, &wanted, &mut ids)?;
        sources.push(Source { path, is_list: false });
    }
    let excepted = ids.finish(&DONE)?;
    let all = input.ids.len();
    input.ids = without(std::mem::take(&mut input.ids), &mut excepted.ids.iter().map(String::as_str));
    let out = all.saturating_sub(input.ids.len());
    input.notes.push(format!("{out} ids are left out, which --except names"));
    Ok(())
}

/// Reads the ids of a log that were accepted.
pub(crate) fn accepted(path: &str, action: &'static Action) -> Result<Vec<String>, Vec<String>> {
    let mut ids = Ids::new(action);
    add_file(path, &Wanted { action, column: None, label: None }, &mut ids)?;
    if !ids.has_outcomes() || !is_log(path)? {
        return Err(vec![format!("{path}: expected the log of a run of {}", action.name)]);
    }
    ids.finish(&DONE).map(|input| input.ids)
}

/// Whether lines can be appended to this file: not to the report of `--json`, which has outcomes
/// too.
fn is_log(path: &str) -> Result<bool, Vec<String>> {
    let mut start = Vec::new();
    let content = content(path).map_err(|error| vec![error])?;
    let is_read = content.take(LINE_START.len() as u64).read_to_end(&mut start).is_ok();
    Ok(is_read && start == LINE_START)
}

fn add_file(path: &str, wanted: &Wanted<'_>, ids: &mut Ids) -> Result<bool, Vec<String>> {
    let content = content(path).map_err(|error| vec![error])?;
    add(Box::new(content), wanted, ids, path)
}

/// Adds the ids of a source. Returns whether it is a list.
fn add(content: Box<dyn Read>, wanted: &Wanted<'_>, ids: &mut Ids, source: &str) -> Result<bool, Vec<String>> {
    let text = Text::new(content).map_err(|error| vec![error.to_string()])?;
    read_source(text, wanted, ids, source).map_err(|error| vec![error])
}
