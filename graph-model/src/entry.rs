//! One user, sign-in or service principal in a list, and what an action makes of it.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::Collection;
use crate::collection::Property;
use crate::response::iso8601;

/// A user, a sign-in or a service principal with a risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The object id of a user or service principal, or the request id of a sign-in.
    pub id: Uuid,
    /// The user principal name, if it contains an `@`, or else the display name.
    pub name: String,
    /// `riskLevel`, or `riskLevelAggregated` of a sign-in.
    pub level: String,
    /// `riskState`
    pub state: String,
    /// `riskDetail`
    pub detail: String,
    /// `riskLastUpdatedDateTime`, or `createdDateTime` of a sign-in, such as
    /// `2026-01-01T00:00:00Z`.
    pub last_updated: String,
    /// `isDeleted`: the actions refuse it.
    pub is_deleted: bool,
    /// `isProcessing`: it changes later.
    pub is_processing: bool,
    /// The time between the 204 of an action and the change. None: it never changes, and nothing
    /// says that.
    pub changes_after: Option<Duration>,
}

/// The value of a property.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PropertyValue<'a> {
    Text(Cow<'a, str>),
    Flag(bool),
    Null,
}

impl Entry {
    /// An entry with a high risk, which an action changes immediately.
    pub fn at_risk(id: Uuid, name: impl Into<String>) -> Entry {
        Entry {
            id,
            name: name.into(),
            level: "high".into(),
            state: "atRisk".into(),
            detail: "none".into(),
            last_updated: "2026-01-15T08:00:00Z".into(),
            is_deleted: false,
            is_processing: false,
            changes_after: Some(Duration::ZERO),
        }
    }

    /// This many entries of a collection, numbered from 1. The ids are the numbers, with a first
    /// block for each collection. In turn, the level is high, medium and low, and the risk 0 to 59
    /// days old.
    pub fn many(collection: Collection, count: usize, now: SystemTime) -> Vec<Entry> {
        let (block, name, host) = match collection {
            Collection::RiskyUsers => (0, "user", "@contoso.example"),
            Collection::SignIns => (1, "user", "@contoso.example"),
            Collection::RiskyServicePrincipals => (2, "app", ""),
        };
        let entry = |number: usize| {
            let age = Duration::from_secs(86_400) * (number as u32 % 60);
            Entry {
                level: ["high", "medium", "low"][(number - 1) % 3].into(),
                last_updated: iso8601(now - age) + "Z",
                ..Entry::at_risk(Uuid::from_u128((block << 96) + number as u128), format!("{name}{number}{host}"))
            }
        };
        (1..=count).map(entry).collect()
    }

    /// The value of one of its properties.
    pub(crate) fn value(&self, property: &str) -> PropertyValue<'_> {
        fn text(text: &str) -> PropertyValue<'_> {
            PropertyValue::Text(Cow::Borrowed(text))
        }
        match property {
            "id" => PropertyValue::Text(Cow::Owned(self.id.to_string())),
            "isDeleted" => PropertyValue::Flag(self.is_deleted),
            "isProcessing" => PropertyValue::Flag(self.is_processing),
            "riskLevel" | "riskLevelAggregated" => text(&self.level),
            "riskState" => text(&self.state),
            "riskDetail" => text(&self.detail),
            "riskLastUpdatedDateTime" | "createdDateTime" => text(&self.last_updated),
            "userPrincipalName" if !self.name.contains('@') => PropertyValue::Null,
            "userDisplayName" => text(self.name.split('@').next().unwrap_or_default()),
            _ => text(&self.name),
        }
    }

    /// The entry in JSON, with these properties.
    pub(crate) fn to_json(&self, properties: &[&Property]) -> Value {
        let value = |property: &&Property| {
            let value = match self.value(property.name) {
                PropertyValue::Text(text) => text.into_owned().into(),
                PropertyValue::Flag(flag) => flag.into(),
                PropertyValue::Null => Value::Null,
            };
            (property.name.to_owned(), value)
        };
        Value::Object(properties.iter().map(value).collect::<Map<_, _>>())
    }

    /// Makes of it what an action does.
    pub(crate) fn change(&mut self, effect: &Effect, at: String) {
        self.level = if effect.state == "confirmedCompromised" { "high" } else { "none" }.into();
        self.state = effect.state.into();
        self.detail = effect.detail.into();
        self.last_updated = at;
        self.is_processing = false;
    }
}

/// What an action does to the entries of a collection.
#[derive(Debug)]
pub(crate) struct Effect {
    pub(crate) collection: Collection,
    state: &'static str,
    detail: &'static str,
}

impl Effect {
    /// The effect of an action, by its index. None: what it is performed on cannot be listed.
    pub(crate) fn of(action: usize) -> Option<&'static Effect> {
        EFFECTS.get(action)
    }
}

/// The effects, in the order of the actions.
///
/// Source: `riskState` and `riskDetail` of
/// <https://learn.microsoft.com/graph/api/resources/riskyuser>.
static EFFECTS: [Effect; 8] = [
    effect(Collection::SignIns, "dismissed", "adminDismissedRiskForSignIn"),
    effect(Collection::SignIns, "confirmedSafe", "adminConfirmedSigninSafe"),
    effect(Collection::SignIns, "confirmedCompromised", "adminConfirmedSigninCompromised"),
    effect(Collection::RiskyUsers, "dismissed", "adminDismissedAllRiskForUser"),
    effect(Collection::RiskyUsers, "confirmedSafe", "adminConfirmedAccountSafe"),
    effect(Collection::RiskyUsers, "confirmedCompromised", "adminConfirmedUserCompromised"),
    effect(Collection::RiskyServicePrincipals, "dismissed", "adminDismissedAllRiskForServicePrincipal"),
    effect(Collection::RiskyServicePrincipals, "confirmedCompromised", "adminConfirmedServicePrincipalCompromised"),
];

const fn effect(collection: Collection, state: &'static str, detail: &'static str) -> Effect {
    Effect { collection, state, detail }
}
