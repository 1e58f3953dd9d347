//! `simulate --seeds 10000` plays that many bad days and says what was wrong with them; `simulate --seed 7` plays one and
//! tells it.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use clap::Parser;
use host_test::engine::Engine;
use host_test::sabotage::SABOTAGES;
use host_test::simulation::{Run, Summary};
use indicatif::{ProgressBar, ProgressStyle};

/// Plays bad days before a faithful Microsoft Graph, in virtual time, and checks what must hold after each.
#[derive(Parser)]
struct Arguments {
    /// Seeds to play, from 0 or from --from.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Plays this seed alone, and tells it.
    #[arg(long)]
    seed: Option<u64>,
    /// Breaks a promise of the component on purpose, by name; the name `list` lists them.
    #[arg(long = "break", value_name = "NAME")]
    sabotage: Option<String>,
    /// Threads.
    #[arg(long, default_value_t = thread::available_parallelism().map_or(1, usize::from))]
    threads: usize,
}

/// Broken promises to print: the first tell enough.
const SHOWN: usize = 20;

fn main() -> wasmtime::Result<ExitCode> {
    let arguments = Arguments::parse();
    let broken;
    let engine = match &arguments.sabotage {
        None => Engine::shared(),
        Some(name) => match SABOTAGES.iter().find(|sabotage| sabotage.name == name) {
            None => {
                SABOTAGES.iter().for_each(|sabotage| println!("{}: breaks \"{}\"", sabotage.name, sabotage.breaks));
                return Ok(verdict(name == "list"));
            }
            Some(sabotage) => {
                broken = Engine::load(&sabotage.build()?, &wasmtime::Config::new())?;
                &broken
            }
        },
    };
    if let Some(seed) = arguments.seed {
        let run = Run::play(engine, seed)?;
        print!("{run}");
        return Ok(verdict(run.violations.is_empty()));
    }

    let began = Instant::now();
    let summary = play_all(engine, &arguments)?;
    let seconds = began.elapsed().as_secs_f64();
    println!("{} runs of {} calls in {seconds:.1} s", summary.runs, summary.calls);
    println!("{} requests in {:.1} days of virtual time", summary.requests, summary.passed.as_secs_f64() / 86_400.0);
    println!("{} ids, {:.0} a second of real time", summary.ids, summary.ids as f64 / seconds);
    println!("batches: {}", list(summary.outcomes.iter()));
    println!("faults: {}", list(summary.faults.iter().map(|(kind, count)| (format!("{kind:?}"), count))));
    println!("violations: {}", summary.violations.len());
    for (seed, violation) in summary.violations.iter().take(SHOWN) {
        println!("  seed {seed}: {violation}");
    }
    Ok(verdict(summary.violations.is_empty()))
}

fn play_all(engine: &Engine, arguments: &Arguments) -> wasmtime::Result<Summary> {
    let style =
        ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {eta} to go").unwrap_or(ProgressStyle::default_bar());
    let progress = ProgressBar::new(arguments.seeds).with_style(style);
    let next = AtomicU64::new(arguments.from);
    let total = Mutex::new(Summary::default());
    let work = || -> wasmtime::Result<()> {
        let mut summary = Summary::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= arguments.from + arguments.seeds {
                break;
            }
            summary.add(Run::play(engine, seed)?);
            progress.inc(1);
        }
        total.lock().unwrap_or_else(|error| error.into_inner()).merge(summary);
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..arguments.threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    progress.finish_and_clear();
    let mut summary = total.into_inner().unwrap_or_else(|error| error.into_inner());
    summary.violations.sort_by_key(|(seed, _)| *seed);
    Ok(summary)
}

fn list(counts: impl Iterator<Item = (impl AsRef<str>, impl std::fmt::Display)>) -> String {
    counts.map(|(name, count)| format!("{} {count}", name.as_ref())).collect::<Vec<_>>().join(", ")
}

fn verdict(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
