//! Ids that are sent in one request.

use crate::call::id_ranges::IdRanges;

/// Ids that are sent in one request, once or several times.
pub(crate) struct Group {
    pub(crate) ids: IdRanges,
    /// The ids that were refused together with `ids` and are not sent now. Empty unless the group
    /// is `Suspect`.
    pub(crate) rest: IdRanges,
    pub(crate) origin: Origin,
    /// Attempts that count toward `max-attempts`.
    pub(crate) counted_attempts: u32,
    /// Whether an attempt was repeated with a fresh token.
    pub(crate) had_fresh_token: bool,
    /// The index in the endings of `Outcomes` of how the latest attempt ended, if one has.
    pub(crate) ending: Option<usize>,
}

/// Why ids are sent together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nothing is known of the ids.
    Untested,
    /// The ids contain a bad one, together with the rest of the group.
    Suspect,
    /// The service failed on the ids, together with others.
    FailedPart,
    /// A refusal named the id, which is alone.
    Named,
    /// A refusal named others.
    Unnamed,
}

impl Group {
    /// A group that was not sent yet. `rest` was refused together with its ids.
    pub(crate) fn new(ids: IdRanges, rest: IdRanges, origin: Origin) -> Group {
        Group { ids, rest, origin, counted_attempts: 0, had_fresh_token: false, ending: None }
    }

    /// How many ids the group has.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// How often the group may be sent before it is split or ends, if `max` attempts are permitted
    /// for the same ids. `is_failing`: the service has failed several times in a row.
    pub(crate) fn max_attempts(&self, max: u32, is_failing: bool) -> u32 {
        let is_limited = (is_failing || self.origin == Origin::FailedPart) && self.len() > 1;
        if is_limited { max.min(ATTEMPTS_OF_A_PART) } else { max }
    }

    /// Whether the group exists because a refusal named ids.
    pub(crate) fn follows_names(&self) -> bool {
        matches!(self.origin, Origin::Named | Origin::Unnamed)
    }
}

/// Attempts for several ids that are part of a group on which the service failed, and for any
/// several ids while it fails again and again. With ten ids at fault among 600, the good ones could
/// have to wait longer than the patience otherwise.
const ATTEMPTS_OF_A_PART: u32 = 2;
