//! `simulate --seeds 10000` plays this many seeds and reports violated invariants; `simulate --seed
//! 7` plays one seed and prints its trace.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use simulation::{Mode, Subject, Summary, mutants};

/// Plays seeded runs of the plugin or the reader with a model of Microsoft Graph, in virtual time,
/// and checks the invariants after each.
#[derive(Parser)]
struct Arguments {
    /// The number of seeds to play.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Play only this seed, and print its trace.
    #[arg(long)]
    seed: Option<u64>,
    /// Play many instances that take turns in each run.
    #[arg(long)]
    many_instances: bool,
    /// Play lists of the reader.
    #[arg(long, conflicts_with = "many_instances")]
    lists: bool,
    /// Play a mutant; `list` lists the names.
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// Threads.
    #[arg(long, default_value_t = thread::available_parallelism().map_or(1, usize::from))]
    threads: usize,
}

/// The number of runs with violations to print.
const MAX_PRINTED: usize = 100;

fn main() -> wasmtime::Result<ExitCode> {
    let arguments = Arguments::parse();
    let subject = match &arguments.mutant {
        None if arguments.many_instances => Subject::of(Mode::ManyInstances)?,
        None if arguments.lists => Subject::of(Mode::Lists)?,
        None => Subject::of(Mode::Calls)?,
        Some(name) => match mutants().into_iter().find(|mutant| mutant.name == name) {
            None if name == "list" => {
                mutants().iter().for_each(|mutant| println!("{}: violates \"{}\"", mutant.name, mutant.violates));
                return Ok(ExitCode::SUCCESS);
            }
            None => {
                eprintln!("unknown mutant '{name}': --mutant list prints the names");
                return Ok(ExitCode::FAILURE);
            }
            Some(mutant) => mutant.build()?,
        },
    };
    if let Some(seed) = arguments.seed {
        let run = subject.play(seed)?;
        print!("{run}");
        return Ok(exit_code(run.violations().is_empty()));
    }

    let start = Instant::now();
    let summary = play_all(&subject, &arguments)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{} runs of {} calls in {seconds:.1} s", summary.runs, summary.calls);
    let Summary { driven, nexts, stops, abandoned, overlaps, .. } = &summary;
    println!(
        "{driven} driven with {nexts} next and {stops} stop, {abandoned} dropped unfinished; several open in {overlaps} runs"
    );
    println!("{} requests in {:.1} days of virtual time", summary.requests, summary.elapsed.as_secs_f64() / 86_400.0);
    println!("{} ids, {:.0} per second of real time", summary.ids, summary.ids as f64 / seconds);
    println!("batches: {}", list(summary.outcomes.iter()));
    println!("faults: {}", list(summary.faults.iter().map(|(kind, count)| (format!("{kind:?}"), count))));
    println!("violations: {}", list(summary.violated().iter()));
    let mut options = arguments.mutant.as_ref().map(|name| format!(" --mutant {name}")).unwrap_or_default();
    for (is_given, option) in [(arguments.many_instances, " --many-instances"), (arguments.lists, " --lists")] {
        options.push_str(if is_given { option } else { "" });
    }
    let mut violations = summary.violations.clone();
    violations.dedup_by_key(|(seed, _)| *seed);
    for (seed, violation) in violations.iter().take(MAX_PRINTED) {
        println!("  {violation}");
        println!("    replay: cargo run --release --bin simulate -- --seed {seed}{options}");
    }
    Ok(exit_code(summary.violations.is_empty()))
}

fn play_all(subject: &Subject, arguments: &Arguments) -> wasmtime::Result<Summary> {
    let style =
        ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {eta} left").unwrap_or(ProgressStyle::default_bar());
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
            subject.play(seed)?.add_to(&mut summary);
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

fn exit_code(success: bool) -> ExitCode {
    if success { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
