//! `mutants` builds each mutant and reports the first seed in which the simulation
//! catches it.

use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::thread;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use simulation::mutants;

/// Builds each mutant of the plugin and the reader, and reports the first seed in which the
/// simulation catches it. Exits with 1 if it does not catch one.
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
    let all = mutants();
    let progress = ProgressBar::new(all.len() as u64).with_style(style);
    let (built, to_play) = sync_channel(1);
    // The next mutant is built while one is played.
    let builder =
        thread::spawn(move || mutants().into_iter().all(|mutant| built.send((mutant, mutant.build())).is_ok()));
    let (mut missed, mut last) = (0, 0);
    for (mutant, subject) in to_play {
        progress.set_message(mutant.name);
        let subject = match subject {
            Ok(subject) => subject,
            Err(error) => {
                progress.suspend(|| println!("{}: NOT BUILT: {error:?}", mutant.name));
                missed += 1;
                continue;
            }
        };
        let caught = mutant.first_caught(&subject, 0..seeds)?;
        progress.suspend(|| match caught {
            Some(seed) => println!("{}: caught in seed {seed}: {}", mutant.name, mutant.violates),
            None => println!("{}: NOT CAUGHT within {seeds} seeds: {}", mutant.name, mutant.violates),
        });
        missed += usize::from(caught.is_none());
        last = last.max(caught.unwrap_or_default());
        progress.inc(1);
    }
    drop(builder.join());
    progress.finish_and_clear();
    println!("{} mutants, {missed} not caught, the last one in seed {last}", all.len());
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
