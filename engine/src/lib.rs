//! Every decision of entra-risk as pure Rust: no bindings, no clock, no I/O and no randomness. Time, random numbers,
//! tokens and responses are arguments.
//!
//! A call of an action is a [`Call`](call::Call): a state machine that returns what to do next. The modules in the order
//! in which a call uses them:
//!
//! - [`action`], [`endpoint`], [`id`], [`arguments`]: what the caller asks for, parsed once.
//! - [`call`]: which request is sent when, and what its response means for the others.
//! - `work`, `isolation`: which ids are sent together.
//! - [`rate_limit`], `circuit`, `patience`, `tokens`: when the next request may be sent; [`turns`]: when it may be sent
//!   so that several instances together keep the limit.
//! - [`token`], [`request`]: what is sent.
//! - [`response`], [`error`]: what came back, judged. [`json`], [`date`], [`decimal`] and [`challenge`] parse it.
//! - [`report`]: the outcome of every id.
//!
//! Token providers use [`destination`] to decide where a token may be sent, components with files [`directory`], and
//! everything that shows text from outside [`printable`].

pub mod action;
pub mod arguments;
pub mod call;
pub mod challenge;
mod circuit;
pub mod date;
pub mod decimal;
pub mod destination;
pub mod directory;
pub mod endpoint;
pub mod error;
pub mod id;
mod invariant;
mod isolation;
pub mod json;
mod patience;
pub mod printable;
mod random;
pub mod rate_limit;
pub mod report;
pub mod request;
pub mod response;
pub mod time;
pub mod token;
mod tokens;
pub mod turns;
mod work;
