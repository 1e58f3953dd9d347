//! A wasmtime host for entra-risk that stubs Microsoft Graph and proves what the component does.

pub mod bindings;
pub mod clock;
pub mod engine;
pub mod examples;
pub mod exchange;
pub mod front;
pub mod host;
mod playback;
pub mod plugin;
pub mod script;
pub mod server;
pub mod trial;
