//! Calls the plugin: once, or in slices if a progress line or a file shows what is done, with one report at the end. The
//! plugin keeps its rate-limit state between calls.

use std::time::Duration;

use entra_risk_report::actions::{Batch, Error, Options, Outcome};
use entra_risk_report::{CallResult, Report};

use crate::ending::Ending;
use crate::slices::Slices;

/// How to call the plugin.
pub(crate) struct Run<'a, Call, Elapsed> {
    /// The function of the plugin.
    pub(crate) call: Call,
    pub(crate) options: &'a Options,
    /// The sizes of the slices; none for one call.
    pub(crate) slices: Option<Slices>,
    /// Time since the start.
    pub(crate) elapsed: Elapsed,
}

impl<Call: Fn(&[String], Option<&Options>) -> CallResult, Elapsed: Fn() -> Duration> Run<'_, Call, Elapsed> {
    /// Performs the action on `ids`. After each slice it calls `after` with the report so far, the ids that follow, and
    /// the slices. An error of `after` ends the run.
    pub(crate) fn perform(
        &mut self,
        ids: &[String],
        mut after: impl FnMut(&Report, &[String], Option<&Slices>) -> Result<(), String>,
    ) -> (Report, Result<(), String>) {
        let mut report = Report::default();
        let mut rest = ids;
        let mut ending = Ending::new(self.options);
        while !rest.is_empty() {
            let deadline_ms = self.remaining_ms();
            if deadline_ms == Some(0) {
                report.append(Report { batches: Vec::new(), cause: Some(Error::DeadlineExceeded) }, true);
                append_unattempted(&mut report, rest);
                let written = after(&report, &[], self.slices.as_ref());
                return (report, written);
            }
            let size = self.slices.as_ref().map_or(rest.len(), |slices| slices.next(rest.len()));
            let (part, later) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            let start = (self.elapsed)();
            let reported = Report::from((self.call)(part, Some(&Options { deadline_ms, ..self.options.clone() })));
            let end = (self.elapsed)();
            if let Some(slices) = &mut self.slices {
                slices.measured(part.len(), end.saturating_sub(start), is_smooth(&reported));
            }
            let ended = ending.ends_with(&reported, start, end);
            let is_unreported = reported.batches.is_empty();
            report.append(reported, ended);
            if is_unreported {
                append_unattempted(&mut report, part);
            }
            rest = later;
            if ended {
                append_unattempted(&mut report, rest);
                rest = &[];
            }
            if let Err(error) = after(&report, rest, self.slices.as_ref()) {
                if !rest.is_empty() {
                    report.append(Report { batches: Vec::new(), cause: Some(Error::Other(error.clone())) }, true);
                    append_unattempted(&mut report, rest);
                }
                return (report, Err(error));
            }
        }
        (report, Ok(()))
    }

    fn remaining_ms(&self) -> Option<u32> {
        let elapsed = u32::try_from((self.elapsed)().as_millis()).unwrap_or(u32::MAX);
        self.options.deadline_ms.map(|deadline| deadline.saturating_sub(elapsed))
    }
}

/// Whether each request was accepted at once.
fn is_smooth(part: &Report) -> bool {
    part.cause.is_none() && part.batches.iter().all(|batch| batch.attempts == 1)
}

/// Appends ids that were never sent, if there are any. As in the report of a call, they are one batch with those before.
fn append_unattempted(report: &mut Report, ids: &[String]) {
    if ids.is_empty() {
        return;
    }
    match report.batches.last_mut() {
        Some(Batch { ids: before, attempts: 0, outcome: Outcome::NotApplied(Error::NotAttempted) }) => {
            before.extend_from_slice(ids);
        }
        _ => {
            let outcome = Outcome::NotApplied(Error::NotAttempted);
            report.batches.push(Batch { ids: ids.to_vec(), attempts: 0, outcome });
        }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests may fail")]
mod tests;
