//! `checks/input.rs` under libFuzzer, with the files of the command that it checks.

#![no_main]

#[path = "../../apps/cli/src/column.rs"]
mod column;
#[path = "../../apps/cli/src/hint.rs"]
mod hint;
#[expect(dead_code, reason = "the target does not compare lists")]
#[path = "../../apps/cli/src/ids.rs"]
mod ids;
#[path = "../../apps/cli/src/input.rs"]
mod input;
#[path = "../checks/input.rs"]
mod input_check;
#[expect(dead_code, reason = "the target reads no lines of logs")]
#[path = "../../apps/cli/src/json.rs"]
mod json;
#[path = "../../apps/cli/src/plain_list.rs"]
mod plain_list;
#[path = "../../apps/cli/src/records.rs"]
mod records;
#[path = "../../apps/cli/src/table.rs"]
mod table;
#[path = "../../apps/cli/src/text.rs"]
mod text;
#[path = "../../apps/cli/src/wanted.rs"]
mod wanted;

libfuzzer_sys::fuzz_target!(|data: &[u8]| input_check::run(data));
