//! Mutants: copies of the plugin with one change each that violates an invariant. An invariant that
//! no mutant violates is not known to be checked.

use std::fmt::Debug;
use std::fs;
use std::io;
use std::path::Path;

use host_test::component::PluginComponent;
use packaging::{Cargo, workspace};
use wasmtime::error::Context;
use wasmtime::{Config, Error, Result, ensure};

use crate::{CrowdRun, Run};

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
    /// It is played with many instances that take turns.
    pub takes_turns: bool,
}

/// At least one for each invariant.
#[rustfmt::skip]
pub static MUTANTS: &[Mutant] = &[
    mutant("lost-batch", "engine/src/call/id_queue.rs", "reported.map(|run| self.batch(run.start, run)).collect()", "reported.skip(1).map(|run| self.batch(run.start, run)).collect()", "every id is reported exactly once, in the order given"),
    mutant("repeated-id", "engine/src/contract/arguments.rs", "*flag = first == next;", "*flag = first == next && *position % 2 == 0;", "every id is reported exactly once, in the order given"),
    mutant("refused-reported-as-accepted", "engine/src/call/id_queue.rs", "batches.iter().find_map(|batch: &Batch| batch.outcome.error())", "batches.iter().filter(|batch: &&Batch| !matches!(batch.outcome, Outcome::Refused(_))).find_map(|batch| batch.outcome.error())", "no cause means every id was accepted"),
    mutant("oversized-group", "engine/src/call/id_queue.rs", "            max_group,\n            isolates,", "            max_group: max_group + 1,\n            isolates,", "a request carries at most ids-per-request ids"),
    mutant("id-twice-in-a-request", "engine/src/call/id_queue.rs", "group.ids.iter().flat_map(|range| self.ids", "group.ids.iter().chain(group.ids.first()).flat_map(|range| self.ids", "a request carries ids of the call, each once"),
    mutant("missing-id-in-request", "engine/src/http/request.rs", "iter::once((self.field, self.ids))", "iter::once((self.field, self.ids.get(1..).unwrap_or_default()))", "attempts are counted for each id"),
    mutant("attempts-not-counted", "engine/src/call/id_queue.rs", "state.attempts = state.attempts.saturating_add(1)", "state.attempts = 1", "attempts are counted for each id"),
    mutant("batches-joined", "engine/src/call/id_queue.rs", "chunk_by(|one, next| one == next)", "chunk_by(|one, next| one.attempts == next.attempts)", "a batch ended in one request"),
    mutant("sign-in-page-is-success", "engine/src/http/response.rs", "self.status == NO_CONTENT && self.request_is_complete", "self.status / 100 == 2", "accepted ids were applied"),
    mutant("success-before-the-whole-request", "engine/src/http/response.rs", "self.status == NO_CONTENT && self.request_is_complete", "self.status == NO_CONTENT", "accepted ids were applied"),
    mutant("maybe-applied-forgotten", "engine/src/contract/report.rs", "_ if maybe_applied =>", "_ if false && maybe_applied =>", "refused and not applied ids were not applied"),
    mutant("timeout-is-never-sent", "src/http.rs", "(NoResponse, \"connection-timeout\")", "(Unreachable, \"connection-timeout\")", "refused and not applied ids were not applied"),
    mutant("refused-reported-as-unknown", "engine/src/contract/report.rs", "OutcomeKind::Refused if !is_undecided => Outcome::Refused(error)", "OutcomeKind::Refused if !is_undecided => Outcome::Unknown(error)", "an outcome follows from the attempts"),
    mutant("wrong-request-on-receipt", "engine/src/http/response.rs", "return Ok(Receipt { request_id, client_request_id, date });", "return Ok(Receipt { request_id: Some(client_request_id), client_request_id: String::new(), date });", "a batch reports its last request"),
    mutant("first-error-kept", "engine/src/call/id_queue.rs", "Some(last) => *last = ending,", "Some(last) if last.result.is_err() && ending.result.is_err() => {}\n            Some(last) => *last = ending,", "a batch reports its last request"),
    mutant("refused-without-being-sent-alone", "engine/src/call/id_queue.rs", "let is_final = group.len() == 1 || !self.isolates;", "let is_final = group.len() <= 2 || !self.isolates;", "an id is refused alone"),
    mutant("page-of-a-web-filter-refuses", "engine/src/contract/error.rs", "400..=499 if origin == Origin::OnTheWay", "600 if origin == Origin::OnTheWay", "an outcome follows from the attempts"),
    mutant("segment-refuses", "engine/src/contract/error.rs", "400 | 404 if is_about_a_segment(message)", "600 if is_about_a_segment(message)", "an outcome follows from the attempts"),
    mutant("failing-group-not-split", "engine/src/call/attempt_end.rs", "Class::Transient if self.splits_after_failures() && group.len() > 1", "Class::Transient if self.splits_after_failures() && group.len() > 60", "a call does not end without a reason"),
    mutant("neighbours-refused", "engine/src/call/id_queue.rs", "let is_final = group.len() == 1 || !self.isolates;", "let is_final = group.len() <= 2 || !self.isolates;", "exactly the bad ids are refused"),
    mutant("half-forgotten", "engine/src/call/id_queue.rs", "        self.give_back(rest);\n        if is_final {", "        if is_final {", "every call returns"),
    mutant("half-tested-twice", "engine/src/call/id_queue.rs", "            self.search(group.rest);", "            self.give_back(group.ids);\n            self.search(group.rest);", "an id that has ended is not sent again"),
    mutant("search-one-by-one", "engine/src/call/bisection.rs", "self.even_size(Some(group), group.saturating_sub(1))", "{ let _ = group; 1 }", "isolation needs few requests"),
    mutant("one-retry-less", "engine/src/call/attempt_end.rs", "group.counted_attempts < max_attempts", "group.counted_attempts + 1 < max_attempts", "a call does not end without a reason"),
    mutant("429-counted-as-attempt", "engine/src/call/attempt_end.rs", "Class::Throttling => group.counted_attempts = group.counted_attempts.saturating_sub(1),", "Class::Throttling => {}", "a call does not end without a reason"),
    mutant("acceptance-does-not-restore-patience", "engine/src/call/patience.rs", "self.has_queued = false;\n        self.failing_since = None;", "self.has_queued = false;", "a call does not end without a reason"),
    mutant("one-more-retry", "engine/src/call/attempt_end.rs", "group.counted_attempts < max_attempts", "group.counted_attempts <= max_attempts", "a group has at most max-attempts counted attempts"),
    mutant("permanent-error-retried", "engine/src/contract/error.rs", "500..=599 => (K::ServerError, O::Unknown, C::Permanent)", "500..=599 => (K::ServerError, O::Unknown, C::Transient)", "an id that has ended is not sent again"),
    mutant("retry-after-ignored", "engine/src/call/attempt_end.rs", "Some(asked) => now.saturating_add(retry_after_with_jitter(asked, &mut self.random)),", "Some(_) => now.saturating_add(MIN_RETRY_AFTER),", "a Retry-After is waited out"),
    mutant("one-more-in-flight", "engine/src/call.rs", "self.in_flight.len() >= if self.circuit", "self.in_flight.len() > if self.circuit", "at most max-in-flight requests are in flight"),
    mutant("longer-grace", "engine/src/call.rs", "const GRACE: Nanos = 10 * SECOND", "const GRACE: Nanos = 12 * SECOND", "the call returns within 10 s of its end"),
    mutant("no-grace", "engine/src/call.rs", "self.end_within(cause, now, GRACE);", "self.end_within(cause, now, 0);", "a request in flight is given its time"),
    mutant("continues-after-403", "engine/src/contract/error.rs", "403 => (K::Forbidden, O::NotApplied, C::Fatal)", "403 => (K::Forbidden, O::NotApplied, C::Permanent)", "nothing is sent after an error that ends the call"),
    mutant("tls-error-retried", "engine/src/contract/error.rs", "TransportErrorKind::Tls if has_accepted => Class::Transient", "TransportErrorKind::Tls => Class::Transient", "nothing is sent after an error that ends the call"),
    mutant("deadline-overrun", "engine/src/call.rs", "settings.deadline.map(|time| now.saturating_add(time))", "settings.deadline.map(|time| now + time + 2_000_000_000)", "the call returns by its deadline"),
    mutant("sent-after-deadline", "engine/src/call.rs", "settings.deadline.map(|time| now.saturating_add(time))", "settings.deadline.map(|time| now + time * 2)", "nothing is sent after the deadline"),
    mutant("shortened-window", "engine/src/limit/rate_limit.rs", "from_ms(limit.window_ms).saturating_add(margin)", "(from_ms(limit.window_ms) * 19 / 20).saturating_add(margin)", "the rate limit is kept"),
    mutant("overfull-window", "engine/src/limit/rate_limit.rs", "checked_sub(limit.requests as usize)", "checked_sub(limit.requests as usize + 1)", "the rate limit is kept"),
    mutant("rate-limit-state-lost", "engine/src/limit/rate_limit.rs", "        self.limits.push(entry);\n", "        drop(entry);\n", "the rate limit is kept"),
    mutant("open-calls-do-not-share-a-limit", "engine/src/limit/rate_limit.rs", "position(|(key, _)| is_same(key))", "position(|(key, state)| is_same(key) && Rc::strong_count(state) == 1)", "the rate limit is kept"),
    mutant("margin-ignored", "engine/src/limit/rate_limit.rs", "u64::from(limit.window_ms).saturating_mul(self.margin_ppm)", "0 * self.margin_ppm", "a margin is added to the window"),
    mutant("wrong-documented-limit", "engine/src/contract/action.rs", "requests: 1, window_ms: 1_000", "requests: 1, window_ms: 900", "the documented rate limit causes no 429"),
    mutant("429-holds-nothing", "engine/src/call/attempt_end.rs", "Class::Throttling => hold = Some(limit.throttled(settings, attempt.sent, now, *retry_after, random)),", "Class::Throttling => drop(limit.throttled(settings, attempt.sent, now, *retry_after, random)),", "a 429, and a 503 with Retry-After, hold every request"),
    mutant("503-holds-nothing", "engine/src/call/attempt_end.rs", "hold = Some(retry_after_with_jitter(asked, random));", "let _ = asked;", "a 429, and a 503 with Retry-After, hold every request"),
    mutant("other-calls-not-held", "engine/src/limit/rate_limit.rs", "free.max(self.held_until())", "free", "a 429, and a 503 with Retry-After, hold every request"),
    mutant("token-kept-for-the-next-attempt", "engine/src/call/token_requests.rs", "Some((self.ready.take()?, self.refreshes))", "match self.ready.take()? { Authorization::Bearer(token) => { self.ready = Some(Authorization::Bearer(token.clone())); Some((Authorization::Bearer(token), self.refreshes)) } other => Some((other, self.refreshes)) }", "a token is requested before each attempt"),
    mutant("token-wasted", "engine/src/call.rs", "let (authorization, refreshes) = self.tokens.take()?;", "let (authorization, refreshes) = self.tokens.take()?; if self.random.next() % 4 == 0 { return Some(Step::Wait(now)); }", "one token request for each attempt"),
    mutant("refresh-for-each-rejection", "engine/src/call/token_requests.rs", "if number == self.refreshes {", "if number <= self.refreshes {", "one refresh for each rejected token"),
    mutant("always-refresh", "engine/src/call/token_requests.rs", "refresh: self.rejection.is_some(),", "refresh: true,", "one refresh for each rejected token"),
    mutant("rejected-token-kept", "engine/src/call/token_requests.rs", "self.ready = None;", "", "a rejected token is not sent again"),
    mutant("tenant-not-passed", "engine/src/call/token_requests.rs", "tenant: settings.tenant.clone(),", "tenant: None,", "token requests contain the call's tenant, audience and endpoint"),
    mutant("claims-of-no-challenge", "engine/src/call/token_requests.rs", "claims: self.rejection.as_ref().and_then(|rejected| rejected.claims.clone()),", "claims: Some(String::from(\"{}\")),", "claims are those of the challenge"),
    mutant("token-latency-charged-to-requests", "engine/src/call.rs", "attempt.timeout = attempt.timeout.saturating_add(elapsed);", "let _ = (&attempt, elapsed);", "no id is in two requests in flight"),
    mutant("token-revealed", "engine/src/contract/token.rs", "Some(_) => sanitized.push_str(\"[token]\"),", "Some(run) => sanitized.push_str(rest.get(..run).unwrap_or_default()),", "no text contains 24 characters of the token"),
    mutant("only-the-whole-token-hidden", "engine/src/contract/token.rs", "let length = token.len().min(MAX_RUN_BYTES);", "let length = token.len();", "no text contains 24 characters of the token"),
    mutant("text-too-long", "engine/src/http/response.rs", "MAX_MESSAGE_BYTES: usize = 512", "MAX_MESSAGE_BYTES: usize = 520", "texts are cut as stated"),
    mutant("trap", "engine/src/http/decimal.rs", ".saturating_mul(10)", ".checked_mul(10).unwrap()", "every call returns"),
    mutant("group-attempts-not-counted", "engine/src/call/id_queue.rs", "group.counted_attempts = group.counted_attempts.saturating_add(1);", "group.counted_attempts = 1;", "a group has at most max-attempts counted attempts"),
    mutant("ended-twice", "engine/src/call/id_queue.rs", "            self.ended.insert(place, positions);", "            if positions.len() > 1 {\n                self.ended.insert(place, positions.clone());\n            }\n            self.ended.insert(place, positions);", "each id is in one event"),
    mutant("outcome-changed-later", "engine/src/call/id_queue.rs", "        self.waiting.clear();\n        let mut is_idle", "        self.waiting.clear();\n        self.states.iter_mut().for_each(|state| state.maybe_applied = true);\n        let mut is_idle", "the report says what the events did"),
    mutant("reported-before-the-end", "engine/src/call/id_queue.rs", "runs.filter(|run| self.state(run.start).is_reported)", "runs.filter(|run| self.state(run.start).ending.is_some() || self.left == 0)", "the report says what the events did"),
    mutant("report-joins-what-is-apart", "engine/src/call/id_queue.rs", "        reported.map(|run| self.batch(run.start, run)).collect()", "        let mut all: Vec<(IdState, Vec<usize>)> = Vec::new();\n        for run in reported {\n            let state = self.state(run.start);\n            match all.iter_mut().find(|(last, _)| *last == state) {\n                Some((_, positions)) => positions.extend(run),\n                None => all.push((state, run.collect())),\n            }\n        }\n        all.into_iter().map(|(_, positions)| self.batch(*positions.first().unwrap(), positions.into_iter())).collect()", "a batch of a report holds neighbors"),
    mutant("events-out-of-order", "engine/src/call/id_queue.rs", "            self.ended.insert(place, positions);", "            let _ = place;\n            self.ended.insert(0, positions);", "an event has batches in order"),
    mutant("reported-when-nothing-is-left-to-send", "engine/src/call.rs", "self.ended().or_else(|| self.announce(now))", "self.announce(now)", "an acceptance is reported by the next that read it"),
    mutant("over-before-the-last-event", "engine/src/call.rs", "        if let Some(step) = self.ended() {\n            return step;\n        }\n", "", "a call is over when every id was reported"),
    mutant("cause-though-every-id-was-accepted", "engine/src/call.rs", "        let first_error = self.work.first_error()?;\n        Some(self.end.as_ref().map_or(first_error, |end| &end.cause).clone())", "        self.end.as_ref().map(|end| &end.cause).or(self.work.first_error()).cloned()", "no cause means every id was accepted"),
    mutant("over-only-once", "src/driver.rs", "Step::Over(cause) => break Event::Over(cause),", "Step::Over(cause) => break Event::Over(cause.filter(|_| http::random() % 2 == 0)),", "a call that is over stays so"),
    mutant("wait-ms-ignored", "src/driver.rs", "let at = until.map_or(at, |until| at.min(until));", "", "next returns in time"),
    mutant("next-0-takes-a-millisecond", "src/driver.rs", "now.saturating_add(wait))", "now.saturating_add(wait.max(1_000_000)))", "next returns in time"),
    mutant("next-returns-early", "src/driver.rs", "let is_late = until.is_some_and(|until| until <= now);", "let is_late = until.is_some();", "next waits as long as it may"),
    mutant("next-without-a-limit-waits", "src/driver.rs", "let until = wait.map(|wait| now.saturating_add(wait));", "let until = Some(now.saturating_add(wait.unwrap_or(5_000_000_000)));", "next without a limit never waits"),
    mutant("progress-counts-one-more", "engine/src/call.rs", "left: self.work.left(),", "left: self.work.left() + 1,", "waiting says what is left"),
    mutant("refusal-waited-out", "engine/src/call/patience.rs", "        if !self.has_accepted {\n            self.not_accepted(error, now);", "        if !self.has_accepted {\n            self.failed(error, now);", "waiting never names a refusal"),
    mutant("failure-outlasts-an-acceptance", "engine/src/call/patience.rs", "        self.waits_out = None;\n", "", "waiting names no failure from before an acceptance"),
    mutant("sent-by-start", "src/export.rs", "let driver = RefCell::new(Driver::start(action.into(), \"ids\", &ids, options)?);", "let mut driver = Driver::start(action.into(), \"ids\", &ids, options)?;\n        let _ = driver.next(Some(0), &Cell::default());\n        let driver = RefCell::new(driver);", "nothing is sent outside next"),
    mutant("stop-ignored-while-nothing-is-in-flight", "engine/src/call.rs", "if self.work.left() == 0 {\n            return;", "if self.work.left() == 0 || self.in_flight.is_empty() {\n            return;", "nothing is sent after a stop"),
    mutant("stop-in-a-token-request-comes-late", "src/driver.rs", "map_err(Into::into), now);\n                    self.apply(stop, now);", "map_err(Into::into), now);", "nothing is sent after a stop"),
    mutant("grace-never-shortened", "engine/src/call.rs", "end.grace = end.grace.min(from.saturating_add(grace));", "let _ = end;", "a stopped call ends within its grace"),
    mutant("stopped-with-another-cause", "engine/src/call.rs", "self.end_within(Rc::new(Error::cancelled()), from, grace);", "self.end_within(Rc::new(Error::not_attempted()), from, grace);", "a call that was stopped is cancelled"),
    mutant("cancelled-by-the-deadline", "engine/src/call.rs", "self.end(Rc::new(Error::deadline_exceeded()), now);", "self.end(Rc::new(Error::cancelled()), now);", "only a stop cancels a call"),
    mutant("pause-uses-up-the-timeout", "engine/src/call.rs", "        self.extend_timeouts(excess);\n", "", "a request in flight is given its time"),
    mutant("pause-uses-up-the-patience", "engine/src/call.rs", "        self.patience.extend(excess);\n", "", "a call does not end without a reason"),
    mutant("pause-uses-up-the-grace", "engine/src/call.rs", "end.grace = end.grace.saturating_add(excess);", "let _ = end;", "a request in flight is given its time"),
    mutant("function-with-another-cause", "src/export.rs", "Some(cause) => Err(actions::Failure { cause: cause.into(), batches }),", "Some(cause) => Err(actions::Failure { cause: batches.iter().find_map(|batch| batch.error.clone()).unwrap_or(cause.into()), batches }),", "a function does what a call does"),
    mutant("error-without-a-message", "engine/src/contract/error.rs", "\"the call was stopped\".to_owned()", "String::new()", "every error has a message"),
    with_turns("turn-given-twice", "adapters/keyvalue-turns/src/queue.rs", "        result = store.increment(&key);", "        result = store.increment(&key).map(|ticket| ticket.div_ceil(2));", "together, the instances keep the limit"),
    with_turns("turn-used-twice", "engine/src/limit/turns.rs", "        if matches!(self.state, State::Granted { .. }) {\n            self.state = State::Idle;", "        if matches!(self.state, State::Idle) {\n            self.state = State::Idle;", "together, the instances keep the limit"),
    with_turns("hold-not-shared", "engine/src/call/attempt_end.rs", "self.turns.hold(self.held_until);", "", "a hold reaches every instance"),
    with_turns("hold-not-read", "adapters/keyvalue-turns/src/queue.rs", "write(store, name, Base { time: next.time.max(until), held_until: next.held_until.max(until), ..next })", "Ok(())", "a hold reaches every instance"),
    with_turns("failed-increment-taken-as-granted", "adapters/keyvalue-turns/src/queue.rs", "        result = store.increment(&key);", "        result = store.increment(&key).or_else(|_| Ok(read(store, name)?.map_or(2, |base| base.ticket)));", "together, the instances keep the limit"),
    with_turns("turn-without-reading-again", "adapters/keyvalue-turns/src/queue.rs", "        Some(rest) if rest > early / 2 =>", "        Some(rest) if rest > early / 2 && false =>", "together, the instances keep the limit"),
    with_turns("store-not-cleaned-up", "adapters/keyvalue-turns/src/queue.rs", "let key = [name, \".ticket\"].concat();", "let key = [name, &store.now().to_string(), \".ticket\"].concat();", "the store has two entries for each queue"),
    with_turns("store-failure-ends-the-call", "engine/src/call/turn.rs", "        self.turns.answered(result, spacing, now, &mut self.random);", "        if result.is_err() { self.end(Rc::new(Error::not_attempted()), now); }\n        self.turns.answered(result, spacing, now, &mut self.random);", "a store that fails loses no id"),
];

