//! `mutants` builds each mutant of the plugin and reports the first seed in which the simulation catches it.

use std::process::ExitCode;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use simulation::MUTANTS;

/// Builds each mutant of the plugin and reports the first seed in which the simulation catches it. Exits with 1 if it
/// does not catch one.
#[derive(Parser)]
struct Arguments {
    /// Seeds in which a mutant must be caught.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
}

fn main() -> wasmtime::Result<ExitCode> {
    let Arguments { seeds } = Arguments::parse();
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} mutants, {eta} left: {msg}")
        .unwrap_or(ProgressStyle::default_bar());
    let progress = ProgressBar::new(MUTANTS.len() as u64).with_style(style);
    let mut missed = 0;
    for mutant in MUTANTS {
        progress.set_message(mutant.name);
        let caught = mutant.first_caught(&mutant.build()?, 0..seeds)?;
        progress.suspend(|| match caught {
            Some(seed) => println!("{}: caught in seed {seed}: {}", mutant.name, mutant.violates),
            None => println!("{}: NOT CAUGHT within {seeds} seeds: {}", mutant.name, mutant.violates),
        });
        missed += usize::from(caught.is_none());
        progress.inc(1);
    }
    progress.finish_and_clear();
    println!("{} mutants, {missed} not caught", MUTANTS.len());
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
