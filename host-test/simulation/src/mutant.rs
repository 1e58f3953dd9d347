//! Mutants: copies of the plugin with one change each that violates an invariant. An invariant that no mutant violates is
//! not known to be checked.

use std::fs;
use std::io;
use std::path::Path;

use artifact::{Cargo, target_dir, workspace};
use host_test::component::{FILE, PluginComponent};
use wasmtime::error::Context;
use wasmtime::{Config, Error, Result, ensure};

use crate::Run;

/// One change of the plugin's source, and the invariant that it violates.
#[derive(Debug)]
pub struct Mutant {
    /// What it does wrong.
    pub name: &'static str,
    /// The source file, relative to the workspace.
    file: &'static str,
    /// Text that occurs in the file exactly once.
    from: &'static str,
    /// The text that replaces it.
    to: &'static str,
    /// The invariant that it violates.
    pub violates: &'static str,
}

/// At least one for each invariant.
#[rustfmt::skip]
pub static MUTANTS: &[Mutant] = &[
    mutant("lost-batch", "src/run.rs", "let batches = self.batches.into_iter().map(", "let batches = self.batches.into_iter().skip(1).map(", "every id is reported exactly once, in the order given"),
    mutant("repeated-id", "src/input.rs", "*flag = first == next;", "*flag = first == next && position % 2 == 0;", "every id is reported exactly once, in the order given"),
    mutant("oversized-batch", "src/run.rs", "take(settings.ids_per_request)", "take(settings.ids_per_request.saturating_add(1))", "a batch contains at most ids-per-request ids"),
    mutant("missing-id-in-request", "src/request.rs", "for id in ids {", "for id in ids.iter().skip(1) {", "a request contains the ids of one batch"),
    mutant("refused-reported-as-ok", "src/run.rs", "matches!(batch.last, Some(Ok(_)))", "batch.last.is_some()", "every id is reported exactly once, in the order given"),
    mutant("shortened-window", "src/pace.rs", "Duration::from_millis(pace.window_ms.into())", "Duration::from_millis(u64::from(pace.window_ms) * 19 / 20)", "the rate limit is kept"),
    mutant("overfull-window", "src/pace.rs", "checked_sub(pace.requests as usize)", "checked_sub((pace.requests as usize).saturating_add(1))", "the rate limit is kept"),
    mutant("rate-limit-state-lost", "src/run.rs", "account.set(mem::take(&mut run.pacer));", "", "the rate limit is kept"),
    mutant("wrong-documented-limit", "src/action.rs", "requests: 1, window_ms: 1_000", "requests: 1, window_ms: 900", "the documented rate limit causes no 429"),
    mutant("one-more-in-flight", "src/run.rs", "self.in_flight.len() < self.settings.max_in_flight", "self.in_flight.len() <= self.settings.max_in_flight", "at most max-in-flight requests are open"),
    mutant("one-more-retry", "src/retry.rs", "self.number < self.max", "self.number <= self.max", "a batch has at most max-attempts attempts"),
    mutant("one-retry-less", "src/retry.rs", "self.number < self.max", "self.number.saturating_add(1) < self.max", "transient errors are retried"),
    mutant("short-backoff", "src/retry.rs", "FIRST_BACKOFF: Duration = Duration::from_secs(3)", "FIRST_BACKOFF: Duration = Duration::from_millis(2_500)", "a retry waits long enough"),
    mutant("retry-after-ignored", "src/retry.rs", "Some(time) => time.max(MIN_RETRY_AFTER)", "Some(_) => MIN_RETRY_AFTER", "a retry waits long enough"),
    mutant("throttling-of-others-ignored", "src/run.rs", "due.max(self.held_until)", "due", "a 429 delays every batch"),
    mutant("permanent-error-retried", "src/retry.rs", "Some(429 | 500 | 502 | 503 | 504)", "Some(400..=599)", "only transient errors are retried"),
    mutant("unlimited-fresh-tokens", "src/retry.rs", "if may_try && !self.had_fresh_token", "if may_try", "a batch gets at most one fresh token"),
    mutant("continues-after-403", "src/retry.rs", " | (_, Some(403))", "", "nothing is sent after an error that ends the call"),
    mutant("deadline-overrun", "src/run.rs", "|deadline| timeout.min(deadline)", "|_| timeout", "the call returns by its deadline"),
    mutant("sent-after-deadline", "src/run.rs", "http::now().saturating_add(time)", "http::now().saturating_add(time * 2)", "nothing is sent after the deadline"),
    mutant("attempts-not-counted", "src/run.rs", "let Batch { ids, attempts, ambiguous, last, .. } = self;", "let Batch { ids, ambiguous, last, .. } = self; let attempts = 1;", "attempts are counted correctly"),
    mutant("maybe-applied-forgotten", "src/error.rs", "_ if ambiguous =>", "_ if false && ambiguous =>", "refused and unsent ids were not applied"),
    mutant("timeout-reported-as-unsent", "src/http.rs", "ErrorCode::ConnectionTimeout => (NoAnswer {", "ErrorCode::ConnectionTimeout => (Unreachable {", "refused and unsent ids were not applied"),
    mutant("sign-in-page-is-success", "src/response.rs", "if self.status == NO_CONTENT {", "if self.status / 100 == 2 {", "accepted ids were applied"),
    mutant("refused-reported-as-unknown", "src/error.rs", "Fate::Refused => wit::Outcome::Refused(", "Fate::Refused => wit::Outcome::Unknown(", "an outcome follows from the attempts"),
    mutant("wrong-request-on-receipt", "src/run.rs", "Receipt { ids, attempts, request_id, client_request_id, date }", "Receipt { ids, attempts, request_id: Some(client_request_id), client_request_id: String::new(), date }", "a receipt is from the accepted request"),
    mutant("batch-never-attempted", "src/run.rs", "untried: 0,", "untried: 1,", "every batch is attempted"),
    mutant("token-revealed", "src/token.rs", "redacted.push_str(\"[token]\");", "redacted.push_str(token);", "no output contains the token"),
    mutant("trap", "src/decimal.rs", ".saturating_mul(10)", ".checked_mul(10).unwrap()", "every call returns"),
    mutant("endless-call", "src/run.rs", "batch.attempts = batch.attempts.saturating_add(1);", "batch.attempts = 1;", "every call returns"),
];