/// What the plugin is built from, as far as it exists.
const SOURCES: &[&str] = &["Cargo.lock", "adapters/keyvalue-turns", "engine", "src", "wit"];

const fn mutant(
    name: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    violates: &'static str,
) -> Mutant {
    Mutant { name, file, from, to, violates, takes_turns: false }
}

const fn with_turns(
    name: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    violates: &'static str,
) -> Mutant {
    Mutant { takes_turns: true, ..mutant(name, file, from, to, violates) }
}

impl Mutant {
    /// Builds the mutant in `target/mutants`.
    ///
    /// # Errors
    /// If the mutant does not build, or if the source has changed so that the change no longer
    /// applies.
    pub fn build(&self) -> Result<PluginComponent> {
        let cargo = self.copy()?;
        let plugin = self.build_part(&cargo, "entra-risk", self.takes_turns.then_some("turns"))?;
        if !self.takes_turns {
            return PluginComponent::from_binary_with_store(&plugin, &Config::new());
        }
        let turns = self.build_part(&cargo, "entra-risk-keyvalue-turns", None)?;
        let bytes = packaging::compose_turns(&plugin, &turns).map_err(|error| self.error(&error))?;
        PluginComponent::from_binary_with_store(&bytes, &Config::new())
    }

    fn build_part(&self, cargo: &Cargo, package: &str, feature: Option<&str>) -> Result<Vec<u8>> {
        let [part] = cargo.build([package], feature).map_err(|error| self.error(&error))?;
        Ok(part)
    }

