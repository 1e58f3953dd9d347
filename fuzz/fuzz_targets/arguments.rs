//! `checks/arguments.rs` under libFuzzer.

#![no_main]

#[path = "../checks/arguments.rs"]
mod arguments;

libfuzzer_sys::fuzz_target!(|data: &[u8]| arguments::run(data));
