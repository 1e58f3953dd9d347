//! A run: the ids, the question, the action, and what came of it.

use std::mem;
use std::time::Duration;

use entra_risk_common::actions::{ErrorKind, Outcome};
use entra_risk_common::{Report, perform};

use crate::Failure;
use crate::command::Verify;
use crate::ids::Labels;
use crate::job::Job;
use crate::log::Log;
use crate::outputs::Outputs;
use crate::package::Package;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::status::StatusLine;
use crate::stdio::{eprint, lines, now, print, sleep_until};
use crate::verify::{Awaited, Verified};
use crate::{dry_run, is_barred, question, sources, summary};

/// The longest time in milliseconds without an event: the progress line and the file of
/// `--remaining` are updated at events.
const WAIT_MS: u32 = 400;

/// Performs an action. Returns the exit code.
pub(crate) fn execute(job: &Job, package: &Package) -> Result<u8, Failure> {
    let (mut input, sources) = sources::read(job, package)?;
    let plan = Plan::new(job, mem::take(&mut input.ids), &sources).map_err(Failure::usage)?;
    let question = question::question(job, plan.ids.len(), &input).map_err(Failure::Usage)?;
    let listed = question::listed(job, plan.ids.len(), &input, false);
    // A question contains these.
    let asked = input.doubts.iter().chain(&listed).filter(|_| question.is_none() || job.dry_run);
    for note in input.notes.iter().chain(&plan.note).chain(asked).filter(|_| !job.quiet) {
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
    let listed = input.listed.as_ref().filter(|_| !ids.is_empty());
    if let Some(listed) = listed {
        pass_window(job, listed.end);
    }
    let took = listed.map(|listed| listed.time).unwrap_or_default();
    let report = send(job, package, took, &ids, &input.labels, &mut outputs);
    if let Some(cause) = report.cause.as_ref().filter(|cause| cause.kind == ErrorKind::InvalidArgument) {
        return Err(Failure::usage(cause.message.clone()));
    }
    // Before an error of a file: whatever it was, this shows what was done.
    let is_silent = job.json || job.quiet && report.cause.is_none();
    let summary = if is_silent { Ok(()) } else { print(&summary::summary(job.action, &report, &input.labels)) };
    let verified = if outputs.error.is_none() { verify_run(job, package, &report, &mut outputs) } else { None };
    let rest = match &verified {
        _ if job.json => print(&json(job, &report, verified.as_ref())),
        Some(verified) if !(job.quiet && verified.is_done()) => print(&summary::verification(verified, &input.labels)),
        _ => Ok(()),
    };
    outputs.error.map_or(Ok(()), Err).and(summary).and(rest).map_err(Failure::Output)?;
    Ok(match exit_code(&report) {
        0 if verified.is_some_and(|verified| !verified.is_done()) => NOT_VERIFIED,
        code => code,
    })
}

/// Looks at the effect of an earlier run. Returns the exit code.
pub(crate) fn verify(verify: &Verify, package: &Package) -> Result<u8, Failure> {
    let ids = sources::accepted(&verify.log, verify.action.definition).map_err(Failure::Usage)?;
    let log = Log::open(&verify.log).map_err(Failure::usage)?;
    let line = StatusLine::new(verify.quiet);
    let options = package.route(&verify.connection);
    let awaited = Awaited { action: verify.action, time_ms: verify.time_ms, options, line: &line };
    let verified = awaited.verify(&ids.iter().map(String::as_str).collect::<Vec<_>>()).unwrap_or_default();
    let logged = log.write_verified(verify.action, None, &verified);
    let printed = match verify.json {
        true => print(&format!("{}\n", verified.json())),
        false if verify.quiet && verified.is_done() => Ok(()),
        false => print(&summary::verification(&verified, &Labels::new())),
    };
    logged.and(printed).map_err(Failure::Output)?;
    Ok(match verified.is_barred {
        true => BARRED,
        false if !verified.is_done() => NOT_VERIFIED,
        false => 0,
    })
}

/// Nothing could be done for lack of token, permission or connection.
const BARRED: u8 = 3;

/// An accepted id is not in the state that the action leads to.
const NOT_VERIFIED: u8 = 4;

/// Performs the action, this long after the run began. Whatever the plugin reports is in the files
/// before anything else is sent.
fn send(
    job: &Job,
    package: &Package,
    took: Duration,
    ids: &[String],
    labels: &Labels,
    outputs: &mut Outputs,
) -> Report {
    let mut options = package.route(&job.connection);
    let took = took.as_millis().try_into().unwrap_or(u32::MAX);
    options.deadline_ms = options.deadline_ms.map(|deadline| deadline.saturating_sub(took).max(1));
    let mut progress = Progress::new(job, ids.len());
    let mut report = perform(job.action, ids, &options, Some(WAIT_MS), |call, event| {
        package.correct(event);
        let could_write = outputs.error.is_none();
        outputs.update(job, labels, event);
        if could_write && outputs.error.is_some() {
            // The outcomes of the requests in flight belong into the summary.
            call.stop(None);
        }
        progress.update(event);
    });
    progress.clear();
    package.correct_batches(&mut report.batches);
    report
}

/// Looks at the effect of a run, if that is asked for.
fn verify_run<'a>(job: &Job, package: &Package, report: &'a Report, outputs: &mut Outputs) -> Option<Verified<'a>> {
    let accepted: Vec<&str> = report.ids(Outcome::Accepted).collect();
    if !job.verify || accepted.is_empty() {
        return None;
    }
    let line = StatusLine::new(job.quiet);
    line.show(|| "verifying".to_owned());
    pass_window(job, now());
    let options = package.route(&job.connection);
    let verified = Awaited { action: job.action, time_ms: job.verify_ms(), options, line: &line }.verify(&accepted)?;
    outputs.verified(job, &verified);
    Some(verified)
}

/// Lets a window of the rate limit pass, because the plugin and the reader do not know the requests
/// of each other.
fn pass_window(job: &Job, since: Duration) {
    let window = Duration::from_millis(job.connection.options.effective_rate_limit(job.action).window_ms.into());
    sleep_until(since.saturating_add(window));
}

/// The report of a run, and what accepted ids have become.
fn json(job: &Job, report: &Report, verified: Option<&Verified<'_>>) -> String {
    let mut json = report.json(job.action);
    if let Some(verified) = verified
        && json.pop().is_some()
    {
        json.extend([",\"verification\":", &verified.json(), "}"]);
    }
    json + "\n"
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
    let is_barred = is_barred(cause.kind.name(), cause.status());
    let is_nothing_done =
        [Outcome::Accepted, Outcome::Refused, Outcome::Unknown].into_iter().all(|outcome| report.count(outcome) == 0);
    if is_barred && is_nothing_done { BARRED } else { 1 }
}
