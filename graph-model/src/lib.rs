//! A model of Microsoft Graph as the actions on risk and its lists see it: its routes, its checks
//! in their order, its service limits, its failures, and what is at risk. Unlike the real service,
//! it records what really happened to each request.

mod arrival;
mod collection;
mod directory;
mod entry;
mod exchange;
mod fault;
mod fault_body;
mod fault_response;
mod filter;
mod graph;
mod lexer;
mod limit;
mod list;
mod naming;
mod network;
mod outage;
mod request;
mod respond;
mod response;
mod route;
mod server;
mod settings;
mod state;
mod tokens;

pub use arrival::Arrival;
pub use collection::Collection;
pub use entry::Entry;
pub use exchange::{Behavior, Reply, Request, Response, Rest, Service, TransportError};
pub use fault::{Fault, FaultKind, RetryAfter};
pub use fault_body::{FaultBody, play};
pub use graph::Graph;
pub use limit::{Algorithm, Limit, OtherClients};
pub use naming::Naming;
pub use network::{Delay, Network};
pub use outage::Outage;
pub use response::CLAIMS;
pub use server::Server;
pub use settings::Settings;
