//! Replays the fuzzing corpus of the input on the stable compiler.

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/checks/input.rs"]
mod input;

#[test]
fn input_seeds_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/input");
    let mut count = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        println!("{}", path.display());
        input::run(&fs::read(path).unwrap());
        count += 1;
    }
    assert!((1..=150).contains(&count), "{count} seeds");
}
