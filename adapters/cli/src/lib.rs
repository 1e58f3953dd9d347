//! entra-risk as a command: a `wasi:cli/run` over the plugin. It reads ids, calls the plugin, says what became of
//! every id, and keeps what is left to be run again.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

use std::time::Duration;

use entra_risk_account::actions::Error;
use entra_risk_account::{Account, Fate};

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
use stdio::{Progress, complain, print};

/// Requests in a slice while somebody watches, at least: with fewer, waiting for the last answer of a slice would
/// lower the rate. For the documented limits it means news every 5 or 10 seconds.
const SLICE: u32 = 5;

/// The component's export.
struct Command;

impl bindings::exports::wasi::cli::run::Guest for Command {
    fn run() -> Result<(), ()> {
        match command() {
            Ok(true) => Ok(()),
            Ok(false) => Err(()),
            Err(usage) => {
                complain(&format!("entra-risk: {usage}\nSee entra-risk --help.\n"));
                exit::exit_with_code(2);
                Err(())
            }
        }
    }
}

/// Does what the command line says: whether every id was accepted, or else what is wrong with the usage.
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
        complain(&format!("entra-risk: {} repeated ids are sent once\n", ids.repeated));
    }
    let ids = ids.list;
    if job.dry_run {
        dry_run::requests(&job, &ids).for_each(|request| print(&request));
        complain(&dry_run::estimate(&job, ids.len()));
        return Ok(true);
    }
    // Before anything is sent, so that no account is lost to a file that cannot be written.
    let left = job.left.take().map(List::open).transpose()?;
    let refused = job.refused.take().map(List::open).transpose()?;
    if let Some(left) = &left {
        left.write(ids.iter().map(String::as_str))?;
    }
    let account = send(&job, &ids, left.as_ref());
    if let Some(Error::InvalidArgument(text)) = &account.cause {
        return Err(text.clone());
    }
    print(&match job.json {
        true => format!("{}\n", account.json(job.action)),
        false => summary::summary(job.action, &account),
    });
    keep(left.as_ref(), to_run_again(&account));
    keep(refused.as_ref(), account.ids(Fate::Refused));
    Ok(account.cause.is_none())
}

/// The ids, from wherever the command line says.
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
    let nothing_else = job.ids.is_empty() && job.file.is_none();
    if nothing_else && stdio::input_is_terminal() {
        return Err("no ids given".to_owned());
    }
    if nothing_else || job.ids.iter().any(dash) || job.file.as_ref().is_some_and(dash) {
        add(&stdio::read_input()?, "standard input")?;
    }
    Ok(ids)
}

/// Calls the plugin, and shows the progress to whoever watches.
fn send(job: &Job, ids: &[String], left: Option<&List>) -> Account {
    let start = monotonic_clock::now();
    let elapsed = || Duration::from_nanos(monotonic_clock::now().saturating_sub(start));
    let progress = Progress::new(job.action.name, ids.len());
    let slice = job.options.max_in_flight.unwrap_or(SLICE).max(SLICE) as usize;
    let run = Run { call: job.action.call, options: &job.options, slice: progress.watched.then_some(slice), elapsed };
    progress.show(0, 0, Duration::ZERO);
    let account = run.perform(ids, |account, rest| {
        let done = ids.len().saturating_sub(rest.len());
        progress.show(done, done.saturating_sub(account.ids(Fate::Accepted).count()), elapsed());
        keep(left, to_run_again(account).chain(rest.iter().map(String::as_str)));
    });
    progress.clear();
    account
}

/// Ids that may be or must be sent again.
fn to_run_again(account: &Account) -> impl Iterator<Item = &str> {
    let wanted = account.batches.iter().filter(|batch| matches!(batch.fate(), Fate::Unknown | Fate::Unsent));
    wanted.flat_map(|batch| batch.ids.iter().map(String::as_str))
}

/// Writes a list where one was asked for. What was done is done, so that a failure is only told.
fn keep<'a>(list: Option<&List>, ids: impl Iterator<Item = &'a str>) {
    if let Some(Err(error)) = list.map(|list| list.write(ids)) {
        complain(&format!("entra-risk: {error}\n"));
    }
}