    fn error(&self, error: &dyn Debug) -> Error {
        Error::msg(format!("{}: {error:?}", self.name))
    }

    /// Copies the sources, with the change.
    fn copy(&self) -> Result<Cargo> {
        let workspace = workspace();
        let target_dir = workspace.join("target/mutants");
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
        Ok(Cargo { folder: workspace, manifest: copy.join("Cargo.toml"), target_dir, is_quick: true })
    }

    /// The first of these seeds in which the simulation catches the mutant.
    ///
    /// # Errors
    /// If the mutant cannot be instantiated.
    pub fn first_caught(&self, plugin: &PluginComponent, seeds: impl IntoIterator<Item = u64>) -> Result<Option<u64>> {
        for seed in seeds {
            let violations = match self.takes_turns {
                true => CrowdRun::play(plugin, seed)?.violations,
                false => Run::play(plugin, seed)?.violations,
            };
            if violations.iter().any(|violation| violation.invariant == self.violates) {
                return Ok(Some(seed));
            }
        }
        Ok(None)
    }
}

/// The manifest of a workspace that contains only the plugin and the crates in it that the plugin
/// depends on.
fn without_other_members(manifest: &str) -> String {
    match manifest.split_once("members = [") {
        Some((before, after)) => {
            format!(
                "{before}members = [\"adapters/keyvalue-turns\"{}",
                after.find(']').map_or(after, |end| &after[end..])
            )
        }
        None => manifest.to_owned(),
    }
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
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
