//! The command line, parsed once.

use entra_risk_common::actions::{ApiVersion, Outcome};
use entra_risk_common::{ACTIONS, Action};

use crate::connection::Connection;
use crate::line::{Access, FileArgument, Item, Line};
use crate::suggestion::suggest;
use crate::values::{number, reason};

/// The text of `--help`. Names of options are taken from it.
pub(crate) const HELP: &str = include_str!("help.txt");

/// A parsed command line.
#[derive(Debug)]
pub(crate) enum Command {
    /// Print the help.
    Help,
    /// Print the version.
    Version,
    /// Perform an action.
    Perform(Box<Job>),
    /// Look at a token.
    Check(Box<Check>),
}

/// An action with its input, options and outputs.
#[derive(Debug)]
pub(crate) struct Job {
    /// The action to perform.
    pub(crate) action: &'static Action,
    /// Ids among the arguments; `-` is standard input.
    pub(crate) ids: Vec<String>,
    /// Files with ids; `-` is standard input.
    pub(crate) files: Vec<String>,
    /// The column or member with ids.
    pub(crate) column: Option<String>,
    /// The column or member with a name for each id.
    pub(crate) label: Option<String>,
    /// The outcomes with which ids of logs and reports are read; none for those worth sending again.
    pub(crate) outcomes: Vec<&'static str>,
    /// Files with ids to leave out.
    pub(crate) except: Vec<String>,
    /// The most ids to accept.
    pub(crate) max_ids: Option<u32>,
    /// Print what would be sent, and send nothing.
    pub(crate) dry_run: bool,
    /// Print JSON instead of the summary.
    pub(crate) json: bool,
    /// Print no progress and no notes.
    pub(crate) quiet: bool,
    /// Do not ask.
    pub(crate) yes: bool,
    /// The file of the log.
    pub(crate) log: Option<String>,
    /// Why the action is performed, for the log.
    pub(crate) reason: Option<String>,
    /// The file with the ids still to process.
    pub(crate) remaining: Option<String>,
    /// Begin anew, whatever the file with the ids still to process contains.
    pub(crate) restart: bool,
    /// The file with the refused ids.
    pub(crate) refused: Option<String>,
    /// How Microsoft Graph is reached, and the options of the plugin's call.
    pub(crate) connection: Connection,
}

impl Command {
    /// How Microsoft Graph is reached, if it is.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        match self {
            Command::Help | Command::Version => None,
            Command::Perform(job) => Some(&job.connection),
            Command::Check(check) => Some(&check.connection),
        }
    }
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
        self.connection.check()
    }
}

/// A look at a token.
#[derive(Debug)]
pub(crate) struct Check {
    /// The action that the token is for; none for all of them.
    pub(crate) action: Option<&'static Action>,
    /// Which token to request.
    pub(crate) connection: Connection,
}

/// Parses the command line without the program's name. Returns the files that it names too. The
/// error is a message for people.
pub(crate) fn parse(arguments: Vec<String>) -> Result<(Command, Vec<FileArgument>), String> {
    let mut line = Line::new(arguments);
    let command = match line.next()? {
        Some(Item::Option(name)) => match name.as_str() {
            "help" => Command::Help,
            "version" => Command::Version,
            "check" => check(&mut line)?,
            name => return Err(format!("expected an action first: invalid option '--{name}'")),
        },
        Some(Item::Value(name)) if name == "help" => Command::Help,
        Some(Item::Value(name)) => perform(action(&name)?, &mut line)?,
        None => return Err("expected an action".to_owned()),
    };
    Ok((command, line.files))
}

/// Parses what follows an action.
fn perform(action: &'static Action, line: &mut Line) -> Result<Command, String> {
    let mut job = Job {
        action,
        ids: Vec::new(),
        files: Vec::new(),
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
            name if job.connection.set(name, line)? => {}
            name => return Err(unknown_option(name)),
        }
    }
    job.check()?;
    Ok(Command::Perform(Box::new(job)))
}

/// Parses what follows `--check`.
fn check(line: &mut Line) -> Result<Command, String> {
    let mut check = Check { action: None, connection: Connection::default() };
    while let Some(item) = line.next()? {
        match item {
            Item::Value(name) if check.action.is_none() => check.action = Some(action(&name)?),
            Item::Value(name) => return Err(format!("--check: expected at most one action; got '{name}' too")),
            Item::Option(name) if name == "help" => return Ok(Command::Help),
            Item::Option(name) if check.connection.set(&name, line)? => {}
            Item::Option(name) => return Err(format!("--check: invalid option '--{name}'")),
        }
    }
    check.connection.check()?;
    Ok(Command::Check(Box::new(check)))
}

/// The action with this name.
fn action(name: &str) -> Result<&'static Action, String> {
    let action = ACTIONS.iter().find(|action| action.definition.name == name);
    action.ok_or_else(|| {
        format!("unknown action '{name}'{}", suggest("", name, ACTIONS.iter().map(|action| action.definition.name)))
    })
}

/// Names of outcomes, separated by commas.
fn outcomes(names: &str) -> Result<Vec<&'static str>, String> {
    let outcome = |name: &str| Outcome::ALL.map(Outcome::name).into_iter().find(|known| *known == name.trim());
    let outcomes = names.split(',').map(outcome).collect::<Option<Vec<_>>>();
    outcomes.ok_or_else(|| format!("--outcome: expected accepted, refused, not-applied or unknown; got '{names}'"))
}

fn unknown_option(name: &str) -> String {
    match name {
        "dir" => return "invalid option '--dir': give --dir to the runtime, before the component".to_owned(),
        "check" => return "invalid option '--check': give --check first".to_owned(),
        _ => {}
    }
    format!("invalid option '--{name}'{}", suggest("--", name, option_names()))
}

/// The names in the column of the help that lists the options.
fn option_names() -> impl Iterator<Item = &'static str> {
    HELP.lines().filter_map(|line| line.get(6..)?.strip_prefix("--")?.split([' ', ',']).next())
}

#[cfg(test)]
pub(crate) mod tests;
