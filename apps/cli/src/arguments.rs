//! The command line, parsed once.

use entra_risk_common::actions::{ApiVersion, Options, Outcome};
use entra_risk_common::{ACTIONS, Action, parse_cloud};
use lexopt::prelude::*;

use crate::suggestion::suggest;
use crate::values::{audience, endpoint, milliseconds, number, rate_limit, reason, tenant};

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
    /// The options of the plugin's call.
    pub(crate) options: Options,
}

/// Parses the command line without the program's name. The error is a message for people.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let action = match next(&mut parser)? {
        Some(Short('h') | Long("help")) => return Ok(Command::Help),
        Some(Short('V') | Long("version")) => return Ok(Command::Version),
        Some(Value(name)) if name == "help" => return Ok(Command::Help),
        Some(Value(name)) => action(&name.to_string_lossy())?,
        Some(option) => return Err(format!("expected an action first: {}", option.unexpected())),
        None => return Err("expected an action".to_owned()),
    };
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
        options: Options::default(),
    };
    while let Some(argument) = next(&mut parser)? {
        let options = &mut job.options;
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Short('V') | Long("version") => return Ok(Command::Version),
            Value(id) => job.ids.push(id.to_string_lossy().into_owned()),
            Long("file") => job.files.push(text(&mut parser)?),
            Long("column") => job.column = Some(text(&mut parser)?),
            Long("label") => job.label = Some(text(&mut parser)?),
            Long("outcome") => job.outcomes.extend(outcomes(&text(&mut parser)?)?),
            Long("except") => job.except.push(text(&mut parser)?),
            Long("max-ids") => job.max_ids = Some(number("--max-ids", &text(&mut parser)?, 1..=u32::MAX)?),
            Long("dry-run") => job.dry_run = true,
            Long("json") => job.json = true,
            Short('q') | Long("quiet") => job.quiet = true,
            Short('y') | Long("yes") => job.yes = true,
            Long("log") => job.log = Some(text(&mut parser)?),
            Long("reason") => job.reason = Some(reason(&text(&mut parser)?)?),
            Long("restart") => job.restart = true,
            Long("remaining") => job.remaining = Some(text(&mut parser)?),
            Long("refused") => job.refused = Some(text(&mut parser)?),
            Long("tenant") => options.tenant = Some(tenant(&text(&mut parser)?)?),
            Long("cloud") => {
                let name = text(&mut parser)?;
                let cloud = parse_cloud(&name).map_err(|names| format!("--cloud: expected {names}; got '{name}'"))?;
                options.cloud = Some(cloud);
            }
            Long("endpoint") => options.endpoint = Some(endpoint("--endpoint", &text(&mut parser)?)?),
            Long("audience") => options.audience = Some(audience(&text(&mut parser)?)?),
            Long("api-version") => {
                options.api_version = Some(match text(&mut parser)?.as_str() {
                    "v1.0" => ApiVersion::V1,
                    "beta" => ApiVersion::Beta,
                    other => return Err(format!("--api-version: expected v1.0 or beta; got '{other}'")),
                });
            }
            Long("ids-per-request") => {
                let range = 1..=action.definition.max_ids_per_request;
                options.ids_per_request = Some(number("--ids-per-request", &text(&mut parser)?, range)?);
            }
            Long("max-in-flight") => {
                options.max_in_flight = Some(number("--max-in-flight", &text(&mut parser)?, 1..=32)?);
            }
            Long("max-attempts") => {
                options.max_attempts = Some(number("--max-attempts", &text(&mut parser)?, 1..=10)?);
            }
            Long("attempt-timeout") => {
                let timeout = text(&mut parser)?;
                let milliseconds = milliseconds("--attempt-timeout", &timeout)?;
                if milliseconds > 600_000 {
                    return Err(format!("--attempt-timeout: expected at most 10m; got '{timeout}'"));
                }
                options.attempt_timeout_ms = Some(milliseconds);
            }
            Long("deadline") => options.deadline_ms = Some(milliseconds("--deadline", &text(&mut parser)?)?),
            Long("patience") => options.patience_ms = Some(milliseconds("--patience", &text(&mut parser)?)?),
            Long("no-isolate-refused") => options.isolate_refused = Some(false),
            Long("rate-limit") => options.rate_limit = Some(rate_limit(&text(&mut parser)?)?),
            Long(name) => return Err(unknown_option(name)),
            other => return Err(other.unexpected().to_string()),
        }
    }
    check(&job)?;
    Ok(Command::Perform(Box::new(job)))
}

/// Checks that no option is without effect.
fn check(job: &Job) -> Result<(), String> {
    if job.column.is_some() && job.ids.iter().any(|id| id != "-") {
        return Err(
            "--column: applies to --file and standard input; give ids as arguments in a run of their own".to_owned()
        );
    }
    if job.reason.is_some() && job.log.is_none() {
        return Err("--reason: is written into the log; add --log".to_owned());
    }
    if job.restart && job.remaining.is_none() {
        return Err("--restart: applies to the list of --remaining; add --remaining".to_owned());
    }
    Ok(())
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
    if name == "dir" {
        return "invalid option '--dir': give --dir to the runtime, before the component".to_owned();
    }
    format!("invalid option '--{name}'{}", suggest("--", name, option_names()))
}

/// The names in the column of the help that lists the options.
fn option_names() -> impl Iterator<Item = &'static str> {
    HELP.lines().filter_map(|line| line.get(6..)?.strip_prefix("--")?.split([' ', ',']).next())
}

fn next(parser: &mut lexopt::Parser) -> Result<Option<lexopt::Arg<'_>>, String> {
    parser.next().map_err(|error| error.to_string())
}

fn text(parser: &mut lexopt::Parser) -> Result<String, String> {
    parser.value().and_then(|value| value.string()).map_err(|error| error.to_string())
}

#[cfg(test)]
pub(crate) mod tests;
