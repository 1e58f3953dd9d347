//! `checks/response.rs` under libFuzzer.

#![no_main]

#[path = "../checks/response.rs"]
mod response;

libfuzzer_sys::fuzz_target!(|data: &[u8]| response::run(data));
