//! The actions of Microsoft Graph, by name.

use std::fmt;
use std::str::FromStr;

use entra_risk_engine::contract::action::{ACTIONS, Action as GraphAction};

use crate::bindings::calls;

/// An action of Microsoft Graph. The method of [`EntraRisk`](crate::EntraRisk) with the same name
/// documents its effect.
///
/// `"dismiss-risky-users".parse()` finds an action by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// `POST /auditLogs/signIns/dismiss`
    DismissSignIns,
    /// `POST /auditLogs/signIns/confirmSafe`
    ConfirmSignInsSafe,
    /// `POST /auditLogs/signIns/confirmCompromised`
    ConfirmSignInsCompromised,
    /// `POST /identityProtection/riskyUsers/dismiss`
    DismissRiskyUsers,
    /// `POST /identityProtection/riskyUsers/confirmSafe`
    ConfirmRiskyUsersSafe,
    /// `POST /identityProtection/riskyUsers/confirmCompromised`
    ConfirmRiskyUsersCompromised,
    /// `POST /identityProtection/riskyServicePrincipals/dismiss`
    DismissRiskyServicePrincipals,
    /// `POST /identityProtection/riskyServicePrincipals/confirmCompromised`
    ConfirmRiskyServicePrincipalsCompromised,
    /// `POST /identityProtection/riskyAgents/dismiss`
    DismissRiskyAgents,
    /// `POST /identityProtection/riskyAgents/confirmSafe`
    ConfirmRiskyAgentsSafe,
    /// `POST /identityProtection/riskyAgents/confirmCompromised`
    ConfirmRiskyAgentsCompromised,
}

/// No action has the name that was given. The text contains it, and the names that exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownAction(String);

/// Implements what takes a list of the actions. The order is that of the contract.
macro_rules! actions {
    ($($action:ident)+) => {
        impl Action {
            /// Every action, in the order of the contract.
            pub const ALL: [Action; 11] = [$(Action::$action),+];
        }

        impl From<Action> for calls::Action {
            fn from(action: Action) -> Self {
                match action {
                    $(Action::$action => calls::Action::$action,)+
                }
            }
        }
    };
}

actions! {
    DismissSignIns ConfirmSignInsSafe ConfirmSignInsCompromised
    DismissRiskyUsers ConfirmRiskyUsersSafe ConfirmRiskyUsersCompromised
    DismissRiskyServicePrincipals ConfirmRiskyServicePrincipalsCompromised
    DismissRiskyAgents ConfirmRiskyAgentsSafe ConfirmRiskyAgentsCompromised
}

impl Action {
    /// The name of the action in the contract, such as `dismiss-risky-users`.
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// The request that the action makes, as the engine's table defines it.
    pub(crate) fn definition(self) -> &'static GraphAction {
        let [a, b, c, d, e, f, g, h, i, j, k] = &ACTIONS;
        match self {
            Action::DismissSignIns => a,
            Action::ConfirmSignInsSafe => b,
            Action::ConfirmSignInsCompromised => c,
            Action::DismissRiskyUsers => d,
            Action::ConfirmRiskyUsersSafe => e,
            Action::ConfirmRiskyUsersCompromised => f,
            Action::DismissRiskyServicePrincipals => g,
            Action::ConfirmRiskyServicePrincipalsCompromised => h,
            Action::DismissRiskyAgents => i,
            Action::ConfirmRiskyAgentsSafe => j,
            Action::ConfirmRiskyAgentsCompromised => k,
        }
    }
}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(name: &str) -> Result<Action, UnknownAction> {
        Action::ALL.into_iter().find(|action| action.name() == name).ok_or_else(|| {
            let names = Action::ALL.map(Action::name).join(", ");
            UnknownAction(format!("unknown action {name:?}: expected one of {names}"))
        })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for UnknownAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnknownAction {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_its_name_in_the_contract() {
        for action in Action::ALL {
            // `Action::dismiss-risky-users` prints as `Action::DismissRiskyUsers`.
            let in_contract = format!("{:?}", calls::Action::from(action));
            let name = action.name().replace('-', "");
            assert!(in_contract.to_lowercase().ends_with(&name), "{in_contract} {name}");
            assert_eq!(action.name().parse(), Ok(action));
        }
        let error = "dismiss-users".parse::<Action>().unwrap_err().to_string();
        assert!(error.starts_with(r#"unknown action "dismiss-users": expected one of dismiss-sign-ins, "#), "{error}");
    }
}
