//! One request of a call, from its sending to its end.

use crate::call::group::Group;
use crate::call::token_requests::Issued;
use crate::time::Instant;

/// Identifies an attempt of a call. Later attempts are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptId(u32);

impl AttemptId {
    /// The id of the attempt with this number.
    pub(crate) fn new(number: u32) -> AttemptId {
        AttemptId(number)
    }
}

/// A request in flight.
pub(crate) struct Attempt {
    pub(crate) id: AttemptId,
    pub(crate) group: Group,
    pub(crate) client_request_id: String,
    /// The token of the request, kept so that it stays known: the response may repeat it.
    pub(crate) token: Issued,
    pub(crate) sent: Instant,
    /// When the attempt is abandoned.
    pub(crate) timeout: Instant,
}
