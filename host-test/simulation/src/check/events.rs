//! What the events of a call say: each id once, as the report does, and for good.

use std::collections::HashMap;

use host_test::bindings::actions::{Batch, Error, ErrorKind};
use host_test::bindings::calls::Event;

use crate::caller::Form;
use crate::record::{CallRecord, Next, ended, first};
use crate::violation::Violations;

pub(crate) fn check(call: &CallRecord, violations: &mut Violations) {
    if matches!(call.call.form, Form::Function) {
        return;
    }
    let ids = call.call.distinct();
    let positions: HashMap<&str, usize> = ids.iter().enumerate().map(|(at, id)| (id.as_str(), at)).collect();
    let mut known: Vec<Option<&Batch>> = vec![None; ids.len()];
    for next in &call.nexts {
        check_event(next, &positions, violations);
        for batch in ended(&next.event) {
            for position in batch.ids.iter().filter_map(|id| positions.get(id.as_str())) {
                if known[*position].replace(batch).is_some() {
                    violations.add("each id is in one event", || first(&batch.ids).into());
                }
            }
        }
        if let Some(report) = &next.report {
            check_report(report, &positions, &known, violations);
        }
        if is_over(&next.event) && known.contains(&None) {
            violations.add("a call is over when every id was reported", || format!("{next:?}"));
        }
        check_progress(call, next, known.iter().filter(|batch| batch.is_none()).count(), violations);
    }
    if call.result.is_ok() {
        check_report(call.batches(), &positions, &known, violations);
    }
    let over: Vec<&Event> = call.nexts.iter().map(|next| &next.event).filter(|event| is_over(event)).collect();
    if over.windows(2).any(|pair| pair[0] != pair[1]) {
        violations.add("a call that is over stays so", || format!("{over:?}"));
    }
}

/// Batches and their ids are in order, and there are some.
fn check_event(next: &Next, positions: &HashMap<&str, usize>, violations: &mut Violations) {
    let Event::Ended(batches) = &next.event else { return };
    let positions = |batch: &Batch| -> Vec<Option<usize>> {
        batch.ids.iter().map(|id| positions.get(id.as_str()).copied()).collect()
    };
    let all: Vec<Vec<Option<usize>>> = batches.iter().map(positions).collect();
    let is_ordered = all.iter().all(|batch| !batch.is_empty() && !batch.contains(&None) && batch.is_sorted());
    let firsts: Vec<Option<Option<usize>>> = all.iter().map(|batch| batch.first().copied()).collect();
    if all.is_empty() || !is_ordered || !firsts.is_sorted() {
        violations.add("an event has batches in order", || format!("{batches:?}"));
    }
}

/// A report says what the events have said, in the order of the ids: each batch holds neighbors.
fn check_report(
    report: &[Batch],
    positions: &HashMap<&str, usize>,
    known: &[Option<&Batch>],
    violations: &mut Violations,
) {
    let position = |id: &String| positions.get(id.as_str()).copied();
    let expected: Vec<usize> = (0..known.len()).filter(|at| known[*at].is_some()).collect();
    let reported: Vec<(&String, &Batch)> =
        report.iter().flat_map(|batch| batch.ids.iter().map(move |id| (id, batch))).collect();
    let is_right = reported.len() == expected.len()
        && reported.iter().zip(&expected).all(|((id, batch), at)| {
            position(id) == Some(*at) && known[*at].is_some_and(|known| is_same(batch, known))
        });
    if !is_right {
        violations.add("the report says what the events did", || {
            let differs = reported.iter().zip(&expected).find(|((id, batch), at)| {
                position(id) != Some(**at) || known[**at].is_none_or(|known| !is_same(batch, known))
            });
            format!("{} reported, {} expected: {differs:?}", reported.len(), expected.len())
        });
    }
    let has_gap = |batch: &&Batch| {
        let positions: Vec<usize> = batch.ids.iter().filter_map(position).collect();
        positions.windows(2).any(|pair| pair[0] + 1 != pair[1])
    };
    if let Some(batch) = report.iter().find(has_gap) {
        violations.add("a batch of a report holds neighbors", || format!("{batch:?}"));
    }
}

/// Whether two batches say the same of their ids.
fn is_same(one: &Batch, other: &Batch) -> bool {
    let said = |batch: &Batch| (batch.attempts, batch.outcome, batch.receipt.clone(), batch.error.clone());
    said(one) == said(other)
}

fn check_progress(call: &CallRecord, next: &Next, left: usize, violations: &mut Violations) {
    let Event::Waiting(progress) = &next.event else { return };
    let sent = call.arrivals.iter().filter(|arrival| arrival.sent < next.ended).count();
    let most = call.call.options.max_in_flight.unwrap_or(4).min(progress.requests);
    if progress.left as usize != left || (progress.requests as usize) < sent || progress.in_flight > most {
        violations.add("waiting says what is left", || format!("{progress:?}, {left} left, {sent} sent"));
    }
    // What ends the call is named too: the action that the cloud lacks is no refusal of ids.
    let is_refusal = |error: &Error| {
        error.kind == ErrorKind::ClientError
            && error.response.as_ref().is_some_and(|response| {
                matches!(response.status, 400 | 404 | 409 | 410 | 412 | 413 | 422)
                    && !response.message.contains("segment")
            })
    };
    if progress.error.as_ref().is_some_and(is_refusal) {
        violations.add("waiting never names a refusal", || format!("{:?}", progress.error));
    }
}

fn is_over(event: &Event) -> bool {
    matches!(event, Event::Over(_))
}
