//! An action to perform, with its input, options and outputs.

use entra_risk_common::Action;
use entra_risk_engine::contract::verification::DEFAULT_VERIFY_MS;

use crate::connection::Connection;
use crate::selection::Selection;

/// An action with its input, options and outputs.
#[derive(Debug)]
pub(crate) struct Job {
    /// The action to perform.
    pub(crate) action: &'static Action,
    /// Ids among the arguments; `-` is standard input.
    pub(crate) ids: Vec<String>,
    /// Files with ids; `-` is standard input.
    pub(crate) files: Vec<String>,
    /// Which ids to list, and act on them.
    pub(crate) selection: Selection,
    /// The column or member with ids.
    pub(crate) column: Option<String>,
    /// The column or member with a name for each id.
    pub(crate) label: Option<String>,
    /// The outcomes with which ids of logs and reports are read; none for those worth sending
    /// again.
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
    /// Look at the effect afterward.
    pub(crate) verify: bool,
    /// How long the effect is awaited, in milliseconds.
    pub(crate) verify_ms: Option<u32>,
    /// How Microsoft Graph is reached, and the options of the plugin's call.
    pub(crate) connection: Connection,
}

impl Job {
    /// How long the effect is awaited, in milliseconds.
    pub(crate) fn verify_ms(&self) -> u32 {
        self.verify_ms.unwrap_or(DEFAULT_VERIFY_MS)
    }
}
