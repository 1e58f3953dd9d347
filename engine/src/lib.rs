//! Every decision of entra-risk as pure Rust: no bindings, no clock, no I/O and no randomness.
//! Time, random numbers, tokens and responses are arguments.
//!
//! A call of an action is a [`Call`](call::Call): a state machine that returns what to do next.

mod backoff;
pub mod call;
pub mod decimal;
mod invariant;
mod random;
pub mod time;

pub mod contract {
    //! What callers and hosts see: arguments, tokens, errors and reports.

    pub mod action;
    pub mod arguments;
    pub mod endpoint;
    pub mod error;
    pub mod id;
    pub mod printable;
    pub mod report;
    pub mod token;
}

pub mod http {
    //! Requests as they are sent, and responses as they arrive.

    pub mod challenge;
    pub mod date;
    pub mod json;
    pub(crate) mod judgement;
    pub mod request;
    pub mod response;
    pub mod transport_error;
}

pub mod limit {
    //! When a request may be sent so that the limit of the service is kept.

    pub(crate) mod announcement;
    pub(crate) mod hold;
    pub mod instance;
    pub mod margin;
    pub(crate) mod rate_limit;
    pub mod turn;
    pub(crate) mod turn_state;
    pub mod turns;
}
