//! The requests that the plugin would send.

use std::iter;

use crate::job::Job;
use crate::question::MAX_SHORT_LIST;

/// Ids that are shown of each end of a long list.
const SHOWN: usize = 3;

/// Every request: a line with method and address, and a line with the body. Of a long list, the
/// first and the last ids.
pub(crate) fn text<'a>(job: &'a Job, ids: &'a [String]) -> impl Iterator<Item = String> {
    let address = address(job);
    let is_long = ids.len() > MAX_SHORT_LIST;
    let ends = is_long.then(|| {
        let first = ids.get(..SHOWN).unwrap_or_default().join(", ");
        let last = ids.get(ids.len().saturating_sub(SHOWN)..).unwrap_or_default().join(", ");
        format!("POST {address}\nfirst ids: {first}\nlast ids: {last}\n")
    });
    let requests = if is_long { &[] } else { ids }.chunks(job.connection.options.effective_ids_per_request());
    ends.into_iter().chain(requests.map(move |ids| format!("POST {address}\n{}\n", body(job, ids))))
}

/// Everything as JSON, in parts. Neither an address nor an id contains a character that JSON
/// escapes.
pub(crate) fn json<'a>(job: &'a Job, ids: &'a [String]) -> impl Iterator<Item = String> {
    let address = address(job);
    let begin = format!(
        "{{\"action\":\"{}\",\"dryRun\":true,\"ids\":{},\"leastSeconds\":{},\"requests\":[",
        job.action.definition.name,
        ids.len(),
        least_seconds(job, ids.len())
    );
    let requests =
        (0_usize..).zip(ids.chunks(job.connection.options.effective_ids_per_request())).map(move |(number, ids)| {
            let comma = if number == 0 { "" } else { "," };
            format!("{comma}{{\"method\":\"POST\",\"url\":\"{address}\",\"body\":{}}}", body(job, ids))
        });
    iter::once(begin).chain(requests).chain(iter::once("]}\n".to_owned()))
}

fn address(job: &Job) -> String {
    let endpoint = job.connection.options.effective_endpoint();
    let version = job.connection.options.effective_api_version(job.action).segment();
    format!("{endpoint}{version}{}", job.action.definition.path)
}

fn body(job: &Job, ids: &[String]) -> String {
    format!("{{\"{}\":[\"{}\"]}}", job.action.definition.id_field, ids.join("\",\""))
}

/// The number of requests, and the time that they take at least.
pub(crate) fn estimate(job: &Job, ids: usize) -> String {
    let requests = ids.div_ceil(job.connection.options.effective_ids_per_request());
    let seconds = least_seconds(job, ids);
    format!("requests: {requests}, ids: {ids}, time at this rate limit: at least {seconds} s. Nothing was sent.\n")
}

/// The least time in seconds that this number of ids takes at the rate limit.
pub(crate) fn least_seconds(job: &Job, ids: usize) -> u64 {
    let requests = ids.div_ceil(job.connection.options.effective_ids_per_request());
    let limit = job.connection.options.effective_rate_limit(job.action);
    let full_windows = (requests.saturating_sub(1) as u64).checked_div(limit.requests.into()).unwrap_or_default();
    full_windows.saturating_mul(limit.window_ms.into()).div_ceil(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::tests::job;

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
    fn a_long_list_is_shown_by_its_ends() {
        let ids: Vec<String> = (1..=101).map(|id| id.to_string()).collect();
        let text: Vec<String> = text(&job("dismiss-risky-users"), &ids).collect();
        let url = "https://graph.microsoft.com/v1.0/identityProtection/riskyUsers/dismiss";
        assert_eq!(text, [format!("POST {url}\nfirst ids: 1, 2, 3\nlast ids: 99, 100, 101\n")]);
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
        assert_eq!(json(&job, &ids).collect::<String>(), expected);
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
