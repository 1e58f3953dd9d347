//! A wasmtime host for entra-risk that stubs Microsoft Graph and proves what the component does.

pub mod exchange;
pub mod graph;
pub mod simulation;
