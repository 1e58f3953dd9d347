//! The component with one promise broken on purpose, built from a copy of its source: a check that never fails proves
//! nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wasmtime::ensure;
use wasmtime::error::Context;

use crate::engine::COMPONENT;

/// One change of the component's source, and the promise that it breaks.
#[derive(Debug)]
pub struct Sabotage {
    /// What it does.
    pub name: &'static str,
    /// The file in `src/`.
    file: &'static str,
    /// What stands there, exactly once.
    from: &'static str,
    /// What is to stand there.
    to: &'static str,
    /// The promise, as the simulation's check calls it.
    pub breaks: &'static str,
}

/// At least one for each promise that the simulation checks.
#[rustfmt::skip]
pub static SABOTAGES: &[Sabotage] = &[
    sabotage("a-lost-batch", "run.rs", "let batches = self.batches.into_iter().map(", "let batches = self.batches.into_iter().skip(1).map(", "every id exactly once, in the order given"),
    sabotage("a-double-count", "input.rs", "*flag = first == next;", "*flag = first == next && position % 2 == 0;", "every id exactly once, in the order given"),
    sabotage("an-overfull-batch", "run.rs", "take(settings.ids_per_request)", "take(settings.ids_per_request.saturating_add(1))", "batches have the size asked for"),
    sabotage("ids-of-another-batch", "request.rs", "for id in ids {", "for id in ids.iter().skip(1) {", "a request holds the ids of a batch"),
    sabotage("ok-though-refused", "run.rs", "matches!(batch.last, Some(Ok(_)))", "batch.last.is_some()", "every id exactly once, in the order given"),
    sabotage("an-early-send", "pace.rs", "Duration::from_millis(pace.window_ms.into())", "Duration::from_millis(u64::from(pace.window_ms) * 19 / 20)", "the pace is kept"),
    sabotage("an-overfull-window", "pace.rs", "checked_sub(pace.requests as usize)", "checked_sub((pace.requests as usize).saturating_add(1))", "the pace is kept"),
    sabotage("a-forgetful-instance", "run.rs", "account.set(mem::take(&mut run.pacer));", "", "the pace is kept"),
    sabotage("a-limit-that-is-not-the-documented-one", "action.rs", "requests: 1, window_ms: 1_000", "requests: 1, window_ms: 900", "the documented limit is never met"),
    sabotage("one-too-many-in-flight", "run.rs", "self.in_flight.len() < self.settings.max_in_flight", "self.in_flight.len() <= self.settings.max_in_flight", "at most max-in-flight open"),
    sabotage("a-retry-too-many", "retry.rs", "self.number < self.max", "self.number <= self.max", "no more than max-attempts a batch"),
    sabotage("a-retry-too-few", "retry.rs", "self.number < self.max", "self.number.saturating_add(1) < self.max", "what may pass is retried"),
    sabotage("an-early-retry", "retry.rs", "FIRST_BACKOFF: Duration = Duration::from_secs(3)", "FIRST_BACKOFF: Duration = Duration::from_millis(2_500)", "a retry waits"),
    sabotage("a-retry-after-ignored", "retry.rs", "Some(time) => time.max(MIN_RETRY_AFTER)", "Some(_) => MIN_RETRY_AFTER", "a retry waits"),
    sabotage("a-hold-ignored", "run.rs", "due.max(self.held_until)", "due", "a 429 holds back every batch"),
    sabotage("a-retry-of-what-does-not-pass", "retry.rs", "Some(429 | 500 | 502 | 503 | 504)", "Some(400..=599)", "only what may pass is retried"),
    sabotage("fresh-tokens-without-end", "retry.rs", "if may_try && !self.had_fresh_token", "if may_try", "one fresh token a batch"),
    sabotage("on-after-a-403", "retry.rs", " | (_, Some(403))", "", "nothing is sent after what ends the call"),
    sabotage("a-deadline-overrun", "run.rs", "|deadline| timeout.min(deadline)", "|_| timeout", "the deadline holds"),
    sabotage("sent-after-the-deadline", "run.rs", "http::now().saturating_add(time)", "http::now().saturating_add(time * 2)", "nothing is sent after the deadline"),
    sabotage("a-request-not-counted", "run.rs", "let Batch { ids, attempts, ambiguous, last, .. } = self;", "let Batch { ids, ambiguous, last, .. } = self; let attempts = 1;", "attempts are counted right"),
    sabotage("an-ambiguity-forgotten", "error.rs", "_ if ambiguous =>", "_ if false && ambiguous =>", "refused and unsent ids were not applied"),
    sabotage("a-timeout-taken-for-unsent", "http.rs", "ErrorCode::ConnectionTimeout => (NoAnswer {", "ErrorCode::ConnectionTimeout => (Unreachable {", "refused and unsent ids were not applied"),
    sabotage("a-sign-in-page-taken-for-success", "response.rs", "if self.status == NO_CONTENT {", "if self.status / 100 == 2 {", "accepted ids were applied"),
    sabotage("a-refusal-taken-for-unknown", "error.rs", "Fate::Refused => wit::Outcome::Refused(", "Fate::Refused => wit::Outcome::Unknown(", "an outcome is what the attempts say"),
    sabotage("another-request-on-the-receipt", "run.rs", "Receipt { ids, attempts, request_id, client_request_id, date }", "Receipt { ids, attempts, request_id: Some(client_request_id), client_request_id: String::new(), date }", "a receipt is that of the accepted request"),
    sabotage("a-batch-never-tried", "run.rs", "untried: 0,", "untried: 1,", "every batch is tried"),
    sabotage("a-token-shown", "token.rs", "redacted.push_str(\"[token]\");", "redacted.push_str(token);", "no token shows"),
    sabotage("a-trap", "decimal.rs", ".saturating_mul(10)", ".checked_mul(10).unwrap()", "every call returns"),
    sabotage("a-call-without-end", "run.rs", "batch.attempts = batch.attempts.saturating_add(1);", "batch.attempts = 1;", "every call returns"),
];

