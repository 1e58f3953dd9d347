//! What a list contains.

use crate::bindings::queries as wit;

/// A user, a sign-in or a service principal with a risk. Levels, states and details are in
/// Microsoft Graph's own spelling. Values that it adds later pass through, so expect others than
/// those listed. Absent texts are empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Entry {
    /// The object id of the user or service principal, or the request id of the sign-in: what the
    /// actions take.
    pub id: String,
    /// The user principal name, or else the display name. It is personal data.
    pub name: String,
    /// `none`, `low`, `medium`, `high` or `hidden`.
    pub risk_level: String,
    /// `none`, `confirmedSafe`, `remediated`, `dismissed`, `atRisk` or `confirmedCompromised`.
    pub risk_state: String,
    /// `riskDetail`, such as `adminDismissedAllRiskForUser`.
    pub risk_detail: String,
    /// When the risk was last updated (of a sign-in: when it happened), as Microsoft Graph wrote
    /// it: a time in UTC according to ISO 8601.
    pub last_updated: String,
    /// Whether the user is deleted. The risk of deleted users cannot be dismissed.
    pub deleted: bool,
    /// Whether Microsoft Graph is still processing the risk.
    pub processing: bool,
}

impl From<wit::Entry> for Entry {
    fn from(entry: wit::Entry) -> Self {
        let wit::Entry { id, name, risk_level, risk_state, risk_detail, last_updated, deleted, processing } = entry;
        Entry { id, name, risk_level, risk_state, risk_detail, last_updated, deleted, processing }
    }
}
