//! Texts of the report: none contains the token, none is longer than stated.

use host_test::bindings::actions::Error;
use host_test::plugin::CANARY;

use super::Violations;
use crate::record::{error, receipt};
use crate::{CallRecord, TokenAnswer};

/// Maximum bytes of `message`, and of every other string from outside.
const MAX_MESSAGE_BYTES: usize = 512;
const MAX_TEXT_BYTES: usize = 128;

/// No run of so many characters of the token is shown.
const MAX_RUN: usize = 24;

pub(super) fn check(call: &CallRecord, violations: &mut Violations) {
    let errors = call.batches().iter().filter_map(|batch| error(batch)).chain(call.cause());
    for error in errors {
        // A token that was returned to an earlier call is not known to this one.
        let knows_token = call
            .tokens
            .iter()
            .find(|token| token.answer != TokenAnswer::Store)
            .is_some_and(|token| token.answer == TokenAnswer::Usable);
        check_text(error, knows_token, violations);
    }
    for batch in call.batches() {
        if let Some(receipt) = receipt(batch) {
            let texts = [receipt.request_id.as_ref(), receipt.date.as_ref(), Some(&receipt.client_request_id)];
            texts.into_iter().flatten().for_each(|text| check_length(text, MAX_TEXT_BYTES, violations));
        }
    }
}

fn check_text(error: &Error, knows_token: bool, violations: &mut Violations) {
    let mut texts = Vec::new();
    match error {
        Error::NoToken(text) | Error::Unreachable(text) | Error::NoResponse(text) | Error::DeniedByHost(text) => {
            // The plugin's own words, and a text from outside.
            texts.push((text, MAX_TEXT_BYTES + 32));
        }
        Error::InvalidArgument(text) | Error::Other(text) => texts.push((text, MAX_MESSAGE_BYTES)),
        _ => {}
    }
    if let Some(error) = error.graph_error() {
        texts.push((&error.message, MAX_MESSAGE_BYTES));
        texts.extend([&error.code, &error.client_request_id].map(|text| (text, MAX_TEXT_BYTES)));
        texts.extend([&error.request_id, &error.date].into_iter().flatten().map(|text| (text, MAX_TEXT_BYTES)));
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
