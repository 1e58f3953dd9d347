//! Clears and confirms risk in Microsoft Entra ID Protection: four actions of Microsoft Graph as one WebAssembly
//! component.
//!
//! What the component promises is written in `wit/`, for those who call it. In here, a call takes this way:
//! [`input`] parses what the caller gives; `run` splits it into batches and sends them, asking [`token`] for the
//! credential, [`pace`] and [`retry`] when and whether; [`request`] says what is sent, `http` moves it, [`response`]
//! judges what comes back; [`error`] says what went wrong in the words of the contract.

#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used,
        reason = "a test may fail"
    )
)]

pub mod action;
pub mod bindings;
pub mod challenge;
pub mod date;
pub mod decimal;
pub mod error;
// The names of the exports are not for a native linker.
#[cfg(target_arch = "wasm32")]
mod export;
pub mod guid;
mod http;
pub mod input;
pub mod json;
pub mod pace;
pub mod request;
pub mod response;
pub mod retry;
mod run;
pub mod token;

use action::Action;
use bindings::exports::entra::risk::actions::{Failure, Guest, Options, Receipt};
use error::Error;
use input::Input;

/// The component's export.
struct Plugin;

impl Guest for Plugin {
    fn dismiss_sign_ins(request_ids: Vec<String>, options: Option<Options>) -> Result<Vec<Receipt>, Failure> {
        perform(&action::DISMISS_SIGN_INS, request_ids, options)
    }

    fn confirm_sign_ins_safe(request_ids: Vec<String>, options: Option<Options>) -> Result<Vec<Receipt>, Failure> {
        perform(&action::CONFIRM_SIGN_INS_SAFE, request_ids, options)
    }

    fn confirm_sign_ins_compromised(
        request_ids: Vec<String>,
        options: Option<Options>,
    ) -> Result<Vec<Receipt>, Failure> {
        perform(&action::CONFIRM_SIGN_INS_COMPROMISED, request_ids, options)
    }

    fn dismiss_risky_users(user_ids: Vec<String>, options: Option<Options>) -> Result<Vec<Receipt>, Failure> {
        perform(&action::DISMISS_RISKY_USERS, user_ids, options)
    }
}

fn perform(action: &'static Action, ids: Vec<String>, options: Option<Options>) -> Result<Vec<Receipt>, Failure> {
    match Input::parse(action, ids, options) {
        Ok(input) => run::run(action, input),
        Err(text) => Err(Failure { cause: Error::InvalidArgument(text).into(), batches: Vec::new() }),
    }
}
