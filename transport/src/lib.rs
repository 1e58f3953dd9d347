//! Requests over `wasi:http`, and the clock and the random numbers of the host, for the components
//! of entra-risk. Nothing else in them uses the bindings of these interfaces.

mod host;
mod in_flight;
mod transport_error;

pub use host::{now, random};
pub use in_flight::{InFlight, State, exchange, wait};
