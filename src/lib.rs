//! Clears and confirms risk in Microsoft Entra ID Protection: actions of Microsoft Graph as one
//! WebAssembly component. `wit/` is its contract.
//!
//! The decisions are in `entra-risk-engine`. This crate connects them with WASI: `export` has the
//! exported functions, `driver` performs what the engine asks for with `entra-risk-transport`,
//! `turns` asks other instances, and `convert` maps types.

#![cfg(target_arch = "wasm32")]

mod bindings;
mod convert;
mod driver;
mod export;
mod turns;

/// What implements the exports of the component.
struct Plugin;
