//! Texts of the report: none contains the token, none is longer than stated.

use host_test::bindings::actions::Error;
use host_test::bindings::calls::Event;
use host_test::plugin::CANARY;

use crate::record::CallRecord;
use crate::token_log::TokenAnswer;
use crate::violation::Violations;

/// Maximum bytes of `message`, and of every other string from outside.
const MAX_MESSAGE_BYTES: usize = 512;
const MAX_TEXT_BYTES: usize = 128;

/// No run of this many characters of the token may be shown.
const MAX_RUN: usize = 24;

pub(crate) fn check(call: &CallRecord, violations: &mut Violations) {
    let errors = call.batches().iter().filter_map(|batch| batch.error.as_ref()).chain(call.cause());
    let waiting = call.nexts.iter().filter_map(|next| match &next.event {
        Event::Waiting(progress) => progress.error.as_ref(),
        _ => None,
    });
    // A token that was returned to an earlier call is not known to this one.
    let first = call.tokens.iter().find(|token| token.answer != TokenAnswer::Store);
    let knows_token = first.is_some_and(|token| token.answer == TokenAnswer::Usable);
    errors.chain(waiting).for_each(|error| check_text(error, knows_token, violations));
    for receipt in call.batches().iter().filter_map(|batch| batch.receipt.as_ref()) {
        let texts = [receipt.request_id.as_ref(), receipt.date.as_ref(), Some(&receipt.client_request_id)];
        texts.into_iter().flatten().for_each(|text| check_length(text, MAX_TEXT_BYTES, violations));
    }
}

fn check_text(error: &Error, knows_token: bool, violations: &mut Violations) {
    let mut texts = vec![(&error.message, MAX_MESSAGE_BYTES)];
    if error.message.is_empty() {
        violations.add("every error has a message", || error.case().into());
    }
    if let Some(response) = &error.response {
        texts.push((&response.message, MAX_MESSAGE_BYTES));
        texts.extend([&response.code, &response.client_request_id].map(|text| (text, MAX_TEXT_BYTES)));
        texts.extend([&response.request_id, &response.date].into_iter().flatten().map(|text| (text, MAX_TEXT_BYTES)));
    }
    for (text, max) in texts {
        check_length(text, max, violations);
        let shows = CANARY.as_bytes().windows(MAX_RUN).filter_map(|run| std::str::from_utf8(run).ok());
        if knows_token && shows.into_iter().any(|run| text.contains(run)) {
            violations.add("no text contains 24 characters of the token", || format!("in {}", error.case()));
        }
    }
}

fn check_length(text: &str, max: usize, violations: &mut Violations) {
    if text.len() > max {
        violations.add("texts are cut as stated", || format!("{} bytes, at most {max} allowed", text.len()));
    }
}
