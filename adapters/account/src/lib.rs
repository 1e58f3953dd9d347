//! What the two fronts of the plugin, the command and the gateway, have in common: the four actions as they call
//! them, the account of what became of every id, and that account as JSON.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod account;
mod action;
pub mod bindings;
mod error;
mod json;

pub use account::{Account, Fate};
pub use action::{ACTIONS, Action, Answer, is_guid};
pub use bindings::entra::risk::actions;
