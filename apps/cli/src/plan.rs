//! What a run will do: the ids to process, and the files to write, none of which is changed yet.

use crate::file::{Identity, Place, followed_identity};
use crate::ids::without;
use crate::job::Job;
use crate::list::{List, NEXT};
use crate::log::Log;
use crate::mark::{Found, MARK, Mark};
use crate::refused::Refused;

/// What a run will do.
pub(crate) struct Plan {
    /// The ids to process.
    pub(crate) ids: Vec<String>,
    /// What the user should know about the files.
    pub(crate) note: Option<String>,
    /// The file of `--refused`.
    pub(crate) refused: Option<Refused>,
    /// The file of `--remaining`.
    pub(crate) remaining: Option<List>,
    /// What names the input beside the file of `--remaining`, if it is to be written.
    pub(crate) mark: Option<Mark>,
}

/// A file that ids come from.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) path: &'a str,
    /// It contains ids to process, and nothing else that a list of ids would lose.
    pub(crate) is_list: bool,
}

impl Plan {
    /// Plans a run with these ids. Nothing is changed or created.
    pub(crate) fn new(job: &Job, ids: Vec<String>, sources: &[Source<'_>]) -> Result<Self, String> {
        let sources: Vec<(Identity, bool)> = sources
            .iter()
            .map(|source| Ok((followed_identity(source.path)?, source.is_list)))
            .collect::<Result<_, String>>()?;
        check_paths(job, &sources)?;
        let refused = job.refused.as_deref().map(|path| Refused::open(path, job.action.definition)).transpose()?;
        let plan = Plan { ids, note: None, refused, remaining: None, mark: None };
        match job.remaining.as_deref() {
            Some(path) => plan.with_remaining(job, path, &sources),
            None => Ok(plan),
        }
    }

    /// Checks that the files can be written, without changing or creating any.
    pub(crate) fn check(job: &Job) -> Result<(), String> {
        job.log.as_deref().map(Log::check).transpose().map(drop)
    }

    /// Adds the file of `--remaining`. If it is of an earlier run with the same input, that run is
    /// continued; ids of another run must not be lost.
    fn with_remaining(mut self, job: &Job, path: &str, sources: &[(Identity, bool)]) -> Result<Self, String> {
        let list = List::open(path)?;
        let identity = list.place().identity()?;
        if sources.iter().any(|(source, _)| *source == identity) {
            self.remaining = Some(list);
            return Ok(self);
        }
        let mark = Mark::new(list.place(), job.action.definition, &self.ids)?;
        let left = list.read("--remaining", job.action.definition)?;
        // Who deletes the list, begins anew.
        let (left, found) = match !job.restart && list.exists()? {
            true => (left, mark.found()?),
            false => (Vec::new(), Found::Nothing),
        };
        let all = self.ids.len();
        let others = without(left.clone(), &mut self.ids.iter().map(String::as_str)).len();
        if found == Found::Same && others == 0 {
            let done = without(self.ids.clone(), &mut left.iter().map(String::as_str));
            self.ids = without(self.ids, &mut done.iter().map(String::as_str));
            let left = self.ids.len();
            self.note = (all > 0).then(|| match left {
                0 => format!("{path}: earlier runs processed all {all} ids of this input; --restart begins anew"),
                _ => format!("{path}: {left} of {all} ids of this input remain; --restart begins anew"),
            });
        } else if left.is_empty() || found == Found::Nothing && others == 0 && left.len() == all {
            self.mark = Some(mark);
        } else {
            let left = left.len();
            return Err(format!(
                "--remaining {path}: contains {left} ids of another input or action, {others} of them not in this one; \
                 process them with --file {path}, name another file, or drop them with --restart"
            ));
        }
        self.remaining = Some(list);
        Ok(self)
    }
}

/// Checks that no file is overwritten by another, or its other columns by a list. `--remaining` may
/// replace a list of `--file`, because all ids of that list are among those that replace it.
fn check_paths(job: &Job, sources: &[(Identity, bool)]) -> Result<(), String> {
    let outputs = [("--log", &job.log), ("--refused", &job.refused), ("--remaining", &job.remaining)];
    let mut written: Vec<(String, Identity)> = Vec::new();
    for (flag, path) in outputs.iter().filter_map(|(flag, path)| Some((*flag, path.as_ref()?))) {
        let place = Place::find(path)?;
        let mut files = vec![(format!("{flag} {path}"), place.identity()?)];
        if flag != "--log" {
            files.push((format!("the temporary file of {flag} {path}"), place.neighbor(NEXT).identity()?));
        }
        if flag == "--remaining" {
            files.push((format!("the file that names the input of {flag} {path}"), place.neighbor(MARK).identity()?));
        }
        for (number, (name, identity)) in files.into_iter().enumerate() {
            if let Some((other, _)) = written.iter().find(|(_, other)| *other == identity) {
                return Err(format!("{other} and {name}: expected two files; got the same one"));
            }
            let may_replace = flag == "--remaining" && number == 0;
            if sources.iter().any(|(source, is_list)| *source == identity && !(may_replace && *is_list)) {
                return Err(format!("{name}: would overwrite the file that the ids come from; name another one"));
            }
            written.push((name, identity));
        }
    }
    Ok(())
}
