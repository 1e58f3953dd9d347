//! The call of the plugin: whole, or in slices where somebody watches the progress, with one account in the end. The
//! plugin keeps its pace between calls.

use std::time::Duration;

use entra_risk_account::actions::{Batch, Error, Options, Outcome};
use entra_risk_account::{Account, Answer};

/// A `Retry-After` beyond this ends a call of the plugin: see the contract.
const LONGEST_RETRY_AFTER_MS: u32 = 300_000;

/// How to call the plugin.
pub(crate) struct Run<'a, Call, Elapsed> {
    /// The function of the plugin.
    pub(crate) call: Call,
    pub(crate) options: &'a Options,
    /// Requests in a slice; none for one call.
    pub(crate) slice: Option<usize>,
    /// Time since the start.
    pub(crate) elapsed: Elapsed,
}

impl<Call: Fn(&[String], Option<&Options>) -> Answer, Elapsed: Fn() -> Duration> Run<'_, Call, Elapsed> {
    /// Performs the action on `ids`. `after` is told of each slice: the account so far, and the ids to come.
    pub(crate) fn perform(&self, ids: &[String], mut after: impl FnMut(&Account, &[String])) -> Account {
        let per_request = self.options.ids_per_request.map_or(60, |ids| ids as usize).max(1);
        let slice = self.slice.map_or(ids.len(), |requests| requests.saturating_mul(per_request)).max(1);
        let mut account = Account::default();
        let mut ended = None;
        for (number, part) in (1_usize..).zip(ids.chunks(slice)) {
            let deadline_ms = self.remaining();
            if ended.is_none() && deadline_ms == Some(0) {
                account.append(Account { batches: Vec::new(), cause: Some(Error::DeadlinePassed) }, true);
                ended = Some(Error::DeadlinePassed);
            }
            if let Some(error) = &ended {
                account.batches.extend(unsent(part, per_request, error));
                continue;
            }
            let mut answer = Account::of((self.call)(part, Some(&Options { deadline_ms, ..self.options.clone() })));
            if let (true, Some(cause)) = (answer.batches.is_empty(), &answer.cause) {
                answer.batches = unsent(part, per_request, cause).collect();
            }
            ended = end(&answer, deadline_ms);
            account.append(answer, ended.is_some());
            after(&account, ids.get(number.saturating_mul(slice)..).unwrap_or_default());
        }
        account
    }

    fn remaining(&self) -> Option<u32> {
        let elapsed = u32::try_from((self.elapsed)().as_millis()).unwrap_or(u32::MAX);
        self.options.deadline_ms.map(|deadline| deadline.saturating_sub(elapsed))
    }
}

/// What the ids after this part end with, where the plugin would have ended a call over all of them.
fn end(part: &Account, deadline_ms: Option<u32>) -> Option<Error> {
    match part.cause.as_ref()? {
        cause @ Error::InvalidArgument(_) => Some(cause.clone()),
        Error::DeadlinePassed => Some(Error::DeadlinePassed),
        Error::NoToken(_) | Error::DeniedByHost(_) | Error::Unauthenticated(_) | Error::Forbidden(_) => {
            Some(Error::Stopped)
        }
        Error::Throttled(graph) => {
            let longest = deadline_ms.map_or(LONGEST_RETRY_AFTER_MS, |left| left.min(LONGEST_RETRY_AFTER_MS));
            graph.retry_after_ms.filter(|wait| *wait > longest).map(|_| Error::Stopped)
        }
        _ => part.batches.iter().find_map(|batch| match &batch.outcome {
            Outcome::Unsent(error @ (Error::Stopped | Error::DeadlinePassed)) => Some(error.clone()),
            _ => None,
        }),
    }
}

