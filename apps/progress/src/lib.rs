//! Updates the progress line of the command while the plugin works. A call of the plugin blocks the command, so this component
//! stands between the plugin and its token adapter, and counts the token requests:
//!
//! ```text
//!   command ── actions ──▶ plugin ── get-token ──▶ progress ── get-token ──▶ token adapter
//!      └──────────── show(lines) ─────────────────────▲ └──▶ standard error
//! ```
//!
//! It is made for size: tokens pass through as the canonical ABI lays them out, the command formats the lines, and nothing is
//! allocated for longer than a call.

#![cfg(target_arch = "wasm32")]

mod bindings;
mod export;
mod line;
mod memory;
