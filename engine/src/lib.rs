//! Every decision of entra-risk as pure Rust: no bindings, no clock, no I/O and no randomness.
//! Time, random numbers, tokens and responses are arguments.
//!
//! A [`Call`](call::Call) of an action is a state machine that returns what to do next, and so is a
//! [`Query`](query::Query), which reads a list. The rest of the engine stands in three wings beside
//! them, which import each other only in the direction of the arrows. All of them may use
//! `backoff`, `decimal`, `invariant`, `random` and `time`:
//!
//! ```text
//! query ──▶ call ──▶ limit ──▶ contract
//!   └─────────┴────▶ http ────────▲
//! ```

mod backoff;
pub mod call;
pub mod decimal;
mod invariant;
pub mod query;
mod random;
pub mod time;

pub mod contract {
    //! What callers, token providers and the component share: actions, arguments, tokens, errors
    //! and reports.

    pub mod action;
    pub mod arguments;
    pub mod collection;
    pub mod endpoint;
    pub mod error;
    pub mod id;
    pub mod printable;
    pub mod report;
    pub mod token;
    pub mod verification;
}

pub mod http {
    //! Requests, and what their responses or the lack of one mean.

    pub mod challenge;
    pub mod date;
    pub mod json;
    pub(crate) mod judgment;
    pub mod request;
    pub mod response;
    pub mod transport_error;
}

pub mod limit {
    //! When a request may be sent so that the limit of the service is kept, by one instance and by
    //! many.

    mod announcement;
    pub(crate) mod hold;
    pub mod instance;
    pub(crate) mod known_holds;
    pub mod margin;
    pub(crate) mod rate_limit;
    pub(crate) mod turn_state;
    pub mod turn_step;
    pub mod with_turns;
}
