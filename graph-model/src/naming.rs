//! Which ids a refusal names.

use uuid::Uuid;

/// What the message of a refusal says about the ids of the request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Naming {
    /// It names the first id at fault.
    #[default]
    First,
    /// It names every id at fault.
    All,
    /// It names none.
    None,
    /// It names the first id that is not at fault, if there is one.
    Wrong,
    /// It names every id of the request.
    Echo,
}

impl Naming {
    /// The message of a refusal of these ids.
    pub(crate) fn message(self, ids: &[Uuid], is_bad: impl Fn(&&Uuid) -> bool) -> String {
        let bad = ids.iter().filter(|id| is_bad(id));
        let named: Vec<String> = match self {
            Naming::First => bad.take(1).map(Uuid::to_string).collect(),
            Naming::All => bad.map(Uuid::to_string).collect(),
            Naming::Wrong => ids.iter().filter(|id| !is_bad(id)).take(1).map(Uuid::to_string).collect(),
            Naming::Echo => ids.iter().map(Uuid::to_string).collect(),
            Naming::None => Vec::new(),
        };
        if named.is_empty() {
            return "These ids do not exist in your tenant or they are not risky.".into();
        }
        format!("Resource '{}' does not exist or is not at risk.", named.join("', '"))
    }
}
