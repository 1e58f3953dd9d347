//! The command of entra-risk: a `wasi:cli/run` that uses the plugin. It reads ids, calls the
//! plugin, prints the outcome of every id, and keeps files with the outcomes and with the ids still
//! to process.

use entra_risk_common::actions::{ErrorKind, Outcome};
use entra_risk_common::{Report, perform};

mod arguments;
mod bindings;
mod check;
mod claims;
mod column;
mod connection;
mod dry_run;
mod file;
#[cfg(test)]
mod fuzz_seeds;
mod hint;
mod ids;
mod input;
mod json;
mod line;
mod list;
mod log;
mod log_line;
mod mark;
mod needs;
mod outputs;
mod package;
mod plain_list;
mod plan;
mod progress;
mod question;
mod records;
mod refused;
mod remaining;
mod sources;
mod stdio;
mod suggestion;
mod summary;
mod table;
mod text;
mod values;

use arguments::{Check, HELP, Job, parse};
use bindings::wasi::cli::{environment, exit};
use ids::Labels;
use outputs::Outputs;
use package::Package;
use plan::Plan;
use progress::Progress;
use stdio::{eprint, lines, print};

/// The component's export.
struct Command;

/// The longest time in milliseconds without an event: the progress line and the file of
/// `--remaining` are updated at events.
const WAIT_MS: u32 = 400;

/// Why nothing was sent, or why the result is incomplete.
enum Failure {
    /// The command line or the ids are wrong: nothing was sent. Each text is a line.
    Usage(Vec<String>),
    /// The answer to the question was no: nothing was sent.
    NotConfirmed,
    /// A file or standard output could not be written.
    Output(String),
}

impl Failure {
    fn usage(message: String) -> Self {
        Failure::Usage(vec![message])
    }
}

impl bindings::exports::wasi::cli::run::Guest for Command {
    fn run() -> Result<(), ()> {
        let code = command().unwrap_or_else(|failure| {
            let (message, code) = match failure {
                Failure::Usage(mut message) => {
                    message.push("See entra-risk --help.".to_owned());
                    (message, 2)
                }
                Failure::NotConfirmed => (vec!["not confirmed: nothing was sent".to_owned()], 2),
                Failure::Output(message) => (vec![message], 1),
            };
            eprint(&format!("entra-risk: {}", lines(message)));
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

/// The argument before a command line that is not to be executed.
const NEEDS: &str = "--needs";

/// Executes the command line. Returns the exit code.
fn command() -> Result<u8, Failure> {
    let mut arguments: Vec<String> = environment::get_arguments().into_iter().skip(1).collect();
    let is_asked = arguments.first().is_some_and(|first| first == NEEDS);
    if is_asked {
        arguments.remove(0);
    }
    let (command, files) = parse(arguments).map_err(Failure::usage)?;
    let package = Package::of_environment();
    let connection = command.connection();
    connection.map_or(Ok(()), |connection| package.check(connection)).map_err(Failure::usage)?;
    if is_asked {
        print(&needs::needs(&command, &files)).map_err(Failure::Output)?;
        return Ok(0);
    }
    match command {
        arguments::Command::Help => print(HELP).map_err(Failure::Output)?,
        arguments::Command::Version => {
            print(concat!("entra-risk ", env!("CARGO_PKG_VERSION"), "\n")).map_err(Failure::Output)?;
        }
        arguments::Command::Perform(job) => return execute(&job, &package),
        arguments::Command::Check(check) => return look(&check),
    }
    Ok(0)
}

/// Looks at a token.
fn look(check: &Check) -> Result<u8, Failure> {
    let note = check.connection.note().map(|note| format!("entra-risk: {note}"));
    eprint(&lines(note));
    let found = check::look(check);
    print(&lines(found.lines)).map_err(Failure::Output)?;
    Ok(if found.is_usable { 0 } else { 3 })
}

fn execute(job: &Job, package: &Package) -> Result<u8, Failure> {
    let (input, sources) = sources::read(job).map_err(Failure::Usage)?;
    let plan = Plan::new(job, input.ids, &sources).map_err(Failure::usage)?;
    let question = question::question(job, plan.ids.len(), &input.doubts).map_err(Failure::Usage)?;
    // A question contains the doubts.
    let doubts = input.doubts.iter().filter(|_| question.is_none() || job.dry_run).map(String::as_str);
    let notes = input.notes.iter().chain(&plan.note).map(String::as_str).chain(doubts);
    for note in notes.chain(job.connection.note().filter(|_| !job.dry_run)).filter(|_| !job.quiet) {
        eprint(&format!("entra-risk: {}", lines([note])));
    }
    if job.dry_run {
        Plan::check(job).map_err(Failure::usage)?;
        return show(job, &plan.ids).map_err(Failure::Output).map(|()| 0);
    }
    if let Some(question) = question
        && !question::ask(&question).map_err(Failure::usage)?
    {
        return Err(Failure::NotConfirmed);
    }
    // Before anything is sent, so that a file that cannot be written is a usage error.
    let (mut outputs, ids) = Outputs::begin(job, plan).map_err(Failure::usage)?;
    let report = send(job, package, &ids, &input.labels, &mut outputs);
    if let Some(cause) = report.cause.as_ref().filter(|cause| cause.kind == ErrorKind::InvalidArgument) {
        return Err(Failure::usage(cause.message.clone()));
    }
    // Before an error of a file: whatever it was, this shows what was done.
    let printed = match job.json {
        true => print(&format!("{}\n", report.json(job.action))),
        false if job.quiet && report.cause.is_none() => Ok(()),
        false => print(&summary::summary(job.action, &report, &input.labels)),
    };
    outputs.error.map_or(Ok(()), Err).and(printed).map_err(Failure::Output)?;
    Ok(exit_code(&report))
}

/// Performs the action. Whatever the plugin reports is in the files before anything else is sent.
fn send(job: &Job, package: &Package, ids: &[String], labels: &Labels, outputs: &mut Outputs) -> Report {
    let mut progress = Progress::new(job, ids.len());
    let report = perform(job.action, ids, &package.route(&job.connection), Some(WAIT_MS), |call, event| {
        let could_write = outputs.error.is_none();
        outputs.update(job, labels, event);
        if could_write && outputs.error.is_some() {
            // The outcomes of the requests in flight belong into the summary.
            call.stop(None);
        }
        progress.update(event);
    });
    progress.clear();
    report
}

/// Prints the requests that would be sent.
fn show(job: &Job, ids: &[String]) -> Result<(), String> {
    if job.json {
        return dry_run::json(job, ids).try_for_each(|part| print(&part));
    }
    dry_run::text(job, ids).try_for_each(|request| print(&request))?;
    if !job.quiet {
        eprint(&dry_run::estimate(job, ids.len()));
    }
    Ok(())
}

/// 0: every id was accepted. 3: nothing could be done for lack of token, permission or connection.
/// 1: anything else.
fn exit_code(report: &Report) -> u8 {
    let Some(cause) = &report.cause else { return 0 };
    let is_barred = match cause.kind {
        ErrorKind::NoToken
        | ErrorKind::DeniedByHost
        | ErrorKind::Unauthenticated
        | ErrorKind::Forbidden
        | ErrorKind::Unreachable => true,
        ErrorKind::ClientError => cause.status() == Some(407),
        _ => false,
    };
    let is_nothing_done =
        [Outcome::Accepted, Outcome::Refused, Outcome::Unknown].into_iter().all(|outcome| report.count(outcome) == 0);
    if is_barred && is_nothing_done { 3 } else { 1 }
}
