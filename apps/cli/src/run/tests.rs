//! Runs with a plugin that is a closure.

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
    for (patience_ms, expected) in [(1_000, (1, [0, 0, 6, 4])), (2_000, (2, [0, 0, 2, 8])), (3_001, (3, [0, 0, 0, 10]))]
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
fn unexpected_statuses_end_the_run_at_the_third_in_a_row() {
    let unexpected = |ids: &[String]| {
        let outcome = Outcome::NotApplied(Error::UnexpectedStatus(graph_error(302)));
        let batches = vec![Batch { ids: ids.to_vec(), attempts: 1, outcome }];
        Err(Failure { cause: Error::UnexpectedStatus(graph_error(302)), batches })
    };
    let (counts, _) = run(Options::default(), |call, ids| if call == 1 { unexpected(ids) } else { accept(ids) });
    assert_eq!(counts, (3, [6, 0, 4, 0]), "one does not");
    let ids: Vec<String> = (0..10).map(|id| id.to_string()).collect();
    for (accepted_call, expected) in [(0, 3), (3, 6)] {
        let calls = Cell::new(0);
        let mut run = Run {
            call: |ids: &[String], _: Option<&Options>| {
                calls.set(calls.get() + 1);
                if calls.get() == accepted_call { accept(ids) } else { unexpected(ids) }
            },
            options: &Options { ids_per_request: Some(1), ..Options::default() },
            slices: Some(Slices::steady(1, 1)),
            elapsed: Duration::default,
        };
        let (report, _) = run.perform(&ids, |_, _, _| Ok(()));
        assert_eq!(calls.get(), expected);
        assert_eq!(report.batches.iter().map(|batch| batch.ids.len()).sum::<usize>(), 10);
    }
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
