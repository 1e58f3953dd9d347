//! Every decision of entra-risk as pure Rust: no bindings, no clock, no I/O and no randomness.

pub mod action;
pub mod challenge;
pub mod date;
pub mod decimal;
pub mod endpoint;
pub mod guid;
pub mod json;
