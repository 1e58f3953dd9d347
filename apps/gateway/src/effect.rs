//! What an action does to users, software and sign-ins, for people and language models.

use entra_risk_common::Action;

/// Whether the action can lock people or software out.
pub(crate) fn is_dangerous(action: &Action) -> bool {
    action.definition.name.ends_with("-compromised")
}

/// What an action does.
pub(crate) fn effect(action: &Action) -> String {
    let targets = targets(action);
    let (before, after) = match action.definition.name {
        name if name.ends_with("-compromised") => (
            "Confirms ",
            " as compromised in Microsoft Entra ID Protection. Warning: their risk becomes high, and policies may block \
             them immediately, so wrong ids lock people or software out.",
        ),
        name if name.ends_with("-safe") => {
            ("Confirms ", " as safe in Microsoft Entra ID Protection: their risk is removed.")
        }
        _ => ("Dismisses the risk of ", " in Microsoft Entra ID Protection."),
    };
    format!("{before}{targets}{after}")
}

/// What the ids of an action stand for.
pub(crate) fn targets(action: &Action) -> &'static str {
    match action.definition.id_field {
        "requestIds" => "sign-ins",
        "userIds" => "users",
        "servicePrincipalIds" => "service principals",
        _ => "AI agents",
    }
}
