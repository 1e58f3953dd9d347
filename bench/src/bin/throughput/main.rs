//! `throughput` measures how long large runs take under the documented limit: without trouble, in a rough world, and with
//! bad ids among the others. It prints tables, and writes each with a plot into a folder.

mod isolation;
mod large_runs;
mod page;
mod rough_world;

use std::path::PathBuf;

use clap::Parser;

/// Measures how long it takes to dismiss many users under the documented limit of one request per second.
#[derive(Parser)]
struct Arguments {
    /// The folder for the tables and plots.
    #[arg(long, default_value = "docs")]
    out: PathBuf,
}

fn main() -> wasmtime::Result<()> {
    let out = Arguments::parse().out;
    large_runs::write(&out)?;
    rough_world::write(&out)?;
    isolation::write(&out)
}
