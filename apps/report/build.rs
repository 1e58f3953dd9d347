//! Generates the bindings of the actions with one copy of the code that the four functions share.
//!
//! The four functions have the same type, and wit-bindgen generates for each of them 14 KiB that lower its arguments and
//! lift its result. Here it generates the first function only, and the call of its import becomes a parameter:
//!
//! ```text
//! dismiss_sign_ins ─┐                                                        ┌─ import "dismiss-sign-ins"
//! confirm_… ────────┼─ call(import, ids, options): lower, import(…), lift ───┼─ import "confirm-…"
//! dismiss_… ────────┘                                                        └─ import "dismiss-risky-users"
//! ```
//!
//! `src/bindings.rs` declares the imports. This saves 42 KiB in each app.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::Opts;

/// The functions that are not generated.
const SKIPPED: [&str; 3] = ["confirm-sign-ins-safe", "confirm-sign-ins-compromised", "dismiss-risky-users"];

/// What wit-bindgen generates, and what replaces it. Each text occurs once.
const REPLACEMENTS: [(&str, &str); 2] = [
    ("pub fn dismiss_sign_ins(", "pub(crate) fn call(import: unsafe extern \"C\" fn(*mut u8, *mut u8), "),
    ("wit_import9(ptr0, ptr8)", "import(ptr0, ptr8)"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut resolve = Resolve::default();
    for folder in ["../../wit", "wit"] {
        println!("cargo::rerun-if-changed={folder}");
    }
    resolve.push_path(Path::new("../../wit"))?;
    let (package, _) = resolve.push_path(Path::new("wit"))?;
    let world = resolve.select_world(&[package], None)?;
    let options = Opts { generate_all: true, skip: SKIPPED.map(str::to_owned).to_vec(), ..Opts::default() };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files)?;
    let (_, generated) = files.iter().next().ok_or("wit-bindgen generated no file")?;
    let mut bindings = str::from_utf8(generated)?.to_owned();
    for (from, to) in REPLACEMENTS {
        if bindings.matches(from).count() != 1 {
            return Err(format!("the generated bindings do not contain {from:?} once: adapt build.rs").into());
        }
        bindings = bindings.replace(from, to);
    }
    fs::write(Path::new(&env::var("OUT_DIR")?).join("bindings.rs"), bindings)?;
    Ok(())
}
