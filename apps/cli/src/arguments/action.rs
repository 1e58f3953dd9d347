//! The arguments of an action.

use entra_risk_common::Action;
use entra_risk_common::actions::{ApiVersion, Outcome};

use crate::command::Command;
use crate::connection::Connection;
use crate::help::unknown_option;
use crate::job::Job;
use crate::line::{Access, Item, Line};
use crate::selected::{check_is_listed, collection_of};
use crate::selection::{Fields, Selection};
use crate::values::{milliseconds, number, reason};

/// Parses what follows an action.
pub(crate) fn parse(action: &'static Action, line: &mut Line) -> Result<Command, String> {
    let mut job = Job {
        action,
        ids: Vec::new(),
        files: Vec::new(),
        selection: Selection::default(),
        column: None,
        label: None,
        outcomes: Vec::new(),
        except: Vec::new(),
        max_ids: None,
        dry_run: false,
        json: false,
        quiet: false,
        yes: false,
        log: None,
        reason: None,
        remaining: None,
        restart: false,
        refused: None,
        verify: false,
        verify_ms: None,
        connection: Connection::default(),
    };
    while let Some(item) = line.next()? {
        let options = &mut job.connection.options;
        let name = match item {
            Item::Value(id) => {
                job.ids.push(id);
                continue;
            }
            Item::Option(name) => name,
        };
        match name.as_str() {
            "help" => return Ok(Command::Help),
            "version" => return Ok(Command::Version),
            "file" => job.files.push(line.source()?),
            "column" => job.column = Some(line.text()?),
            "label" => job.label = Some(line.text()?),
            "outcome" => job.outcomes.extend(outcomes(&line.text()?)?),
            "except" => job.except.push(line.path(Access::Read)?),
            "max-ids" => job.max_ids = Some(number("--max-ids", &line.text()?, 1..=u32::MAX)?),
            "dry-run" => job.dry_run = true,
            "json" => job.json = true,
            "quiet" => job.quiet = true,
            "yes" => job.yes = true,
            "log" => job.log = Some(line.path(Access::Write)?),
            "reason" => job.reason = Some(reason(&line.text()?)?),
            "restart" => job.restart = true,
            "remaining" => job.remaining = Some(line.path(Access::Write)?),
            "refused" => job.refused = Some(line.path(Access::Write)?),
            "verify" => job.verify = true,
            "verify-for" => job.verify_ms = Some(milliseconds("--verify-for", &line.text()?)?),
            "api-version" => {
                options.api_version = Some(match line.text()?.as_str() {
                    "v1.0" => ApiVersion::V1,
                    "beta" => ApiVersion::Beta,
                    other => return Err(format!("--api-version: expected v1.0 or beta; got '{other}'")),
                });
            }
            "ids-per-request" => {
                let range = 1..=action.definition.max_ids_per_request;
                options.ids_per_request = Some(number("--ids-per-request", &line.text()?, range)?);
            }
            "max-in-flight" => options.max_in_flight = Some(number("--max-in-flight", &line.text()?, 1..=32)?),
            "no-isolate-refused" => options.isolate_refused = Some(false),
            name if job.selection.set(name, line)? || job.connection.set(name, line)? => {}
            name => return Err(unknown_option(name)),
        }
    }
    job.check()?;
    Ok(Command::Perform(Box::new(job)))
}

impl Job {
    /// Checks that no option is without effect.
    fn check(&self) -> Result<(), String> {
        if self.column.is_some() && self.ids.iter().any(|id| id != "-") {
            return Err("--column: applies to --file and standard input; give ids as arguments in a run of their own"
                .to_owned());
        }
        if self.reason.is_some() && self.log.is_none() {
            return Err("--reason: is written into the log; add --log".to_owned());
        }
        if self.restart && self.remaining.is_none() {
            return Err("--restart: applies to the list of --remaining; add --remaining".to_owned());
        }
        if self.verify_ms.is_some() && !self.verify {
            return Err("--verify-for: is the time of --verify; add --verify".to_owned());
        }
        if self.verify {
            check_is_listed("--verify", self.action)?;
        }
        if !self.selection.is_empty() {
            self.check_selection()?;
        }
        self.connection.check()
    }

    /// Checks that the ids come from the list alone.
    fn check_selection(&self) -> Result<(), String> {
        check_is_listed("--where", self.action)?;
        let name = collection_of(self.action.definition).map(|collection| Fields::of(collection).name);
        if let (Some(label), Some(name)) = (&self.label, name)
            && !label.eq_ignore_ascii_case(name)
        {
            return Err(format!("--label: a list has the names in {name}; got '{label}'"));
        }
        if self.remaining.is_some() {
            return Err(
                "--remaining: keeps the ids of a given list; with --where and its like, the same command lists \
                        what is still at risk"
                    .to_owned(),
            );
        }
        if !self.ids.is_empty() || !self.files.is_empty() || self.column.is_some() || !self.outcomes.is_empty() {
            return Err(
                "--where, --level, --state, --older-than and --filter list the ids; other ids need a run of their \
                        own"
                .to_owned(),
            );
        }
        Ok(())
    }
}

/// Names of outcomes, separated by commas.
fn outcomes(names: &str) -> Result<Vec<&'static str>, String> {
    let outcome = |name: &str| Outcome::ALL.map(Outcome::name).into_iter().find(|known| *known == name.trim());
    let outcomes = names.split(',').map(outcome).collect::<Option<Vec<_>>>();
    outcomes.ok_or_else(|| format!("--outcome: expected accepted, refused, not-applied or unknown; got '{names}'"))
}
