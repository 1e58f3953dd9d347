//! Lists what is at risk in Microsoft Entra ID Protection, as one WebAssembly component. The world
//! `reader` in `wit/` is its contract.
//!
//! The decisions are in `entra-risk-engine`. This crate connects them with WASI: `export` has the
//! exported resource, `driver` performs what the engine asks for with `entra-risk-transport`, and
//! `convert` maps types.

#![cfg(target_arch = "wasm32")]

mod bindings;
mod convert;
mod driver;
mod export;

/// What implements the exports of the component.
struct Reader;
