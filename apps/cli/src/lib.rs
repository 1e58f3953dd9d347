//! The command of entra-risk: a `wasi:cli/run` that uses the plugin. It reads ids, calls the plugin, prints the outcome
//! of every id, and keeps files with the outcomes and with the ids still to process.

use std::time::Duration;

use entra_risk_report::actions::Error;
use entra_risk_report::{ACTIONS, OutcomeKind, Report};

mod arguments;
mod bindings;
mod dry_run;
mod encoding;
mod ending;
mod file;
mod ids;
mod list;
mod log;
mod log_line;
mod outputs;
mod progress;
mod refused;
mod run;
mod slices;
mod stdio;
mod suggestion;
mod summary;
mod table;
mod values;

use arguments::{HELP, Job, parse};
use bindings::wasi::cli::{environment, exit};
use bindings::wasi::clocks::monotonic_clock;
use ids::Ids;
use outputs::Outputs;
use progress::Progress;
use run::Run;
use slices::Slices;
use stdio::{eprint, print};

/// The component's export.
struct Command;

/// Why nothing was sent, or why the result is incomplete.
enum Failure {
    /// The command line or the ids are wrong: nothing was sent.
    Usage(String),
    /// The answer to the question was no: nothing was sent.
    NotConfirmed,
    /// A file or standard output could not be written.
    Output(String),
}

impl bindings::exports::wasi::cli::run::Guest for Command {
    fn run() -> Result<(), ()> {
        let code = command().unwrap_or_else(|failure| {
            let (message, code) = match failure {
                Failure::Usage(message) => (message + "\nSee entra-risk --help.", 2),
                Failure::NotConfirmed => ("not confirmed: nothing was sent".to_owned(), 2),
                Failure::Output(message) => (message, 1),
            };
            eprint(&format!("entra-risk: {message}\n"));
            code
        });
        match code {
            0 => Ok(()),
            1 => Err(()),
            code => {
                exit::exit_with_code(code);
                Err(())
            }
        }
    }
}

/// Executes the command line. Returns the exit code.
fn command() -> Result<u8, Failure> {
    match parse(environment::get_arguments().into_iter().skip(1)).map_err(Failure::Usage)? {
        arguments::Command::Help => print(HELP).map_err(Failure::Output)?,
        arguments::Command::Version => {
            print(concat!("entra-risk ", env!("CARGO_PKG_VERSION"), "\n")).map_err(Failure::Output)?;
        }
        arguments::Command::Perform(job) => return perform(&job),
    }
    Ok(0)
}

fn perform(job: &Job) -> Result<u8, Failure> {
    let (ids, notes) = read(job).map_err(Failure::Usage)?;
    for note in notes.iter().filter(|_| !job.quiet) {
        eprint(&format!("entra-risk: {note}\n"));
    }
    let must_ask = must_ask(job, ids.len()).map_err(Failure::Usage)?;
    if job.dry_run {
        Outputs::check(job, &ids).map_err(Failure::Usage)?;
        return plan(job, &ids).map_err(Failure::Output).map(|()| 0);
    }
    if must_ask {
        ask(ids.len())?;
    }
    // Before anything is sent, so that a file that cannot be written is a usage error.
    let mut outputs = Outputs::begin(job, &ids).map_err(Failure::Usage)?;
    let (report, written) = send(job, &ids, &mut outputs);
    if let Some(Error::InvalidArgument(text)) = report.cause {
        return Err(Failure::Usage(text));
    }
    // Before an error of a file: whatever it was, this shows what was done.
    let printed = match job.json {
        true => print(&format!("{}\n", report.json(job.action))),
        false if job.quiet && report.cause.is_none() => Ok(()),
        false => print(&summary::summary(job.action, &report)),
    };
    written.and(printed).map_err(Failure::Output)?;
    Ok(exit_code(&report))
}

