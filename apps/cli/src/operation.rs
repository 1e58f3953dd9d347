//! What the command does in Microsoft Graph, and the permissions for it.

use std::slice;

use entra_risk_common::{ACTIONS, Action};
use entra_risk_engine::contract::collection::{COLLECTIONS, Collection};

use crate::suggestion::suggest;

/// What the command does in Microsoft Graph.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation {
    Act(&'static Action),
    List(&'static Collection),
}

/// What the name of a list begins with, before that of the collection.
const LIST: &str = "list-";

/// The name of the command that looks at the effect of an action.
pub(crate) const VERIFY: &str = "verify";

impl Operation {
    /// All of them: the actions in the order of the contract, then the lists.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        ACTIONS.iter().map(Operation::Act).chain(COLLECTIONS.iter().map(Operation::List))
    }

    /// The operation with this name. The error is a message for people.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        Operation::all().find(|operation| operation.name() == name).ok_or_else(|| {
            let names: Vec<String> = Operation::all().map(Operation::name).collect();
            let names = names.iter().map(String::as_str).chain([VERIFY]);
            format!("unknown action '{name}'{}", suggest("", name, names))
        })
    }

    /// The name on the command line.
    pub(crate) fn name(self) -> String {
        match self {
            Operation::Act(action) => action.definition.name.to_owned(),
            Operation::List(collection) => [LIST, collection.name].concat(),
        }
    }

    /// The least permissions, of an app or on behalf of a person. All of them are needed.
    pub(crate) fn permissions(self, is_delegated: bool) -> &'static [&'static str] {
        match self {
            Operation::Act(action) if is_delegated => slice::from_ref(&action.definition.delegated_permission),
            Operation::Act(action) => slice::from_ref(&action.definition.application_permission),
            Operation::List(collection) => collection.permissions,
        }
    }
}

/// Whether a permission contains another one: what permits writing, permits reading.
pub(crate) fn contains(held: &str, needed: &str) -> bool {
    held == needed || held == needed.replace(".Read.", ".ReadWrite.")
}
