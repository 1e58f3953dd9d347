//! What would be sent, as the plugin would send it.

use entra_risk_account::actions::{ApiVersion, Cloud};

use crate::arguments::Job;

/// Every request: a line with method and address, and a line with the body. Ids are GUIDs: nothing in them has to be
/// escaped.
pub(crate) fn requests<'a>(job: &'a Job, ids: &'a [String]) -> impl Iterator<Item = String> + 'a {
    let options = &job.options;
    let cloud = options.cloud.unwrap_or(Cloud::Global);
    let root = Cloud::ALL.iter().find(|(_, known, _)| *known == cloud).map_or("", |(_, _, root)| root);
    let root = options.endpoint.as_deref().unwrap_or(root);
    let version = match options.api_version.unwrap_or(job.action.version) {
        ApiVersion::V1 => "v1.0",
        ApiVersion::Beta => "beta",
    };
    let address = format!("{root}/{version}{}", job.action.path);
    let per_request = options.ids_per_request.unwrap_or(60) as usize;
    let field = job.action.id_field;
    ids.chunks(per_request.max(1))
        .map(move |ids| format!("POST {address}\n{{\"{field}\":[\"{}\"]}}\n", ids.join("\",\"")))
}

/// What the requests come to, for people.
pub(crate) fn estimate(job: &Job, ids: usize) -> String {
    let requests = ids.div_ceil(job.options.ids_per_request.unwrap_or(60).max(1) as usize);
    let (most, window_ms) = job.options.pace.as_ref().map_or(job.action.pace, |pace| (pace.requests, pace.window_ms));
    let full_windows = requests.saturating_sub(1) as u64 / u64::from(most.max(1));
    let seconds = full_windows.saturating_mul(window_ms.into()).div_ceil(1_000);
    format!("requests: {requests}, ids: {ids}, time at this pace: at least {seconds} s. Nothing was sent.\n")
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
    fn the_estimate_keeps_the_pace() {
        let cases = [
            ("dismiss-risky-users", 10_000, "requests: 167, ids: 10000, time at this pace: at least 166 s."),
            ("dismiss-sign-ins", 360, "requests: 6, ids: 360, time at this pace: at least 10 s."),
            ("dismiss-sign-ins", 300, "requests: 5, ids: 300, time at this pace: at least 0 s."),
            ("dismiss-sign-ins --pace 1/90s", 61, "requests: 2, ids: 61, time at this pace: at least 90 s."),
        ];
        for (line, ids, expected) in cases {
            assert_eq!(estimate(&job(line), ids), format!("{expected} Nothing was sent.\n"), "{line}");
        }
    }
}
