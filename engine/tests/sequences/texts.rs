//! Checks every text in what a call reports: none is too long, and none contains a token.

use entra_risk_engine::contract::error::{Error, Response};
use entra_risk_engine::contract::report::Outcome;

use crate::sequences::check::require;
use crate::sequences::host::{MAX_RUN, TOKEN_CHARACTERS};

pub fn check_outcome(outcome: &Outcome) {
    match outcome {
        Outcome::Accepted(receipt) => {
            check_text(receipt.request_id.as_deref(), 128);
            check_text(receipt.date.as_deref(), 128);
        }
        Outcome::Refused(error) | Outcome::NotApplied(error) | Outcome::Unknown(error) => check_error(error),
    }
}

pub fn check_error(error: &Error) {
    require("a message says something", !error.message.is_empty(), String::new);
    check_text(Some(&error.message), 512);
    if let Some(Response { code, message, request_id, client_request_id, date, .. }) = &error.response {
        check_text(Some(message), 512);
        for text in [Some(code), Some(client_request_id), request_id.as_ref(), date.as_ref()] {
            check_text(text.map(String::as_str), 128);
        }
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
