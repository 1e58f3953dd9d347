//! The four actions, in their order everywhere.

/// An action of the plugin.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action {
    DismissSignIns,
    ConfirmSignInsSafe,
    ConfirmSignInsCompromised,
    DismissRiskyUsers,
}

impl Action {
    /// The name of the plugin's function.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Action::DismissSignIns => "dismiss-sign-ins",
            Action::ConfirmSignInsSafe => "confirm-sign-ins-safe",
            Action::ConfirmSignInsCompromised => "confirm-sign-ins-compromised",
            Action::DismissRiskyUsers => "dismiss-risky-users",
        }
    }
}
