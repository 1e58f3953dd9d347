//! The question before anything is sent: what it will do, to how many ids, and why these may be the
//! wrong ones.

use entra_risk_common::{Action, calls};

use crate::ids::Input;
use crate::job::Job;
use crate::stdio::{eprint, error_is_terminal, input_is_terminal, lines, read_answer};

/// Maximum ids that need no question, and that a dry run shows whole.
pub(crate) const MAX_SHORT_LIST: usize = 100;

/// The question to ask, if there is one. In a terminal, one is asked before something is confirmed
/// as compromised, because this can lock people out, before a long list or one that the command
/// made itself is sent, and if it is doubtful that the ids are the right ones. The error is that a
/// question cannot be answered.
pub(crate) fn question(job: &Job, ids: usize, input: &Input) -> Result<Option<String>, Vec<String>> {
    let doubts = &input.doubts;
    if ids == 0 || job.yes {
        return Ok(None);
    }
    let effect = compromised(job.action);
    let can_ask = error_is_terminal() && input_is_terminal();
    if !can_ask && !doubts.is_empty() {
        let way_out = "name another column, or add --yes if these are the right ids".to_owned();
        return Err(doubts.iter().cloned().chain([way_out]).collect());
    }
    if !can_ask && effect.is_some() && error_is_terminal() {
        let targets = targets(job.action);
        return Err(vec![format!(
            "add --yes: the question whether to confirm {targets} as compromised cannot be answered, because standard \
             input is not a terminal"
        )]);
    }
    let is_asked = effect.is_some() || ids > MAX_SHORT_LIST || !doubts.is_empty() || input.listed.is_some();
    Ok((can_ask && is_asked)
        .then(|| lines(doubts.iter().chain(&listed(job, ids, input, true))) + &whether(job.action, ids)))
}

/// What the command has listed, with the first names in the question alone: they are personal data.
pub(crate) fn listed(job: &Job, ids: usize, input: &Input, has_names: bool) -> Option<String> {
    let targets = targets(job.action);
    let listed = input.listed.as_ref()?;
    let names = if has_names { listed.names.as_slice() } else { &[] };
    let others = if ids > names.len() { ", …" } else { "" };
    Some(match names {
        [] => format!("{ids} {targets} are listed"),
        names => format!("{ids} {targets} are listed: {}{others}", names.join(", ")),
    })
}

/// Asks a question.
pub(crate) fn ask(question: &str) -> Result<bool, String> {
    eprint(&format!("{question}\nType yes to continue: "));
    let answer = read_answer()?;
    Ok(["yes", "y"].iter().any(|yes| answer.eq_ignore_ascii_case(yes)))
}

/// The question whether to perform an action on this number of targets.
fn whether(action: &Action, ids: usize) -> String {
    let targets = targets(action);
    match compromised(action) {
        Some(effect) => format!("Confirm {ids} {targets} as compromised? Microsoft Entra ID sets {effect}."),
        None if action.definition.name.starts_with("dismiss-") => {
            format!("Dismiss the risk of {ids} {targets}? A dismissal cannot be undone.")
        }
        None => format!("Confirm {ids} {targets} as safe?"),
    }
}

/// What an action acts on.
fn targets(action: &Action) -> &'static str {
    match action.definition.id_field {
        "requestIds" => "sign-ins",
        "servicePrincipalIds" => "service principals",
        "agentIds" => "agents",
        _ => "users",
    }
}

/// What Microsoft Entra ID sets when an action confirms a compromise; none for the other actions.
fn compromised(action: &Action) -> Option<&'static str> {
    match action.id {
        calls::Action::ConfirmSignInsCompromised => {
            Some("the risk of their users to high, which can lock these users out")
        }
        calls::Action::ConfirmRiskyUsersCompromised => Some("their risk to high, which can lock them out"),
        calls::Action::ConfirmRiskyServicePrincipalsCompromised | calls::Action::ConfirmRiskyAgentsCompromised => {
            Some("their risk to high, which can block them")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use entra_risk_common::ACTIONS;

    use super::*;

    #[test]
    fn every_action_that_confirms_a_compromise_says_what_it_sets() {
        for action in &ACTIONS {
            let is_asked = compromised(action).is_some();
            assert_eq!(is_asked, action.definition.name.ends_with("-compromised"), "{action:?}");
        }
    }

    #[test]
    fn the_question_names_number_and_action() {
        let questions = [0, 1, 2, 6, 7].map(|action| whether(&ACTIONS[action], 101));
        let expected = [
            "Dismiss the risk of 101 sign-ins? A dismissal cannot be undone.",
            "Confirm 101 sign-ins as safe?",
            "Confirm 101 sign-ins as compromised? Microsoft Entra ID sets the risk of their users to high, which can \
             lock these users out.",
            "Dismiss the risk of 101 service principals? A dismissal cannot be undone.",
            "Confirm 101 service principals as compromised? Microsoft Entra ID sets their risk to high, which can block \
             them.",
        ];
        assert_eq!(questions, expected);
    }
}
