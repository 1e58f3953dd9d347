//! The four actions: the engine's description of each, and the plugin's function that performs it.

use std::fmt;

use entra_risk_engine::action;

use crate::actions::{Batch, Failure, Options};
use crate::call;

/// The result of a function of the plugin.
pub type CallResult = Result<Vec<Batch>, Failure>;

/// An action of the plugin.
pub struct Action {
    /// Its name, request and limits.
    pub definition: &'static action::Action,
    /// The plugin's function.
    pub call: fn(&[String], Option<&Options>) -> CallResult,
}

/// The four actions, in the order of the contract.
pub static ACTIONS: [Action; 4] = [
    Action { definition: &action::ACTIONS[0], call: call::dismiss_sign_ins },
    Action { definition: &action::ACTIONS[1], call: call::confirm_sign_ins_safe },
    Action { definition: &action::ACTIONS[2], call: call::confirm_sign_ins_compromised },
    Action { definition: &action::ACTIONS[3], call: call::dismiss_risky_users },
];

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.definition.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_and_definitions_are_in_the_same_order() {
        let names = ACTIONS.each_ref().map(|action| action.definition.name);
        let expected =
            ["dismiss-sign-ins", "confirm-sign-ins-safe", "confirm-sign-ins-compromised", "dismiss-risky-users"];
        assert_eq!(names, expected);
    }
}
