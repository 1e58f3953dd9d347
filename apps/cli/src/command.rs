//! What the command is asked to do.

use entra_risk_common::Action;
use entra_risk_engine::contract::collection::Collection;

use crate::connection::Connection;
use crate::job::Job;
use crate::operation::Operation;
use crate::selection::Selection;

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