/// Reads the ids from the sources that the command line names, with notes for the user.
fn read(job: &Job) -> Result<(Vec<String>, Vec<String>), String> {
    let mut ids = Ids::default();
    for id in job.ids.iter().filter(|id| *id != "-") {
        ids.add(id, "argument");
    }
    let mut add = |input: &[u8], source: &str| match &job.column {
        Some(column) => ids.add_csv(input, column, source),
        None => {
            ids.add_lines(input, source);
            Ok(())
        }
    };
    for path in job.files.iter().filter(|path| *path != "-") {
        add(&file::read(path)?, path)?;
    }
    let no_other_source = job.ids.is_empty() && job.files.is_empty();
    if no_other_source && stdio::input_is_terminal() {
        return Err("expected ids as arguments, in --file or on standard input".to_owned());
    }
    if no_other_source || job.ids.iter().chain(&job.files).any(|text| text == "-") {
        add(&stdio::read_input()?, "standard input")?;
    }
    ids.finish()
}

/// Prints the requests that would be sent.
fn plan(job: &Job, ids: &[String]) -> Result<(), String> {
    if job.json {
        return dry_run::json(job, ids).try_for_each(|part| print(&part));
    }
    dry_run::text(job, ids).try_for_each(|request| print(&request))?;
    if !job.quiet {
        eprint(&dry_run::estimate(job, ids.len()));
    }
    Ok(())
}

/// Whether to ask first: in a terminal, before sign-ins are confirmed as compromised, because this can lock users out. The
/// error is that the question cannot be answered.
fn must_ask(job: &Job, ids: usize) -> Result<bool, String> {
    let [_, _, compromised, _] = &ACTIONS;
    let is_harmless = job.action.definition.name != compromised.definition.name || ids == 0;
    if job.yes || is_harmless || !stdio::error_is_terminal() {
        return Ok(false);
    }
    if !stdio::input_is_terminal() {
        let message = "add --yes: the question whether to confirm sign-ins as compromised cannot be answered, because \
                       standard input is not a terminal";
        return Err(message.to_owned());
    }
    Ok(true)
}

/// Asks whether to confirm so many sign-ins as compromised.
fn ask(ids: usize) -> Result<(), Failure> {
    eprint(&format!(
        "Confirm {ids} sign-ins as compromised? Microsoft Entra ID sets the risk of their users to high, which can lock \
         these users out.\nType yes to continue: "
    ));
    let answer = stdio::read_answer().map_err(Failure::Usage)?;
    if ["yes", "y"].iter().any(|yes| answer.eq_ignore_ascii_case(yes)) { Ok(()) } else { Err(Failure::NotConfirmed) }
}

/// Calls the plugin, shows the progress on a terminal, and keeps the files up to date.
fn send(job: &Job, ids: &[String], outputs: &mut Outputs) -> (Report, Result<(), String>) {
    let start = monotonic_clock::now();
    let elapsed = || Duration::from_nanos(monotonic_clock::now().saturating_sub(start));
    let slices = Slices::new(job.action, &job.options, ids.len());
    let progress = Progress { total: ids.len(), is_visible: stdio::error_is_terminal() && !job.quiet };
    progress.show(0, 0, 0.0, &slices);
    let slices = (progress.is_visible || outputs.are_watched()).then_some(slices);
    let mut run = Run { call: job.action.call, options: &job.options, slices, elapsed };
    let result = run.perform(ids, |report, rest, slices| {
        if let Some(slices) = slices {
            let done = ids.len().saturating_sub(rest.len());
            let failed = done.saturating_sub(report.ids(OutcomeKind::Accepted).count());
            progress.show(done, failed, elapsed().as_secs_f64(), slices);
        }
        outputs.update(job.action, report, rest)
    });
    progress.clear();
    result
}

/// 0: every id was accepted. 3: nothing could be done for lack of token, permission or connection. 1: anything else.
fn exit_code(report: &Report) -> u8 {
    let is_barred = match &report.cause {
        None => return 0,
        Some(
            Error::NoToken(_)
            | Error::DeniedByHost(_)
            | Error::Unauthenticated(_)
            | Error::Forbidden(_)
            | Error::Unreachable(_),
        ) => true,
        Some(Error::ClientError(graph)) => graph.status == 407,
        Some(_) => false,
    };
    let is_decided = |kind| report.ids(kind).next().is_some();
    let is_nothing_done =
        ![OutcomeKind::Accepted, OutcomeKind::Refused, OutcomeKind::Unknown].into_iter().any(is_decided);
    if is_barred && is_nothing_done { 3 } else { 1 }
}
