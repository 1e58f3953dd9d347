//! The command line, parsed once.

use entra_risk_common::Action;
use entra_risk_engine::contract::collection::Collection;
use entra_risk_engine::contract::verification::DEFAULT_VERIFY_MS;

use crate::connection::Connection;
use crate::job::Job;
use crate::line::{Access, FileArgument, Item, Line};
use crate::operation::{Operation, VERIFY};
use crate::selected::collection_of;
use crate::selection::Selection;
use crate::suggestion::suggest;
use crate::values::milliseconds;

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
    /// List what is at risk.
    List(Box<Listing>),
    /// Look at the effect of an earlier run.
    Verify(Box<Verify>),
    /// Look at a token.
    Check(Box<Check>),
}

impl Command {
    /// How Microsoft Graph is reached, if it is.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        match self {
            Command::Help | Command::Version => None,
            Command::Perform(job) => Some(&job.connection),
            Command::List(listing) => Some(&listing.connection),
            Command::Verify(verify) => Some(&verify.connection),
            Command::Check(check) => Some(&check.connection),
        }
    }
}

/// A list of what is at risk.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) collection: &'static Collection,
    /// Which entries to list.
    pub(crate) selection: Selection,
    /// Print JSON instead of a table.
    pub(crate) json: bool,
    /// Print no progress and no notes.
    pub(crate) quiet: bool,
    /// How Microsoft Graph is reached, and the options of the query.
    pub(crate) connection: Connection,
}

/// A look at the effect of an earlier run.
#[derive(Debug)]
pub(crate) struct Verify {
    /// The action of that run.
    pub(crate) action: &'static Action,
    /// Its log.
    pub(crate) log: String,
    /// How long the effect is awaited, in milliseconds.
    pub(crate) time_ms: u32,
    /// Print JSON instead of a summary.
    pub(crate) json: bool,
    /// Print no progress, and no summary if every id is done.
    pub(crate) quiet: bool,
    /// How Microsoft Graph is reached, and the options of the queries.
    pub(crate) connection: Connection,
}

/// A look at a token.
#[derive(Debug)]
pub(crate) struct Check {
    /// What the token is for; none for everything.
    pub(crate) operation: Option<Operation>,
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
        Some(Item::Value(name)) if name == VERIFY => verify(&mut line)?,
        Some(Item::Value(name)) => match Operation::named(&name)? {
            Operation::Act(action) => Job::parse(action, &mut line)?,
            Operation::List(collection) => list(collection, &mut line)?,
        },
        None => return Err("expected an action".to_owned()),
    };
    Ok((command, line.files))
}

/// Parses what follows the name of a list.
fn list(collection: &'static Collection, line: &mut Line) -> Result<Command, String> {
    let (selection, connection) = (Selection::default(), Connection::default());
    let mut listing = Listing { collection, selection, json: false, quiet: false, connection };
    while let Some(item) = line.next()? {
        let name = match item {
            Item::Value(text) => return Err(format!("list-{}: unexpected argument '{text}'", collection.name)),
            Item::Option(name) => name,
        };
        match name.as_str() {
            "help" => return Ok(Command::Help),
            "json" => listing.json = true,
            "quiet" => listing.quiet = true,
            name if listing.selection.set(name, line)? || listing.connection.set(name, line)? => {}
            name => return Err(unknown_option(name)),
        }
    }
    listing.connection.check()?;
    Ok(Command::List(Box::new(listing)))
}

/// Parses what follows `verify`.
fn verify(line: &mut Line) -> Result<Command, String> {
    let (mut action, mut log, mut time_ms, mut json, mut quiet) = (None, None, DEFAULT_VERIFY_MS, false, false);
    let mut connection = Connection::default();
    while let Some(item) = line.next()? {
        let name = match item {
            Item::Value(name) if action.is_none() => {
                action = Some(name);
                continue;
            }
            Item::Value(text) => return Err(format!("verify: unexpected argument '{text}'")),
            Item::Option(name) => name,
        };
        match name.as_str() {
            "help" => return Ok(Command::Help),
            "log" => log = Some(line.path(Access::Write)?),
            "verify-for" => time_ms = milliseconds("--verify-for", &line.text()?)?,
            "json" => json = true,
            "quiet" => quiet = true,
            name if connection.set(name, line)? => {}
            name => return Err(unknown_option(name)),
        }
    }
    connection.check()?;
    let (Some(action), Some(log)) = (action, log) else {
        return Err("verify: expected an action and its log, such as verify dismiss-risky-users --log FILE".to_owned());
    };
    match Operation::named(&action)? {
        Operation::Act(action) => {
            check_is_listed(VERIFY, action)?;
            Ok(Command::Verify(Box::new(Verify { action, log, time_ms, json, quiet, connection })))
        }
        Operation::List(_) => Err(format!("verify: expected an action; got '{action}'")),
    }
}

/// Checks that what an action acts on can be listed.
pub(crate) fn check_is_listed(flag: &str, action: &Action) -> Result<(), String> {
    let listed = collection_of(action.definition);
    listed.map(drop).ok_or_else(|| format!("{flag}: the command cannot list what {} acts on", action.definition.name))
}

/// Parses what follows `--check`.
fn check(line: &mut Line) -> Result<Command, String> {
    let mut check = Check { operation: None, connection: Connection::default() };
    while let Some(item) = line.next()? {
        match item {
            Item::Value(name) if check.operation.is_none() => check.operation = Some(Operation::named(&name)?),
            Item::Value(name) => return Err(format!("--check: expected at most one action; got '{name}' too")),
            Item::Option(name) if name == "help" => return Ok(Command::Help),
            Item::Option(name) if check.connection.set(&name, line)? => {}
            Item::Option(name) => return Err(format!("--check: invalid option '--{name}'")),
        }
    }
    check.connection.check()?;
    Ok(Command::Check(Box::new(check)))
}

/// What is wrong with an option that is none of a command.
pub(crate) fn unknown_option(name: &str) -> String {
    match name {
        "dir" => return "invalid option '--dir': give --dir to the runtime, before the component".to_owned(),
        "check" => return "invalid option '--check': give --check first".to_owned(),
        name if option_names().any(|known| known == name) => {
            return format!("invalid option '--{name}': does not apply here");
        }
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
