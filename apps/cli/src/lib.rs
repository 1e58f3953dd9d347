//! The command of entra-risk: a `wasi:cli/run` that uses the plugin. It reads ids, calls the plugin, prints the outcome
//! of every id, and maintains a file with the ids still to process.

use std::time::Duration;

use entra_risk_report::actions::Error;
use entra_risk_report::{OutcomeKind, Report};

mod arguments;
mod bindings;
mod dry_run;
mod file;
mod ids;
mod run;
mod stdio;
mod summary;

use arguments::{Job, parse};
use bindings::wasi::cli::{environment, exit};
use bindings::wasi::clocks::monotonic_clock;
use file::List;
use ids::Ids;
use run::Run;
use stdio::{Progress, eprint, print};

/// Minimum requests in a slice if a progress line is shown. Fewer would lower the rate, because each slice ends with a
/// wait for its last response. With the documented limits, a slice takes 5 or 10 seconds if no id is refused.
const MIN_SLICE_REQUESTS: u32 = 5;

/// The component's export.
struct Command;

impl bindings::exports::wasi::cli::run::Guest for Command {
    fn run() -> Result<(), ()> {
        match command() {
            Ok(true) => Ok(()),
            Ok(false) => Err(()),
            Err(usage) => {
                eprint(&format!("entra-risk: {usage}\nSee entra-risk --help.\n"));
                exit::exit_with_code(2);
                Err(())
            }
        }
    }
}

/// Executes the command line. Returns whether every id was accepted. The error is a usage error.
fn command() -> Result<bool, String> {
    match parse(environment::get_arguments().into_iter().skip(1))? {
        arguments::Command::Help => print(include_str!("help.txt")),
        arguments::Command::Version => print(concat!("entra-risk ", env!("CARGO_PKG_VERSION"), "\n")),
        arguments::Command::Perform(job) => return perform(*job),
    }
    Ok(true)
}

fn perform(mut job: Job) -> Result<bool, String> {
    let ids = read(&job)?;
    if ids.repeated > 0 {
        eprint(&format!("entra-risk: {} repeated ids are sent once\n", ids.repeated));
    }
    let ids = ids.list;
    if job.dry_run {
        dry_run::requests(&job, &ids).for_each(|request| print(&request));
        eprint(&dry_run::estimate(&job, ids.len()));
        return Ok(true);
    }
    // Opened before anything is sent, so that a file that cannot be written is a usage error.
    let remaining = job.remaining.take().map(List::open).transpose()?;
    let refused = job.refused.take().map(List::open).transpose()?;
    if let Some(remaining) = &remaining {
        remaining.write(ids.iter().map(String::as_str))?;
    }
    let report = send(&job, &ids, remaining.as_ref());
    if let Some(Error::InvalidArgument(text)) = &report.cause {
        return Err(text.clone());
    }
    print(&match job.json {
        true => format!("{}\n", report.json(job.action)),
        false => summary::summary(job.action, &report),
    });
    write(remaining.as_ref(), remaining_ids(&report));
    write(refused.as_ref(), report.ids(OutcomeKind::Refused));
    Ok(report.cause.is_none())
}

/// Reads the ids from the sources that the command line names.
fn read(job: &Job) -> Result<Ids, String> {
    let mut ids = Ids::default();
    for id in job.ids.iter().filter(|id| *id != "-") {
        ids.add(id, "argument")?;
    }
    let mut add = |input: &[u8], source: &str| match &job.column {
        Some(column) => ids.add_csv(input, column, source),
        None => ids.add_lines(input, source),
    };
    let dash = |text: &String| text == "-";
    if let Some(path) = job.file.as_ref().filter(|path| !dash(path)) {
        add(&file::read(path)?, path)?;
    }
    let no_other_source = job.ids.is_empty() && job.file.is_none();
    if no_other_source && stdio::input_is_terminal() {
        return Err("expected ids as arguments, in --file or on standard input".to_owned());
    }
    if no_other_source || job.ids.iter().any(dash) || job.file.as_ref().is_some_and(dash) {
        add(&stdio::read_input()?, "standard input")?;
    }
    Ok(ids)
}

/// Calls the plugin, and shows the progress on a terminal.
fn send(job: &Job, ids: &[String], remaining: Option<&List>) -> Report {
    let start = monotonic_clock::now();
    let elapsed = || Duration::from_nanos(monotonic_clock::now().saturating_sub(start));
    let progress = Progress::new(job.action.definition.name, ids.len());
    let slice = job.options.max_in_flight.unwrap_or(MIN_SLICE_REQUESTS).max(MIN_SLICE_REQUESTS) as usize;
    let run = Run { call: job.action.call, options: &job.options, slice: progress.visible.then_some(slice), elapsed };
    progress.show(0, 0, Duration::ZERO);
    let report = run.perform(ids, |report, rest| {
        let done = ids.len().saturating_sub(rest.len());
        progress.show(done, done.saturating_sub(report.ids(OutcomeKind::Accepted).count()), elapsed());
        write(remaining, remaining_ids(report).chain(rest.iter().map(String::as_str)));
    });
    progress.clear();
    report
}

/// The ids in the report to process again.
fn remaining_ids(report: &Report) -> impl Iterator<Item = &str> {
    let batches = report.batches.iter().filter(|batch| summary::remains(batch));
    batches.flat_map(|batch| batch.ids.iter().map(String::as_str))
}

/// Writes a list, if there is one. Requests were already sent, so a failure is printed and does not end the run.
fn write<'a>(list: Option<&List>, ids: impl Iterator<Item = &'a str>) {
    if let Some(Err(error)) = list.map(|list| list.write(ids)) {
        eprint(&format!("entra-risk: {error}\n"));
    }
}