const fn sabotage(
    name: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    breaks: &'static str,
) -> Sabotage {
    Sabotage { name, file, from, to, breaks }
}

impl Sabotage {
    /// Builds the component with this change, beside the outer cargo's own builds, and gives its file.
    ///
    /// # Errors
    /// Where the source has changed so that the sabotage no longer applies, or does not build.
    pub fn build(&self) -> wasmtime::Result<PathBuf> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        // The component lies in `target/component/wasm32-unknown-unknown/release/`.
        let target = Path::new(COMPONENT).ancestors().nth(4).context("no target directory")?.join("sabotage");
        let copy = target.join("source");
        for folder in ["src", "wit"] {
            let _ = fs::remove_dir_all(copy.join(folder));
            copy_tree(&workspace.join(folder), &copy.join(folder))?;
        }
        fs::copy(workspace.join("Cargo.lock"), copy.join("Cargo.lock"))?;
        let manifest = fs::read_to_string(workspace.join("Cargo.toml"))?;
        let alone = manifest.lines().map(|line| if line.starts_with("members = ") { "members = []" } else { line });
        fs::write(copy.join("Cargo.toml"), alone.collect::<Vec<_>>().join("\n"))?;

        let source = copy.join("src").join(self.file);
        let text = fs::read_to_string(&source)?;
        let found = text.matches(self.from).count();
        ensure!(found == 1, "{}: {:?} stands {found} times in {}", self.name, self.from, self.file);
        fs::write(&source, text.replace(self.from, self.to))?;

        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&workspace).args(["build", "--quiet", "--release", "--target", "wasm32-unknown-unknown"]);
        cargo.arg("--manifest-path").arg(copy.join("Cargo.toml")).arg("--target-dir").arg(&target);
        for outer in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
            cargo.env_remove(outer);
        }
        let output = cargo.output()?;
        ensure!(output.status.success(), "{}: {}", self.name, String::from_utf8_lossy(&output.stderr));
        Ok(target.join("wasm32-unknown-unknown/release/entra_risk.wasm"))
    }
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
