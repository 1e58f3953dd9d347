//! Writes everything that users get to `target/dist`. With arguments, composes a component of the
//! user instead.

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context, Result, bail};

const USAGE: &str = "usage: packaging [compose PLAYBOOK OUTPUT]: without arguments, writes target/dist; with `compose`, \
                     writes to OUTPUT the component in PLAYBOOK, composed with the plugin and env-token";

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [] => write_products(),
        [command, playbook, output] if command == "compose" => write_playbook(playbook.into(), output.into()),
        _ => bail!(USAGE),
    }
}

fn write_products() -> Result<()> {
    for (name, size) in packaging::write()? {
        println!("target/dist/{name}.wasm: {size} bytes");
    }
    Ok(())
}

fn write_playbook(playbook: PathBuf, output: PathBuf) -> Result<()> {
    let bytes = packaging::compose_playbook(&playbook).with_context(|| playbook.display().to_string())?;
    fs::write(&output, &bytes).with_context(|| output.display().to_string())?;
    println!("{}: {} bytes", output.display(), bytes.len());
    Ok(())
}
