//! The actions: the engine's description of each, and its name in the plugin's contract.

use std::fmt;

use entra_risk_engine::contract::action;

use crate::calls;

/// An action of the plugin.
pub struct Action {
    /// Its name, request and limits.
    pub definition: &'static action::Action,
    /// The plugin's name for it.
    pub id: calls::Action,
}

/// Every action, in the order of the contract.
pub static ACTIONS: [Action; 11] = [
    Action { definition: &action::ACTIONS[0], id: calls::Action::DismissSignIns },
    Action { definition: &action::ACTIONS[1], id: calls::Action::ConfirmSignInsSafe },
    Action { definition: &action::ACTIONS[2], id: calls::Action::ConfirmSignInsCompromised },
    Action { definition: &action::ACTIONS[3], id: calls::Action::DismissRiskyUsers },
    Action { definition: &action::ACTIONS[4], id: calls::Action::ConfirmRiskyUsersSafe },
    Action { definition: &action::ACTIONS[5], id: calls::Action::ConfirmRiskyUsersCompromised },
    Action { definition: &action::ACTIONS[6], id: calls::Action::DismissRiskyServicePrincipals },
    Action { definition: &action::ACTIONS[7], id: calls::Action::ConfirmRiskyServicePrincipalsCompromised },
    Action { definition: &action::ACTIONS[8], id: calls::Action::DismissRiskyAgents },
    Action { definition: &action::ACTIONS[9], id: calls::Action::ConfirmRiskyAgentsSafe },
    Action { definition: &action::ACTIONS[10], id: calls::Action::ConfirmRiskyAgentsCompromised },
];

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.definition.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The generated enum prints its cases as `Action::DismissSignIns`.
    fn name_in_the_contract(id: calls::Action) -> String {
        let printed = format!("{id:?}");
        let words = printed.strip_prefix("Action::").unwrap();
        let kebab: String =
            words.chars().flat_map(|c| ['-', c].into_iter().skip(usize::from(!c.is_uppercase()))).collect();
        kebab.trim_start_matches('-').to_lowercase()
    }

    #[test]
    fn the_engine_and_the_contract_have_the_same_actions_in_the_same_order() {
        for (position, action) in ACTIONS.iter().enumerate() {
            assert_eq!(action.id as usize, position, "{action:?}");
            assert_eq!(name_in_the_contract(action.id), action.definition.name);
        }
    }
}
