//! What the apps of entra-risk share: the four actions as imports, the names and defaults of the contract, and the
//! report of a call with its JSON form.

mod action;
pub mod bindings;
mod error;
mod json;
mod options;
mod report;

pub use action::{ACTIONS, Action, CallResult};
pub use bindings::entra::risk::actions;
pub use options::parse_cloud;
pub use report::{OutcomeKind, Report};
