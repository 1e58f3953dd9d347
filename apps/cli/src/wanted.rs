//! What is read from a source of ids.

use entra_risk_engine::contract::action::Action;

/// What to read from a source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The action that the ids are for.
    pub(crate) action: &'static Action,
    /// The column or member with ids; without it, one that is known.
    pub(crate) column: Option<&'a str>,
    /// The column or member with labels.
    pub(crate) label: Option<&'a str>,
}
