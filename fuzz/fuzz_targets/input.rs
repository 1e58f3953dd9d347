//! `checks/input.rs` under libFuzzer, with the files of the command that it checks.

#![no_main]

#[path = "../../apps/cli/src/encoding.rs"]
mod encoding;
#[expect(dead_code, reason = "the target does not compare lists")]
#[path = "../../apps/cli/src/ids.rs"]
mod ids;
#[path = "../checks/input.rs"]
mod input;
#[path = "../../apps/cli/src/table.rs"]
mod table;

libfuzzer_sys::fuzz_target!(|data: &[u8]| input::run(data));
