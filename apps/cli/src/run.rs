//! Calls the plugin: once, or in slices if a progress line or a file shows what is done, with one report at the end. The
//! plugin keeps its rate-limit state between calls.

use std::time::Duration;

use entra_risk_report::actions::{Batch, Error, Options, Outcome};
use entra_risk_report::{CallResult, Report};

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
        // The start of the first slice since the last one in which an id was accepted or refused.
        let mut undecided_since = None;
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
            if let Some(slices) = &mut self.slices {
                slices.measured(part.len(), (self.elapsed)().saturating_sub(start), is_smooth(&reported));
            }
            undecided_since = if is_decided(&reported) { None } else { undecided_since.or(Some(start)) };
            let is_out_of_patience = undecided_since.is_some_and(|since| self.is_out_of_patience(&reported, since));
            let ended = ends_run(&reported) || is_out_of_patience;
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

    /// Whether the plugin would be out of patience in a call with all ids, if nothing was accepted or refused `since`:
    /// either it was in this slice and left ids with fewer than all their attempts, or the slices took that long.
    fn is_out_of_patience(&self, part: &Report, since: Duration) -> bool {
        let max_attempts = self.options.effective_max_attempts();
        let patience = Duration::from_millis(self.options.effective_patience_ms().into());
        part.batches.iter().any(|batch| batch.attempts < max_attempts)
            || (self.elapsed)().saturating_sub(since) >= patience
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

/// Whether an id was accepted or refused.
fn is_decided(part: &Report) -> bool {
    part.batches.iter().any(|batch| matches!(batch.outcome, Outcome::Accepted(_) | Outcome::Refused(_)))
}

/// Whether the plugin would have ended a call with all ids here.
fn ends_run(part: &Report) -> bool {
    match &part.cause {
        None => false,
        Some(
            Error::InvalidArgument(_)
            | Error::NoToken(_)
            | Error::DeniedByHost(_)
            | Error::Unauthenticated(_)
            | Error::Forbidden(_)
            | Error::Throttled(_)
            | Error::DeadlineExceeded
            | Error::Cancelled,
        ) => true,
        Some(Error::ClientError(graph)) if graph.status == 407 => true,
        Some(_) => part.batches.iter().any(|batch| matches!(batch.outcome, Outcome::NotApplied(Error::NotAttempted))),
    }
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
mod tests {
    use std::cell::{Cell, RefCell};

    use entra_risk_report::OutcomeKind;
    use entra_risk_report::actions::{Failure, GraphError, Receipt};

    use super::*;

    fn graph_error(status: u16) -> GraphError {
        GraphError {
            status,
            code: String::new(),
            message: String::new(),
            request_id: None,
            client_request_id: String::new(),
            date: None,
            retry_after_ms: None,
        }
    }

    fn accept(ids: &[String]) -> CallResult {
        let receipt = Receipt { request_id: None, client_request_id: String::new(), date: None };
        Ok(vec![Batch { ids: ids.to_vec(), attempts: 1, outcome: Outcome::Accepted(receipt) }])
    }

    fn fail(ids: &[String], cause: Error, outcome: fn(Error) -> Outcome) -> CallResult {
        let batch = Batch { ids: ids.to_vec(), attempts: 4, outcome: outcome(cause.clone()) };
        Err(Failure { cause, batches: vec![batch] })
    }

    /// Runs 10 ids in slices of 2 requests of 2 ids, a second each. Returns the number of calls, the number of ids with
    /// each outcome, and the cause.
    #[track_caller]
    fn run(options: Options, result: impl Fn(usize, &[String]) -> CallResult) -> ((usize, [usize; 4]), Option<Error>) {
        let ids: Vec<String> = (0..10).map(|id| id.to_string()).collect();
        let calls = Cell::new(0);
        let mut run = Run {
            call: |ids: &[String], _: Option<&Options>| {
                calls.set(calls.get() + 1);
                result(calls.get(), ids)
            },
            options: &Options { ids_per_request: Some(2), ..options },
            slices: Some(Slices::steady(2, 2)),
            elapsed: || Duration::from_secs(calls.get() as u64),
        };
        let (report, _) = run.perform(&ids, |_, _, _| Ok(()));
        let reported: Vec<&String> = report.batches.iter().flat_map(|batch| &batch.ids).collect();
        assert_eq!(reported, ids.iter().collect::<Vec<_>>(), "every id once, in the order given");
        ((calls.get(), OutcomeKind::ALL.map(|kind| report.ids(kind).count())), report.cause)
    }

    #[test]
    fn slices_make_one_report() {
        let (counts, cause) = run(Options::default(), |_, ids| accept(ids));
        assert_eq!(counts, (3, [10, 0, 0, 0]));
        assert!(cause.is_none());
    }

    #[test]
    fn a_refused_slice_does_not_stop_the_next() {
        let (counts, cause) = run(Options::default(), |call, ids| match call {
            1 => fail(ids, Error::ClientError(graph_error(404)), Outcome::Refused),
            2 => fail(ids, Error::NoResponse(String::new()), Outcome::Unknown),
            _ => accept(ids),
        });
        assert_eq!(counts, (3, [2, 4, 0, 4]));
        assert!(matches!(cause, Some(Error::ClientError(_))), "the first error: {cause:?}");
    }

    #[test]
    fn an_error_that_ends_a_call_ends_the_run() {
        let causes: [fn() -> Error; 7] = [
            || Error::NoToken(String::new()),
            || Error::DeniedByHost(String::new()),
            || Error::Unauthenticated(graph_error(401)),
            || Error::Forbidden(graph_error(403)),
            || Error::ClientError(graph_error(407)),
            || Error::Throttled(graph_error(429)),
            || Error::Cancelled,
        ];
        for cause in causes {
            let (counts, reported) = run(Options::default(), |call, ids| match call {
                1 => fail(ids, Error::ClientError(graph_error(404)), Outcome::Refused),
                _ => fail(ids, cause(), Outcome::NotApplied),
            });
            assert_eq!(counts, (2, [0, 4, 6, 0]), "{reported:?}");
            assert_eq!(
                reported.map(|error| error.kind()),
                Some(cause().kind()),
                "the error that ended the call, not the first one"
            );
        }
    }

    #[test]
    fn a_slice_with_unattempted_ids_ends_the_run() {
        let (counts, cause) = run(Options::default(), |_, ids| {
            let outcomes =
                [Outcome::Unknown(Error::ServerError(graph_error(503))), Outcome::NotApplied(Error::NotAttempted)];
            let batch = |(ids, outcome): (&[String], _)| Batch { ids: ids.to_vec(), attempts: 1, outcome };
            let batches = ids.chunks(2).zip(outcomes).map(batch).collect();
            Err(Failure { cause: Error::ServerError(graph_error(503)), batches })
        });
        assert_eq!(counts, (1, [0, 0, 8, 2]));
        assert!(matches!(cause, Some(Error::ServerError(_))));
    }

    #[test]
    fn ids_that_were_never_sent_are_one_batch() {
        let ids: Vec<String> = (0..10).map(|id| id.to_string()).collect();
        let mut run = Run {
            call: |ids: &[String], _: Option<&Options>| {
                let batch = |ids: &[String], attempts, error| Batch {
                    ids: ids.to_vec(),
                    attempts,
                    outcome: Outcome::NotApplied(error),
                };
                let (first, rest) = ids.split_at(1);
                let forbidden = || Error::Forbidden(graph_error(403));
                let batches = vec![batch(first, 1, forbidden()), batch(rest, 0, Error::NotAttempted)];
                Err(Failure { cause: forbidden(), batches })
            },
            options: &Options { ids_per_request: Some(1), ..Options::default() },
            slices: Some(Slices::steady(4, 1)),
            elapsed: Duration::default,
        };
        let (report, _) = run.perform(&ids, |_, _, _| Ok(()));
        let batches: Vec<usize> = report.batches.iter().map(|batch| batch.ids.len()).collect();
        assert_eq!(batches, [1, 9]);
    }

    #[test]
    fn an_outage_ends_the_run_when_patience_is_over() {
        let unavailable = |_, ids: &[String]| fail(ids, Error::ServerError(graph_error(503)), Outcome::Unknown);
        // Each slice takes a second.
        for (patience_ms, expected) in
            [(1_000, (1, [0, 0, 6, 4])), (2_000, (2, [0, 0, 2, 8])), (3_001, (3, [0, 0, 0, 10]))]
        {
            let options = Options { patience_ms: Some(patience_ms), ..Options::default() };
            assert_eq!(run(options, unavailable).0, expected, "{patience_ms} ms");
        }
        // The plugin was out of patience before the fifth attempt.
        let options = Options { max_attempts: Some(5), ..Options::default() };
        assert_eq!(run(options, unavailable).0, (1, [0, 0, 6, 4]));
        let refused = |_, ids: &[String]| fail(ids, Error::ClientError(graph_error(404)), Outcome::Refused);
        let options = Options { patience_ms: Some(1_000), ..Options::default() };
        assert_eq!(run(options, refused).0, (3, [0, 10, 0, 0]));
    }

    #[test]
    fn each_slice_gets_the_remaining_time_of_the_deadline() {
        let ids: Vec<String> = (0..180).map(|id| id.to_string()).collect();
        let deadlines = RefCell::new(Vec::new());
        let mut run = Run {
            call: |ids: &[String], options: Option<&Options>| {
                deadlines.borrow_mut().push(options.and_then(|options| options.deadline_ms));
                accept(ids)
            },
            options: &Options { deadline_ms: Some(2_500), ..Options::default() },
            slices: Some(Slices::steady(1, 60)),
            elapsed: || Duration::from_millis(1_250 * deadlines.borrow().len() as u64),
        };
        let (report, _) = run.perform(&ids, |_, _, _| Ok(()));
        assert!(matches!(report.cause, Some(Error::DeadlineExceeded)));
        let count = |kind| report.ids(kind).count();
        assert_eq!((count(OutcomeKind::Accepted), count(OutcomeKind::NotApplied)), (120, 60));
        assert_eq!(*deadlines.borrow(), [Some(2_500), Some(1_250)]);
    }

    #[test]
    fn an_invalid_argument_leaves_every_id_not_applied() {
        let invalid =
            |_, _: &[String]| Err(Failure { cause: Error::InvalidArgument("tenant".to_owned()), batches: Vec::new() });
        let (counts, cause) = run(Options::default(), invalid);
        assert_eq!(counts, (1, [0, 0, 10, 0]));
        assert!(matches!(cause, Some(Error::InvalidArgument(_))));
    }

    #[test]
    fn a_run_without_a_record_ends() {
        let ids: Vec<String> = (0..10).map(|id| id.to_string()).collect();
        for (failing, accepted) in [(1, 4), (2, 8), (3, 10)] {
            let mut run = Run {
                call: |ids: &[String], _: Option<&Options>| accept(ids),
                options: &Options { ids_per_request: Some(2), ..Options::default() },
                slices: Some(Slices::steady(2, 2)),
                elapsed: Duration::default,
            };
            let mut updates = 0;
            let (report, written) = run.perform(&ids, |_, _, _| {
                updates += 1;
                if updates == failing { Err("disk full".to_owned()) } else { Ok(()) }
            });
            assert_eq!((updates, written), (failing, Err("disk full".to_owned())));
            let count = |kind| report.ids(kind).count();
            assert_eq!((count(OutcomeKind::Accepted), count(OutcomeKind::NotApplied)), (accepted, 10 - accepted));
            assert_eq!(report.cause.is_some(), accepted < 10);
        }
    }

    #[test]
    fn every_update_has_each_id_once() {
        let ids: Vec<String> = (0..10).map(|id| id.to_string()).collect();
        let calls = Cell::new(0);
        let mut run = Run {
            call: |ids: &[String], _: Option<&Options>| {
                calls.set(calls.get() + 1);
                if calls.get() == 2 {
                    fail(ids, Error::Forbidden(graph_error(403)), Outcome::NotApplied)
                } else {
                    accept(ids)
                }
            },
            options: &Options { ids_per_request: Some(2), ..Options::default() },
            slices: Some(Slices::steady(2, 2)),
            elapsed: Duration::default,
        };
        let mut logged = Vec::new();
        let (report, _) = run.perform(&ids, |report, rest, _| {
            let reported = report.batches.iter().flat_map(|batch| &batch.ids);
            assert!(reported.chain(rest).eq(&ids));
            logged.extend(report.batches.iter().skip(logged.len()).map(|batch| batch.ids.clone()));
            Ok(())
        });
        assert_eq!(logged, report.batches.into_iter().map(|batch| batch.ids).collect::<Vec<_>>());
    }
}
