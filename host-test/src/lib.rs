//! A wasmtime host for entra-risk, in which the tests run the plugin before services in this
//! process or on loopback.

pub mod bindings;
pub mod body_stream;
pub mod case;
pub mod checked_call;
mod checked_report;
pub mod clock;
pub mod component;
pub mod examples;
pub mod host;
mod http_client;
pub mod keyvalue;
pub mod plugin;
pub mod reader;
pub mod reentry;
pub mod script;
mod upload;
