//! Texts of the report: none contains the token, none is longer than stated.

use host_test::bindings::actions::Error;
use host_test::bindings::calls::Event;
use host_test::plugin::CANARY;

use crate::record::CallRecord;
use crate::token_log::TokenAnswer;
use crate::violation::Violations;

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
        texts.into_iter().flatten().for_each(|text| check_length(text, Text::MAX_TEXT_BYTES, violations));
    }
}

fn check_text(error: &Error, knows_token: bool, violations: &mut Violations) {
    let mut texts = vec![Text(&error.message, Text::MAX_MESSAGE_BYTES)];
    if let Some(response) = &error.response {
        texts.push(Text(&response.message, Text::MAX_MESSAGE_BYTES));
        texts.extend([&response.code, &response.client_request_id].map(|text| Text(text, Text::MAX_TEXT_BYTES)));
        let others = [&response.request_id, &response.date].into_iter().flatten();
        texts.extend(others.map(|text| Text(text, Text::MAX_TEXT_BYTES)));
    }
    check_texts(&texts, knows_token, error.case(), violations);
}

/// A text of an error, and the maximum of its bytes. The first one is the message.
pub(crate) struct Text<'a>(pub(crate) &'a str, pub(crate) usize);

impl Text<'_> {
    /// Maximum bytes of `message`.
    pub(crate) const MAX_MESSAGE_BYTES: usize = 512;
    /// Maximum bytes of every other string from outside.
    pub(crate) const MAX_TEXT_BYTES: usize = 128;
}

/// Checks the texts of an error of this kind.
pub(crate) fn check_texts(texts: &[Text<'_>], knows_token: bool, kind: &str, violations: &mut Violations) {
    if texts.first().is_some_and(|Text(message, _)| message.is_empty()) {
        violations.add("every error has a message", || kind.into());
    }
    for Text(text, max) in texts {
        check_length(text, *max, violations);
        let shows = CANARY.as_bytes().windows(MAX_RUN).filter_map(|run| std::str::from_utf8(run).ok());
        if knows_token && shows.into_iter().any(|run| text.contains(run)) {
            violations.add("no text contains 24 characters of the token", || format!("in {kind}"));
        }
    }
}

fn check_length(text: &str, max: usize, violations: &mut Violations) {
    if text.len() > max {
        violations.add("texts are cut as stated", || format!("{} bytes, at most {max} allowed", text.len()));
    }
}
