//! The actions: the engine's description of each, and its case in the plugin's contract.

use std::fmt;

use entra_risk_engine::contract::action;

use crate::calls;

/// An action of the plugin.
pub struct Action {
    /// The action's name, request and limits.
    pub definition: &'static action::Action,
    /// The action's case in the contract.
    pub id: calls::Action,
}

/// Every action, in the order of the contract.
pub static ACTIONS: [Action; action::ACTIONS.len()] = [
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
    use wit_parser::{Resolve, TypeDefKind};

    use super::*;

    /// The cases of the enum `action` in `wit/`.
    fn cases_in_the_contract() -> Vec<String> {
        let mut wit = Resolve::default();
        wit.push_path("../../wit").unwrap();
        let (_, calls) =
            wit.interfaces.iter().find(|(_, interface)| interface.name.as_deref() == Some("calls")).unwrap();
        let TypeDefKind::Enum(action) = &wit.types[calls.types["action"]].kind else { panic!("not an enum") };
        action.cases.iter().map(|case| case.name.clone()).collect()
    }

    #[test]
    fn the_engine_and_the_contract_have_the_same_actions_in_the_same_order() {
        assert_eq!(ACTIONS.each_ref().map(|action| action.definition.name).as_slice(), cases_in_the_contract());
        for (position, action) in ACTIONS.iter().enumerate() {
            assert_eq!(action.id as usize, position, "{action:?}");
        }
    }
}
