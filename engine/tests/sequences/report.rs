//! Checks the result of a call: the outcome of every id, the cause, and every text in it.

use entra_risk_engine::error::{Error, GraphError};
use entra_risk_engine::report::{Batch, Failure, Outcome};
use entra_risk_engine::time::Nanos;

use crate::check::{Check, require};
use crate::verdict::{Kind, label};
use crate::world::{MAX_RUN, TOKEN_CHARACTERS};

pub fn check(check: &Check, result: &Result<Vec<Batch>, Failure>, now: Nanos) {
    let (batches, cause) = match result {
        Ok(batches) => (batches, None),
        Err(failure) => (&failure.batches, Some(&*failure.cause)),
    };
    let ids: Vec<&String> = batches.iter().flat_map(|batch| &batch.ids).collect();
    let is_complete = ids.iter().copied().eq(&check.settings.ids);
    require("every id once, in order, as spelled first", is_complete, || format!("{ids:?}"));
    let all_accepted = batches.iter().all(|batch| matches!(batch.outcome, Outcome::Accepted(_)));
    require("ok means that every id was accepted", all_accepted == cause.is_none(), || format!("{cause:?}"));

    let mut position = 0;
    for batch in batches {
        require("no batch is empty", !batch.ids.is_empty(), || format!("{batch:?}"));
        for _ in &batch.ids {
            check_outcome(check, position, batch, now);
            position += 1;
        }
        check_texts(&batch.outcome);
    }
    if let Some(cause) = cause {
        check_cause(check, cause, batches);
        check_error(cause);
    }
}

fn check_outcome(check: &Check, position: usize, batch: &Batch, now: Nanos) {
    let id = &check.ids[position];
    let detail = || format!("id {position}: {batch:?}");
    require("attempts are counted", batch.attempts == id.attempts, detail);
    let attempt = id.last.map(|last| &check.attempts[last]);
    let last = attempt.and_then(|attempt| attempt.end.as_ref()).map(|(_, verdict)| verdict);
    let kind = last.map(|last| last.kind);
    let error = match &batch.outcome {
        Outcome::Accepted(receipt) => {
            require("an accepted id had a 204 to a complete request", kind == Some(Kind::Accepted), detail);
            let is_same = attempt.is_some_and(|attempt| attempt.client_request_id == receipt.client_request_id);
            return require("a receipt belongs to the last attempt", is_same, detail);
        }
        Outcome::Refused(error) => {
            require("a refused id was refused", kind == Some(Kind::Refused), detail);
            require("a refused id was certainly not applied", !id.maybe_applied, detail);
            error
        }
        Outcome::NotApplied(error) => {
            require("a refused id is reported as refused", kind != Some(Kind::Refused), detail);
            require("an id reported as not applied was certainly not applied", !id.maybe_applied, detail);
            error
        }
        Outcome::Unknown(error) => {
            require("an unknown id may have been applied", id.maybe_applied, detail);
            error
        }
    };
    let is_settled = check.end.is_some() || !check.may_be_sent_again(position) || check.next_send_is_too_late(now);
    require("ids are sent again until they are settled", is_settled, detail);
    require("an accepted id is reported as accepted", kind != Some(Kind::Accepted), detail);
    let expected = last.map_or("not-attempted", |last| &last.label);
    require("a batch carries its last error", label(error) == expected, detail);
}

/// The call ends by a cause of its own, or when nothing is left to send.
fn check_cause(check: &Check, cause: &Error, batches: &[Batch]) {
    let cause = label(cause);
    if let Some((expected, _)) = &check.end {
        return require("the cause is what ended the call", cause == *expected, || format!("{cause}, not {expected}"));
    }
    let ends_early = match cause.as_str() {
        "deadline-exceeded" => check.settings.deadline.is_some(),
        _ => check.patience_ends().is_some(),
    };
    let is_of_a_batch = batches.iter().any(|batch| match &batch.outcome {
        Outcome::Accepted(_) => false,
        Outcome::Refused(error) | Outcome::NotApplied(error) | Outcome::Unknown(error) => label(error) == cause,
    });
    require("the cause is an error of the call", is_of_a_batch || ends_early, || cause.clone());
}

fn check_texts(outcome: &Outcome) {
    match outcome {
        Outcome::Accepted(receipt) => {
            check_text(receipt.request_id.as_deref(), 128);
            check_text(receipt.date.as_deref(), 128);
        }
        Outcome::Refused(error) | Outcome::NotApplied(error) | Outcome::Unknown(error) => check_error(error),
    }
}

fn check_error(error: &Error) {
    if let Some(GraphError { code, message, request_id, client_request_id, date, .. }) = error.response() {
        check_text(Some(message), 512);
        for text in [Some(code), Some(client_request_id), request_id.as_ref(), date.as_ref()] {
            check_text(text.map(String::as_str), 128);
        }
        return;
    }
    match error {
        // The text of the token provider follows the name of its error.
        Error::NoToken(text) => check_text(text.split_once(": ").map(|(_, text)| text), 128),
        Error::DeniedByHost(text) | Error::Unreachable(text) | Error::NoResponse(text) | Error::Other(text) => {
            check_text(Some(text), 128);
        }
        _ => {}
    }
}

fn check_text(text: Option<&str>, max: usize) {
    let text = text.unwrap_or_default();
    require("texts are cut", text.len() <= max, || text.to_owned());
    let mut run = 0;
    for character in text.chars() {
        run = if TOKEN_CHARACTERS.contains(character) { run + 1 } else { 0 };
        require("no text contains 24 characters of a token", run < MAX_RUN, || text.to_owned());
    }
}
