//! The library in front of servers on loopback, in real time.

#![expect(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "tests may fail")]

mod abandoned;
mod actions;
mod calls;
mod destinations;
mod echo;
mod limits;
mod lists;
mod printable;
mod proxies;
mod proxy_server;
mod service;
mod tenants;
mod tls;
mod tls_server;
mod tokens;
mod tracing;
