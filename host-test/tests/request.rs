//! What many tests pass to a call.

use host_test::bindings::actions::Options;
use uuid::Uuid;

/// `n` different ids.
pub(crate) fn ids(n: u128) -> Vec<String> {
    (1..=n).map(|id| Uuid::from_u128(id).to_string()).collect()
}

/// One id in a request.
pub(crate) fn one_by_one() -> Options {
    Options { ids_per_request: Some(1), ..Options::default() }
}