fn unsent<'a>(ids: &'a [String], per_request: usize, error: &'a Error) -> impl Iterator<Item = Batch> + 'a {
    ids.chunks(per_request).map(|ids| Batch { ids: ids.to_vec(), attempts: 0, outcome: Outcome::Unsent(error.clone()) })
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use entra_risk_account::Fate;
    use entra_risk_account::actions::{Failure, GraphError, Receipt};

    use super::*;

    fn graph_error(status: u16, retry_after_ms: Option<u32>) -> GraphError {
        GraphError {
            status,
            code: String::new(),
            message: String::new(),
            request_id: None,
            client_request_id: String::new(),
            date: None,
            retry_after_ms,
        }
    }

    fn accept(ids: &[String]) -> Answer {
        let receipt =
            Receipt { ids: ids.to_vec(), attempts: 1, request_id: None, client_request_id: String::new(), date: None };
        Ok(vec![receipt])
    }

    fn fail(ids: &[String], cause: Error, outcome: fn(Error) -> Outcome) -> Answer {
        let batch = Batch { ids: ids.to_vec(), attempts: 1, outcome: outcome(cause.clone()) };
        Err(Failure { cause, batches: vec![batch] })
    }

    /// Runs over 10 ids in slices of 2 requests of 2, a second each, and counts: calls, then ids by fate.
    #[track_caller]
    fn run(options: Options, answer: impl Fn(usize, &[String]) -> Answer) -> ((usize, [usize; 4]), Option<Error>) {
        let ids: Vec<String> = (0..10).map(|id| id.to_string()).collect();
        let calls = Cell::new(0);
        let run = Run {
            call: |ids: &[String], _: Option<&Options>| {
                calls.set(calls.get() + 1);
                answer(calls.get(), ids)
            },
            options: &Options { ids_per_request: Some(2), ..options },
            slice: Some(2),
            elapsed: || Duration::from_secs(calls.get() as u64),
        };
        let account = run.perform(&ids, |_, _| {});
        let accounted: Vec<&String> = account.batches.iter().flat_map(|batch| &batch.ids).collect();
        assert_eq!(accounted, ids.iter().collect::<Vec<_>>(), "every id once, in the order given");
        ((calls.get(), Fate::ALL.map(|fate| account.ids(fate).count())), account.cause)
    }

    #[test]
    fn slices_make_one_account() {
        let (counts, cause) = run(Options::DEFAULT, |_, ids| accept(ids));
        assert_eq!(counts, (3, [10, 0, 0, 0]));
        assert!(cause.is_none());
    }

    #[test]
    fn a_refused_slice_does_not_stop_the_next() {
        let (counts, cause) = run(Options::DEFAULT, |call, ids| match call {
            1 => fail(ids, Error::Rejected(graph_error(404, None)), Outcome::Refused),
            2 => fail(ids, Error::NoAnswer(String::new()), Outcome::Unknown),
            _ => accept(ids),
        });
        assert_eq!(counts, (3, [2, 4, 4, 0]));
        assert!(matches!(cause, Some(Error::Rejected(_))), "the first error: {cause:?}");
    }

    #[test]
    fn what_ends_a_slice_ends_the_rest() {
        let causes: [fn() -> Error; 5] = [
            || Error::NoToken(String::new()),
            || Error::DeniedByHost(String::new()),
            || Error::Unauthenticated(graph_error(401, None)),
            || Error::Forbidden(graph_error(403, None)),
            || Error::Throttled(graph_error(429, Some(300_001))),
        ];
        for cause in causes {
            let (counts, told) = run(Options::DEFAULT, |call, ids| match call {
                1 => fail(ids, Error::Rejected(graph_error(404, None)), Outcome::Refused),
                _ => fail(ids, cause(), Outcome::Refused),
            });
            assert_eq!(counts, (2, [0, 8, 0, 2]), "{told:?}");
            assert_eq!(
                told.map(|told| told.kind()),
                Some(cause().kind()),
                "what ended the call comes before the first error"
            );
        }
    }

    #[test]
    fn a_throttled_slice_that_may_wait_does_not_stop_the_next() {
        let throttled = |wait| Error::Throttled(graph_error(429, wait));
        let (counts, _) = run(Options::DEFAULT, |_, ids| fail(ids, throttled(Some(300_000)), Outcome::Refused));
        assert_eq!(counts, (3, [0, 10, 0, 0]));
        let short = Options { deadline_ms: Some(9_000), ..Options::DEFAULT };
        let (counts, _) = run(short, |_, ids| fail(ids, throttled(Some(9_001)), Outcome::Refused));
        assert_eq!(counts, (1, [0, 4, 0, 6]), "past the deadline");
    }

    #[test]
    fn each_slice_has_what_remains_of_the_deadline() {
        let ids: Vec<String> = (0..180).map(|id| id.to_string()).collect();
        let deadlines = RefCell::new(Vec::new());
        let run = Run {
            call: |ids: &[String], options: Option<&Options>| {
                deadlines.borrow_mut().push(options.and_then(|options| options.deadline_ms));
                accept(ids)
            },
            options: &Options { deadline_ms: Some(2_500), ..Options::DEFAULT },
            slice: Some(1),
            elapsed: || Duration::from_millis(1_250 * deadlines.borrow().len() as u64),
        };
        let account = run.perform(&ids, |_, _| {});
        assert!(matches!(account.cause, Some(Error::DeadlinePassed)));
        assert_eq!((account.ids(Fate::Accepted).count(), account.ids(Fate::Unsent).count()), (120, 60));
        assert_eq!(*deadlines.borrow(), [Some(2_500), Some(1_250)]);
    }

    #[test]
    fn a_call_refused_as_invalid_leaves_every_id_unsent() {
        let invalid = |_, _: &[String]| {
            Err(Failure { cause: Error::InvalidArgument("endpoint".to_owned()), batches: Vec::new() })
        };
        let (counts, cause) = run(Options::DEFAULT, invalid);
        assert_eq!(counts, (1, [0, 0, 0, 10]));
        assert!(matches!(cause, Some(Error::InvalidArgument(_))));
    }
}
