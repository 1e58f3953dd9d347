//! How many ids a request may have: those that the key permits, and without a number there, or if
//! the response is not streamed, those that a call can finish before its deadline. A request with
//! more is rejected immediately, because its caller would wait for the deadline to learn that some
//! of the ids were never sent.

use entra_risk_common::Action;
use entra_risk_common::actions::Options;
use entra_risk_engine::limit::margin::Margin;
use entra_risk_engine::time::Duration;

use crate::response::Response;

/// The time that the last response may take. Microsoft Graph usually takes less.
const LAST_RESPONSE: Duration = Duration::from_secs(1);

/// Rejects more ids than the key permits. Without `of_key`, and unless the response is streamed, it
/// also rejects more than fit before the deadline.
pub(crate) fn check(
    action: &Action,
    options: &Options,
    of_key: Option<u32>,
    is_streamed: bool,
    ids: &[String],
) -> Result<(), Response> {
    let (fitting, count) = (max_ids(action, options), ids.len() as u64);
    let of_key = of_key.map(u64::from);
    let (max_ids, rule) = match of_key {
        Some(of_key) if is_streamed || of_key < fitting => (of_key, "are more than the key permits"),
        None if is_streamed => (fitting, "are more than a key without max-ids permits"),
        _ => (fitting, "cannot be finished before the deadline at the documented rate"),
    };
    if count <= max_ids {
        return Ok(());
    }
    let message = format!("{count} ids {rule}: send at most {max_ids} in a request.");
    Err(Response::too_many_ids(&message, max_ids))
}

/// The number of ids that can be finished before the deadline at the documented rate, if nothing
/// else was sent recently and Microsoft Graph accepts every request.
pub(crate) fn max_ids(action: &Action, options: &Options) -> u64 {
    let Some(deadline_ms) = options.deadline_ms else { return u64::MAX };
    let limit = options.effective_rate_limit(action);
    let window = Margin::default().widened(limit);
    let before_last = Duration::from_millis(deadline_ms).saturating_sub(LAST_RESPONSE);
    let windows_before_last = before_last.as_nanos().checked_div(window.as_nanos());
    // The requests of the first window are sent at the start.
    let windows = windows_before_last.unwrap_or_default().saturating_add(1);
    let requests = windows.saturating_mul(limit.requests.into());
    requests.saturating_mul(options.effective_ids_per_request() as u64)
}

#[cfg(test)]
mod tests {
    use entra_risk_common::ACTIONS;

    use super::*;

    #[test]
    fn the_maximum_depends_on_the_deadline_and_the_limit() {
        let max = |action: usize, deadline_ms| {
            max_ids(&ACTIONS[action], &Options { deadline_ms: Some(deadline_ms), ..Options::default() })
        };
        // 49 requests in 50 s, one for each window of 1.02 s; five in each window of 10.2 s.
        assert_eq!((max(3, 50_000), max(0, 50_000)), (2_940, 1_500));
        assert_eq!((max(7, 50_000), max(10, 50_000)), (2_940, 2_940));
        assert_eq!((max(3, 2_020), max(3, 2_019)), (120, 60));
        assert_eq!((max(3, 1), max(0, 1)), (60, 300));
        assert_eq!(max(3, u32::MAX), 252_645_120);
    }
}
