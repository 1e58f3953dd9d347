//! The library in front of servers on loopback, in real time.

mod actions;
mod destinations;
mod limits;
mod proxies;
mod proxy_server;
mod service;
mod tenants;
mod tls;
mod tls_server;
mod tokens;
mod tracing;
