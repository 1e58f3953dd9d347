//! The requests that the plugin would send.

use crate::arguments::Job;

/// Every request: a line with method and address, and a line with the body. Ids are GUIDs, so nothing is escaped.
pub(crate) fn requests<'a>(job: &'a Job, ids: &'a [String]) -> impl Iterator<Item = String> + 'a {
    let definition = job.action.definition;
    let endpoint = job.options.effective_endpoint();
    let version = job.options.effective_api_version(job.action).segment();
    let address = format!("{endpoint}{version}{}", definition.path);
    let field = definition.id_field;
    ids.chunks(job.options.effective_ids_per_request())
        .map(move |ids| format!("POST {address}\n{{\"{field}\":[\"{}\"]}}\n", ids.join("\",\"")))
}

/// The number of requests, and the time that they take at least.
pub(crate) fn estimate(job: &Job, ids: usize) -> String {
    let requests = ids.div_ceil(job.options.effective_ids_per_request());
    let limit = job.options.effective_rate_limit(job.action);
    let full_windows = (requests.saturating_sub(1) as u64).checked_div(limit.requests.into()).unwrap_or_default();
    let seconds = full_windows.saturating_mul(limit.window_ms.into()).div_ceil(1_000);
    format!("requests: {requests}, ids: {ids}, time at this rate limit: at least {seconds} s. Nothing was sent.\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Command, parse};

    #[track_caller]
    fn job(line: &str) -> Box<Job> {
        match parse(line.split_whitespace().map(str::to_owned)) {
            Ok(Command::Perform(job)) => job,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn each_batch_is_a_request() {
        let ids: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let job = job("confirm-sign-ins-safe --cloud us-gov-l4 --ids-per-request 2");
        let address = "POST https://graph.microsoft.us/beta/auditLogs/signIns/confirmSafe";
        assert_eq!(
            requests(&job, &ids).collect::<Vec<_>>(),
            [
                format!("{address}\n{{\"requestIds\":[\"a\",\"b\"]}}\n"),
                format!("{address}\n{{\"requestIds\":[\"c\"]}}\n")
            ]
        );
    }

    #[test]
    fn the_estimate_keeps_the_rate_limit() {
        let cases = [
            ("dismiss-risky-users", 10_000, "requests: 167, ids: 10000, time at this rate limit: at least 166 s."),
            ("dismiss-sign-ins", 360, "requests: 6, ids: 360, time at this rate limit: at least 10 s."),
            ("dismiss-sign-ins", 300, "requests: 5, ids: 300, time at this rate limit: at least 0 s."),
            (
                "dismiss-sign-ins --rate-limit 1/90s",
                61,
                "requests: 2, ids: 61, time at this rate limit: at least 90 s.",
            ),
        ];
        for (line, ids, expected) in cases {
            assert_eq!(estimate(&job(line), ids), format!("{expected} Nothing was sent.\n"), "{line}");
        }
    }
}
