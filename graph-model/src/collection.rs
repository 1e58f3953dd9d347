//! The collections that can be listed, and the properties of their entries.

use crate::route::Bucket;

/// A collection of what is at risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Collection {
    /// `/identityProtection/riskyUsers`
    RiskyUsers,
    /// `/auditLogs/signIns`
    SignIns,
    /// `/identityProtection/riskyServicePrincipals`
    RiskyServicePrincipals,
}

/// A property of an entry.
#[derive(Debug)]
pub(crate) struct Property {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether a filter may name it.
    pub(crate) filters: bool,
}

/// What a property is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// A member of an enumeration.
    Member(&'static [&'static str]),
    Time,
    Flag,
}

impl Collection {
    /// Every collection.
    pub const ALL: [Collection; 3] = [Collection::RiskyUsers, Collection::SignIns, Collection::RiskyServicePrincipals];

    /// The path below the version.
    pub fn path(self) -> &'static str {
        match self {
            Collection::RiskyUsers => "identityProtection/riskyUsers",
            Collection::SignIns => "auditLogs/signIns",
            Collection::RiskyServicePrincipals => "identityProtection/riskyServicePrincipals",
        }
    }

    /// Maximum entries in a page.
    pub fn max_page(self) -> usize {
        match self {
            Collection::SignIns => 1_000,
            Collection::RiskyUsers | Collection::RiskyServicePrincipals => 500,
        }
    }

    /// Entries in a page unless the request says how many. That of sign-ins is documented.
    pub(crate) fn default_page(self) -> usize {
        match self {
            Collection::SignIns => 1_000,
            Collection::RiskyUsers | Collection::RiskyServicePrincipals => 20,
        }
    }

    /// The limit that its requests count against: that of the actions.
    pub(crate) fn bucket(self) -> Bucket {
        match self {
            Collection::SignIns => Bucket::SignIns,
            Collection::RiskyUsers | Collection::RiskyServicePrincipals => Bucket::Users,
        }
    }

    /// The type of its entries.
    pub(crate) fn entry_type(self) -> &'static str {
        match self {
            Collection::RiskyUsers => "microsoft.graph.riskyUser",
            Collection::SignIns => "microsoft.graph.signIn",
            Collection::RiskyServicePrincipals => "microsoft.graph.riskyServicePrincipal",
        }
    }

    /// The properties of its entries.
    pub(crate) fn properties(self) -> &'static [Property] {
        match self {
            Collection::RiskyUsers => &USER,
            Collection::SignIns => &SIGN_IN,
            Collection::RiskyServicePrincipals => &SERVICE_PRINCIPAL,
        }
    }
}

static USER: [Property; 9] = [
    shown("id", Kind::Text),
    filter("isDeleted", Kind::Flag),
    shown("isProcessing", Kind::Flag),
    filter("riskLevel", LEVEL),
    filter("riskState", STATE),
    filter("riskDetail", Kind::Text),
    filter("riskLastUpdatedDateTime", Kind::Time),
    shown("userDisplayName", Kind::Text),
    filter("userPrincipalName", Kind::Text),
];

static SIGN_IN: [Property; 7] = [
    shown("id", Kind::Text),
    filter("createdDateTime", Kind::Time),
    filter("riskLevelAggregated", LEVEL),
    filter("riskState", STATE),
    filter("riskDetail", Kind::Text),
    shown("userDisplayName", Kind::Text),
    filter("userPrincipalName", Kind::Text),
];

static SERVICE_PRINCIPAL: [Property; 7] = [
    shown("id", Kind::Text),
    shown("isProcessing", Kind::Flag),
    filter("riskLevel", LEVEL),
    filter("riskState", STATE),
    filter("riskDetail", Kind::Text),
    filter("riskLastUpdatedDateTime", Kind::Time),
    shown("displayName", Kind::Text),
];

const fn filter(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, filters: true }
}

const fn shown(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, filters: false }
}

/// <https://learn.microsoft.com/graph/api/resources/riskyuser#risklevel-values>
const LEVEL: Kind = Kind::Member(&["low", "medium", "high", "hidden", "none", "unknownFutureValue"]);

/// <https://learn.microsoft.com/graph/api/resources/riskyuser#riskstate-values>
const STATE: Kind = Kind::Member(&[
    "none",
    "confirmedSafe",
    "remediated",
    "dismissed",
    "atRisk",
    "confirmedCompromised",
    "unknownFutureValue",
]);
