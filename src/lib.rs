//! Clears and confirms risk in Microsoft Entra ID Protection: four actions of Microsoft Graph as one WebAssembly
//! component. `wit/` is its contract.
//!
//! The decisions are in `entra-risk-engine`. This crate connects them with WASI: `export` contains the exported functions,
//! whose types are in `entra-risk-abi`, `run` performs what the engine asks for, `http` sends requests and reads responses,
//! and `convert` and `turns` map the types of the imports.

#![cfg(target_arch = "wasm32")]

mod bindings;
mod convert;
mod export;
mod http;
mod run;
#[cfg(feature = "shared")]
mod turns;
