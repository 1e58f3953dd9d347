//! The requests that the plugin would send.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::arguments::Job;

/// A request.
struct Request<'a> {
    address: String,
    ids: &'a [String],
}

fn requests<'a>(job: &'a Job, ids: &'a [String]) -> impl Iterator<Item = Request<'a>> {
    let endpoint = job.options.effective_endpoint();
    let version = job.options.effective_api_version(job.action).segment();
    let address = format!("{endpoint}{version}{}", job.action.definition.path);
    ids.chunks(job.options.effective_ids_per_request()).map(move |ids| Request { address: address.clone(), ids })
}

/// Every request: a line with method and address, and a line with the body. Ids are GUIDs, so nothing is escaped.
pub(crate) fn text<'a>(job: &'a Job, ids: &'a [String]) -> impl Iterator<Item = String> {
    let field = job.action.definition.id_field;
    requests(job, ids)
        .map(move |Request { address, ids }| format!("POST {address}\n{{\"{field}\":[\"{}\"]}}\n", ids.join("\",\"")))
}

/// Everything as JSON.
pub(crate) fn json(job: &Job, ids: &[String]) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct JsonPlan<'a> {
        action: &'a str,
        dry_run: bool,
        ids: usize,
        least_seconds: u64,
        requests: Vec<JsonRequest<'a>>,
    }
    #[derive(Serialize)]
    struct JsonRequest<'a> {
        method: &'a str,
        url: String,
        body: BTreeMap<&'a str, &'a [String]>,
    }
    let plan = JsonPlan {
        action: job.action.definition.name,
        dry_run: true,
        ids: ids.len(),
        least_seconds: least_seconds(job, ids.len()),
        requests: requests(job, ids)
            .map(|request| JsonRequest {
                method: "POST",
                url: request.address,
                body: BTreeMap::from([(job.action.definition.id_field, request.ids)]),
            })
            .collect(),
    };
    // It cannot fail: serde_json fails only for maps with keys other than strings.
    serde_json::to_string(&plan).unwrap_or_default() + "\n"
}

/// The number of requests, and the time that they take at least.
pub(crate) fn estimate(job: &Job, ids: usize) -> String {
    let requests = ids.div_ceil(job.options.effective_ids_per_request());
    let seconds = least_seconds(job, ids);
    format!("requests: {requests}, ids: {ids}, time at this rate limit: at least {seconds} s. Nothing was sent.\n")
}

fn least_seconds(job: &Job, ids: usize) -> u64 {
    let requests = ids.div_ceil(job.options.effective_ids_per_request());
    let limit = job.options.effective_rate_limit(job.action);
    let full_windows = (requests.saturating_sub(1) as u64).checked_div(limit.requests.into()).unwrap_or_default();
    full_windows.saturating_mul(limit.window_ms.into()).div_ceil(1_000)
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
            text(&job, &ids).collect::<Vec<_>>(),
            [
                format!("{address}\n{{\"requestIds\":[\"a\",\"b\"]}}\n"),
                format!("{address}\n{{\"requestIds\":[\"c\"]}}\n")
            ]
        );
    }

    #[test]
    fn json_has_every_request() {
        let ids: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let job = job("dismiss-risky-users --ids-per-request 2 --rate-limit 1/90s");
        let url = "https://graph.microsoft.com/v1.0/identityProtection/riskyUsers/dismiss";
        let expected = format!(
            "{{\"action\":\"dismiss-risky-users\",\"dryRun\":true,\"ids\":3,\"leastSeconds\":90,\"requests\":[\
             {{\"method\":\"POST\",\"url\":\"{url}\",\"body\":{{\"userIds\":[\"a\",\"b\"]}}}},\
             {{\"method\":\"POST\",\"url\":\"{url}\",\"body\":{{\"userIds\":[\"c\"]}}}}]}}\n"
        );
        assert_eq!(json(&job, &ids), expected);
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
