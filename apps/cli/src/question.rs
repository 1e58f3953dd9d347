//! The question before targets are confirmed as compromised, because this can lock people out.

use entra_risk_common::{Action, calls};

use crate::arguments::Job;
use crate::stdio::{eprint, error_is_terminal, input_is_terminal, read_answer};

/// Whether to ask first: in a terminal, before something is confirmed as compromised. The error is
/// that the question cannot be answered.
pub(crate) fn must_ask(job: &Job, ids: usize) -> Result<bool, String> {
    let Some((targets, _)) = compromised(job.action).filter(|_| ids > 0 && !job.yes && error_is_terminal()) else {
        return Ok(false);
    };
    if input_is_terminal() {
        return Ok(true);
    }
    Err(format!(
        "add --yes: the question whether to confirm {targets} as compromised cannot be answered, because standard input \
         is not a terminal"
    ))
}

/// Asks whether to confirm so many targets of this action as compromised.
pub(crate) fn ask(action: &Action, ids: usize) -> Result<bool, String> {
    let (targets, effect) = compromised(action).unwrap_or_default();
    eprint(&format!(
        "Confirm {ids} {targets} as compromised? Microsoft Entra ID sets {effect}.\nType yes to continue: "
    ));
    let answer = read_answer()?;
    Ok(["yes", "y"].iter().any(|yes| answer.eq_ignore_ascii_case(yes)))
}

/// What an action confirms as compromised, and what Microsoft Entra ID sets then; none for the
/// other actions.
fn compromised(action: &Action) -> Option<(&'static str, &'static str)> {
    match action.id {
        calls::Action::ConfirmSignInsCompromised => {
            Some(("sign-ins", "the risk of their users to high, which can lock these users out"))
        }
        calls::Action::ConfirmRiskyUsersCompromised => Some(("users", "their risk to high, which can lock them out")),
        calls::Action::ConfirmRiskyServicePrincipalsCompromised => {
            Some(("service principals", "their risk to high, which can block them"))
        }
        calls::Action::ConfirmRiskyAgentsCompromised => Some(("agents", "their risk to high, which can block them")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use entra_risk_common::ACTIONS;

    use super::*;

    #[test]
    fn every_action_that_confirms_a_compromise_is_asked_about() {
        for action in &ACTIONS {
            let is_asked = compromised(action).is_some();
            assert_eq!(is_asked, action.definition.name.ends_with("-compromised"), "{action:?}");
        }
    }
}
