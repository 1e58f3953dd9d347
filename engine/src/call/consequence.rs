//! What a call does about an attempt that was not accepted, as one table.

use crate::http::judgment::Disposition;

/// What an attempt that was not accepted means for its ids and for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Consequence {
    /// What the call learns.
    pub(crate) learns: Lesson,
    /// Whether the attempt counts toward `max-attempts`.
    pub(crate) counts: bool,
    /// What becomes of the ids of the attempt.
    pub(crate) ids: Fate,
    /// When the attempt ends the call.
    pub(crate) ends_call: EndsCall,
}

/// What a call learns from an attempt that was not accepted. Every lesson counts as a failure for
/// the patience, except `ServiceResponds` once a request was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lesson {
    /// The service is there.
    ServiceResponds,
    /// Requests must be sent more slowly, and none before the hold ends.
    Throttled,
    /// The token is not valid.
    TokenRejected,
    /// The service may be down. A 503 with `Retry-After` also holds every request.
    ServiceFails,
    /// Something on the way may be in the place of the service.
    ServiceIsReplaced,
    /// Nothing but the failure itself.
    Nothing,
}

/// What becomes of the ids of an attempt that was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The ids at fault are searched for. Without `isolate-refused` the ids end.
    Search,
    /// The ids are sent in smaller groups. A single id ends, and without `isolate-refused` all of
    /// them.
    Shrink,
    /// The ids are sent again immediately, as far as the limit and the token permit.
    SendAgain,
    /// The ids are sent again after a backoff. When they have used their attempts, they are halved
    /// or end.
    Retry,
    /// The ids end with the error.
    End,
}

/// When an attempt that was not accepted ends the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndsCall {
    Never,
    /// If the attempt had a single id, which nothing smaller can replace. Never without
    /// `isolate-refused`.
    IfAlone,
    /// If `Retry-After` lasts beyond the deadline or the remaining patience.
    IfWaitIsTooLong,
    /// If the attempt had a fresh token.
    IfTokenWasFresh,
    /// If it is the third unexpected status in a row.
    IfThirdInARow,
    Always,
}

impl Consequence {
    /// The row of a disposition.
    #[rustfmt::skip]
    pub(crate) fn of(disposition: Disposition) -> Consequence {
        use {Disposition as D, EndsCall as E, Fate as F, Lesson as L};
        let (learns, counts, ids, ends_call) = match disposition {
            D::Refusal        => (L::ServiceResponds,   true,  F::Search,    E::Never),
            D::TooLarge       => (L::ServiceResponds,   true,  F::Shrink,    E::IfAlone),
            D::Throttling     => (L::Throttled,         false, F::SendAgain, E::IfWaitIsTooLong),
            D::TokenRejection => (L::TokenRejected,     false, F::SendAgain, E::IfTokenWasFresh),
            D::Transient      => (L::ServiceFails,      true,  F::Retry,     E::IfWaitIsTooLong),
            D::Unexpected     => (L::ServiceIsReplaced, true,  F::End,       E::IfThirdInARow),
            D::Permanent      => (L::Nothing,           true,  F::End,       E::Never),
            D::Fatal          => (L::Nothing,           true,  F::End,       E::Always),
        };
        Consequence { learns, counts, ids, ends_call }
    }
}
