//! What the apps of entra-risk share: the four actions as imports, the names and defaults of the contract, the report of
//! a call with its JSON form, and the form of a time in a log.

mod action;
pub mod bindings;
mod call;
mod error;
pub mod json;
mod options;
mod report;
mod timestamp;

pub use action::{ACTIONS, Action, CallResult};
pub use bindings::entra::risk::actions;
pub use options::parse_cloud;
pub use report::{OutcomeKind, Report, RequestIds};
pub use timestamp::timestamp;
