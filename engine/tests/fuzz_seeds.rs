//! Replays the fuzzing corpus on the stable compiler.

#[path = "../../fuzz/checks/arguments.rs"]
mod arguments;
#[path = "../../fuzz/checks/response.rs"]
mod response;

use std::fs;
use std::path::Path;

#[test]
fn arguments_seeds_pass() {
    replay("arguments", arguments::run);
}

#[test]
fn response_seeds_pass() {
    replay("response", response::run);
}

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let mut count = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        println!("{}", path.display());
        run(&fs::read(path).unwrap());
        count += 1;
    }
    assert!((1..=150).contains(&count), "{count} seeds");
}
