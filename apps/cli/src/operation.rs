//! What the command does in Microsoft Graph, and the permissions for it.

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

    /// The least permission, of an app or on behalf of a person.
    pub(crate) fn permission(self, is_delegated: bool) -> &'static str {
        match self {
            Operation::Act(action) if is_delegated => action.definition.delegated_permission,
            Operation::Act(action) => action.definition.application_permission,
            Operation::List(collection) => collection.permission,
        }
    }

    /// Whether this permission is enough. What permits writing, permits reading.
    pub(crate) fn is_permitted_by(self, permission: &str, is_delegated: bool) -> bool {
        let needed = self.permission(is_delegated);
        permission == needed || permission == needed.replace(".Read.", ".ReadWrite.")
    }
}
