//! What the apps of entra-risk share: the calls of the plugin as imports, the names and defaults of
//! the contract, the options in the environment, the report of a call with its JSON form, writing
//! to the streams of the host, and the form of a time in a log.

mod action;
pub mod bindings;
mod call;
mod error;
mod group;
pub mod json;
mod options;
mod report;
mod settings;
pub mod stream;
mod timestamp;

pub use action::{ACTIONS, Action};
pub use bindings::entra::risk::{actions, calls};
pub use bindings::wasi::io;
pub use call::{drive, perform};
pub use entra_risk_engine::contract::printable::printable;
pub use group::Group;
pub use options::parse_cloud;
pub use report::Report;
pub use settings::{entries, parse_options, value};
pub use timestamp::timestamp;
