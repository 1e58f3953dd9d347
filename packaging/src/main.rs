//! Writes everything that users get to `target/dist`. With arguments, composes a component of the
//! user instead.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, bail};

const USAGE: &str = "usage: packaging [compose CALLER OUTPUT]: without arguments, writes target/dist; with `compose`, \
                     writes to OUTPUT the component in CALLER, composed with the plugin and env-token";

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    match arguments.as_slice() {
        [] => write_products(),
        [command, caller, output] if command == Path::new("compose") => write_caller(caller, output),
        _ => bail!(USAGE),
    }
}

fn write_products() -> Result<()> {
    for (file, size) in packaging::write()? {
        println!("{file}: {size} bytes");
    }
    Ok(())
}

fn write_caller(caller: &Path, output: &Path) -> Result<()> {
    let component = fs::read(caller).with_context(|| caller.display().to_string())?;
    let composed = packaging::compose_caller(&component).with_context(|| caller.display().to_string())?;
    fs::write(output, &composed).with_context(|| output.display().to_string())?;
    println!("{}: {} bytes", output.display(), composed.len());
    Ok(())
}
