//! Hints for what people give instead of ids.

use entra_risk_engine::contract::action::Action;

use crate::column::ids_of;

/// What an invalid id probably is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hint {
    /// The id of a risk detection: 64 hexadecimal digits.
    Detection,
    /// A user principal name.
    UserPrincipalName,
    /// A GUID without hyphens.
    NoHyphens,
    /// A line of a CSV file that is read as a list.
    Table,
}

impl Hint {
    /// What a text that is not an id probably is.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match text.len() {
            64 if is_hexadecimal => Some(Hint::Detection),
            32 if is_hexadecimal => Some(Hint::NoHyphens),
            _ if text.contains('@') => Some(Hint::UserPrincipalName),
            _ => None,
        }
    }

    /// The hint as a line.
    pub(crate) fn text(self, action: &Action) -> String {
        let needed = ids_of(action);
        match self {
            Hint::Detection => format!(
                "64 digits are the id of a risk detection: the sign-in is in its requestId, the user in its userId; \
                 this action needs {needed}"
            ),
            Hint::UserPrincipalName => format!(
                "this action needs {needed}, not user principal names; the object id of a user: az ad user show --id \
                 NAME --query id --output tsv"
            ),
            Hint::NoHyphens => "32 digits without hyphens: write an id as 8-4-4-4-12 digits".to_owned(),
            Hint::Table => {
                "for CSV, name the column with --column; the file needs a header, and ids in its first line are no header"
                    .to_owned()
            }
        }
    }
}
