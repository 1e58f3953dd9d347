//! What the components of entra-risk need of their host: requests over `wasi:http`, the clock,
//! random numbers, and one function of an instance at a time. Nothing else in them uses the
//! bindings of these interfaces.

mod download;
mod host;
mod in_flight;
mod running;
mod transport_error;
mod upload;

pub use host::{now, random};
pub use in_flight::{InFlight, State, exchange, wait};
pub use running::Running;