/// What the plugin is built from, as far as it exists.
const SOURCES: &[&str] = &["Cargo.lock", "engine", "src", "wit"];

const fn mutant(
    name: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    violates: &'static str,
) -> Mutant {
    Mutant { name, file, from, to, violates }
}

impl Mutant {
    /// Builds the mutant in `target/mutants`.
    ///
    /// # Errors
    /// If the mutant does not build, or if the source has changed so that the change no longer applies.
    pub fn build(&self) -> Result<PluginComponent> {
        let workspace = workspace();
        let out_dir = Path::new(FILE).parent().context("no folder")?;
        let target_dir = target_dir(out_dir).context("no target folder")?.join("mutants");
        let copy = target_dir.join("source");
        if copy.exists() {
            fs::remove_dir_all(&copy)?;
        }
        fs::create_dir_all(&copy)?;
        for source in SOURCES.iter().filter(|source| workspace.join(source).exists()) {
            copy_all(&workspace.join(source), &copy.join(source))?;
        }
        fs::write(copy.join("Cargo.toml"), without_other_members(&fs::read_to_string(workspace.join("Cargo.toml"))?))?;

        let source = copy.join(self.file);
        let text = fs::read_to_string(&source).context(self.file)?;
        let count = text.matches(self.from).count();
        ensure!(count == 1, "{}: {:?} occurs {count} times in {}", self.name, self.from, self.file);
        fs::write(&source, text.replace(self.from, self.to))?;

        let cargo = Cargo { folder: workspace, manifest: copy.join("Cargo.toml"), target_dir };
        let file = cargo.build("entra-risk").map_err(|error| Error::msg(format!("{}: {error:?}", self.name)))?;
        PluginComponent::load(&file, &Config::new())
    }

    /// The first of these seeds in which the simulation catches the mutant.
    ///
    /// # Errors
    /// If the mutant cannot be instantiated.
    pub fn first_caught(&self, plugin: &PluginComponent, seeds: impl IntoIterator<Item = u64>) -> Result<Option<u64>> {
        for seed in seeds {
            let run = Run::play(plugin, seed)?;
            if run.violations.iter().any(|violation| violation.invariant == self.violates) {
                return Ok(Some(seed));
            }
        }
        Ok(None)
    }
}

/// The manifest of a workspace that contains only the plugin and the crates in it that the plugin depends on.
fn without_other_members(manifest: &str) -> String {
    match manifest.split_once("members = [") {
        Some((before, after)) => {
            format!("{before}members = [{}", after.find(']').map_or(after, |end| &after[end..]))
        }
        None => manifest.to_owned(),
    }
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        copy_all(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}
