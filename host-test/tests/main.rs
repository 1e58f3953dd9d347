//! Tests of the plugin in a wasmtime host, in one program: it is linked once, and compiles the
//! plugin once.

mod actions;
mod arguments;
mod bisection;
mod calls;
mod cases;
mod component;
mod failing_connections;
mod failures;

mod memory;
mod outages;
mod queries;
mod rate_limit;
mod request;
mod sockets;
mod timeouts;
mod tokens;
mod transport;
mod uploads;
