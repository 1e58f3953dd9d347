//! The command line, parsed once.

mod action;

use entra_risk_engine::contract::collection::Collection;
use entra_risk_engine::contract::verification::DEFAULT_VERIFY_MS;

use crate::command::{Check, Command, Listing, Verify};
use crate::connection::Connection;
use crate::help::unknown_option;
use crate::line::{Access, FileArgument, Item, Line};
use crate::operation::{Operation, VERIFY};
use crate::selected::check_is_listed;
use crate::selection::Selection;
use crate::values::milliseconds;

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
            Operation::Act(action) => action::parse(action, &mut line)?,
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

#[cfg(test)]
pub(crate) mod tests;
