//! The file of `--remaining`: the ids still to process.

use std::mem;
use std::time::Duration;

use entra_risk_common::actions::Batch;

use crate::ids::without;
use crate::list::List;
use crate::stdio::now;

/// Maximum ids of a list that is replaced at each event. Replacing a longer one that often would
/// slow the run.
const MAX_IDS_PER_EVENT: usize = 10_000;

/// Longest time for which a longer list contains ids that are done.
const MAX_DELAY: Duration = Duration::from_secs(10);

/// The file of `--remaining`, and the ids in it.
pub(crate) struct Remaining {
    list: List,
    /// The ids in the file.
    ids: Vec<String>,
    /// Those of them that are done.
    done: Vec<String>,
    /// When the file was replaced.
    written: Duration,
}

impl Remaining {
    /// Replaces the content of a file by these ids.
    pub(crate) fn begin(list: List, ids: &[String]) -> Result<Self, String> {
        list.write(ids.iter().map(String::as_str))?;
        Ok(Remaining { list, ids: ids.to_vec(), done: Vec::new(), written: now() })
    }

    /// Removes the ids that are done: immediately from a short list, and later from a long one.
    pub(crate) fn ended(&mut self, batches: &[Batch]) -> Result<(), String> {
        let done = batches.iter().filter(|batch| !batch.remains()).flat_map(|batch| &batch.ids);
        self.done.extend(done.cloned());
        if self.ids.len() <= MAX_IDS_PER_EVENT { self.update() } else { self.update_when_due() }
    }

    /// Replaces the file of a long list, if ids in it have been done for too long.
    pub(crate) fn update_when_due(&mut self) -> Result<(), String> {
        if now().saturating_sub(self.written) >= MAX_DELAY { self.update() } else { Ok(()) }
    }

    /// Replaces the file, if ids in it are done. The error may be that something else changed it:
    /// two runs would put ids back that the other has processed.
    pub(crate) fn update(&mut self) -> Result<(), String> {
        if self.done.is_empty() {
            return Ok(());
        }
        if !self.list.contains(self.ids.iter().map(String::as_str))? {
            let path = self.list.path();
            return Err(format!("{path}: was changed since this run wrote it: another run is at work on it"));
        }
        let done = mem::take(&mut self.done);
        self.ids = without(mem::take(&mut self.ids), &mut done.iter().map(String::as_str));
        self.written = now();
        self.list.write(self.ids.iter().map(String::as_str))
    }
}
