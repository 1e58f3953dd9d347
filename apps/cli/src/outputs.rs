//! The files that a run writes while it goes on. They are written in an order in which an id may be
//! in the log and among the remaining ids, but never in neither, even if the process is killed.

use entra_risk_common::calls::Event;

use crate::ids::Labels;
use crate::job::Job;
use crate::log::Log;
use crate::plan::Plan;
use crate::refused::Refused;
use crate::remaining::Remaining;
use crate::verify::Verified;

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
    /// Opens the files. From now on the file of `--remaining` contains all ids of the plan, which
    /// are returned.
    pub(crate) fn begin(job: &Job, plan: Plan) -> Result<(Self, Vec<String>), String> {
        let Plan { ids, refused, remaining, mark, .. } = plan;
        let log = job.log.as_deref().map(Log::open).transpose()?;
        refused.as_ref().map(Refused::write).transpose()?;
        // In this order, a list without its mark contains the whole input, and no list of another
        // input has this mark.
        mark.as_ref().map_or(Ok(()), |mark| mark.remove())?;
        let remaining = remaining.map(|list| Remaining::begin(list, &ids)).transpose()?;
        mark.as_ref().map_or(Ok(()), |mark| mark.write())?;
        Ok((Outputs { log, refused, remaining, error: None }, ids))
    }

    /// Writes what an event of the call reports.
    pub(crate) fn update(&mut self, job: &Job, labels: &Labels, event: &Event) {
        let logged = match (event, &self.log) {
            (Event::Ended(batches), Some(log)) => log.write(job, labels, batches),
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

    /// Writes what accepted ids have become.
    pub(crate) fn verified(&mut self, job: &Job, verified: &Verified<'_>) {
        let write = |log: &Log| log.write_verified(job.action, job.reason.as_deref(), verified);
        let logged = self.log.as_ref().map_or(Ok(()), write);
        if self.error.is_none() {
            self.error = logged.err();
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
