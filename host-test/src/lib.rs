//! A wasmtime host for entra-risk that stubs Microsoft Graph and proves what the component does.

pub mod bindings;
pub mod bulk;
pub mod clock;
pub mod dist;
pub mod engine;
pub mod examples;
pub mod exchange;
pub mod front;
pub mod graph;
pub mod host;
pub mod peer;
mod playback;
pub mod plugin;
pub mod sabotage;
pub mod script;
pub mod server;
pub mod simulation;
pub mod trial;
