//! The arguments of a call, parsed once into types that cannot hold invalid values.

use std::collections::BinaryHeap;

use crate::contract::action::{
    Action, ApiVersion, Cloud, DEFAULT_ATTEMPT_TIMEOUT_MS, DEFAULT_IDS_PER_REQUEST, DEFAULT_MAX_ATTEMPTS,
    DEFAULT_MAX_IN_FLIGHT, DEFAULT_PATIENCE_MS, RateLimit, ServiceLimit,
};
use crate::contract::collection::{Collection, DEFAULT_PAGE_ATTEMPTS};
use crate::contract::endpoint::Endpoint;
use crate::contract::id::Id;
use crate::contract::printable::{is_printable, quoted};
use crate::time::Duration;

/// The options of a call as the caller gives them. An absent field has the default that the
/// contract states.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Names the tenant that the ids belong to.
    pub tenant: Option<String>,
    /// The national cloud.
    pub cloud: Option<Cloud>,
    /// Replaces the cloud's root as the address.
    pub endpoint: Option<String>,
    /// Replaces the cloud's root as the audience of the token.
    pub audience: Option<String>,
    /// The version of Microsoft Graph.
    pub api_version: Option<ApiVersion>,
    /// The most ids in a request, or entries in a page.
    pub ids_per_request: Option<u32>,
    /// The most concurrent requests.
    pub max_in_flight: Option<u32>,
    /// The most attempts for the same ids.
    pub max_attempts: Option<u32>,
    /// Milliseconds from sending a request to the end of its response.
    pub attempt_timeout_ms: Option<u32>,
    /// Milliseconds for the whole call.
    pub deadline_ms: Option<u32>,
    /// The longest time in milliseconds from a failure to the next acceptance.
    pub patience_ms: Option<u32>,
    /// Whether a refused batch is split to find the ids at fault.
    pub isolate_refused: Option<bool>,
    /// The rate limit to keep.
    pub rate_limit: Option<RateLimit>,
}

/// The options of a call with their defaults filled in, all within their ranges.
#[derive(Debug)]
pub struct ResolvedOptions {
    /// Names the tenant that the ids belong to.
    pub(crate) tenant: Option<String>,
    /// The audience of the token.
    pub(crate) audience: String,
    /// The address of the requests.
    pub(crate) endpoint: Endpoint,
    /// The version of Microsoft Graph.
    pub(crate) api_version: ApiVersion,
    /// The most ids in a request, or entries in a page.
    pub(crate) ids_per_request: usize,
    /// The most concurrent requests.
    pub(crate) max_in_flight: usize,
    /// The most attempts for the same ids.
    pub(crate) max_attempts: u32,
    /// The time from sending a request to the end of its response.
    pub(crate) attempt_timeout: Duration,
    /// The time for the whole call.
    pub(crate) deadline: Option<Duration>,
    /// The longest time from a failure to the next acceptance.
    pub(crate) patience: Duration,
    /// Whether a refused batch is split to find the ids at fault.
    pub(crate) isolate_refused: bool,
    /// The rate limit to keep.
    pub(crate) rate_limit: RateLimit,
}

/// What determines the defaults and the ranges of options.
struct Defaults {
    api_version: ApiVersion,
    limit: ServiceLimit,
    /// The name of the option for the most ids in a request, or entries in a page.
    size_name: &'static str,
    size: u32,
    max_size: u32,
    max_attempts: u32,
}

impl ResolvedOptions {
    /// Parses the options of a call of `action`. The error names the option, its value and the
    /// rule.
    pub fn parse(action: &Action, options: Options) -> Result<ResolvedOptions, String> {
        let defaults = Defaults {
            api_version: action.api_version,
            limit: action.limit,
            size_name: "ids-per-request",
            size: DEFAULT_IDS_PER_REQUEST,
            max_size: action.max_ids_per_request,
            max_attempts: DEFAULT_MAX_ATTEMPTS,
        };
        ResolvedOptions::with(&defaults, options)
    }

    /// Parses the options of a query of `collection`. The error names the option, its value and the
    /// rule.
    pub fn of_query(collection: &Collection, options: Options) -> Result<ResolvedOptions, String> {
        let defaults = Defaults {
            api_version: ApiVersion::V1,
            limit: collection.limit,
            size_name: "page-size",
            size: collection.max_page_size,
            max_size: collection.max_page_size,
            max_attempts: DEFAULT_PAGE_ATTEMPTS,
        };
        ResolvedOptions::with(&defaults, options)
    }

    fn with(defaults: &Defaults, options: Options) -> Result<ResolvedOptions, String> {
        let root = options.cloud.unwrap_or(Cloud::Global).graph_root();
        let RateLimit { requests, window_ms } = options.rate_limit.unwrap_or_else(|| defaults.limit.rate_limit());
        let rate_limit = RateLimit {
            requests: within("rate-limit.requests", Some(requests), 1, MAX_REQUESTS)?,
            window_ms: within("rate-limit.window-ms", Some(window_ms), 1, u32::MAX)?,
        };
        let deadline_ms = options.deadline_ms.map(|ms| within("deadline-ms", Some(ms), 1, u32::MAX)).transpose()?;
        let patience_ms = within("patience-ms", options.patience_ms, DEFAULT_PATIENCE_MS, u32::MAX)?;
        let attempt_timeout_ms =
            within("attempt-timeout-ms", options.attempt_timeout_ms, DEFAULT_ATTEMPT_TIMEOUT_MS, 600_000)?;
        let ids_per_request = within(defaults.size_name, options.ids_per_request, defaults.size, defaults.max_size)?;
        Ok(ResolvedOptions {
            tenant: options.tenant.map(tenant).transpose()?,
            endpoint: address("endpoint", options.endpoint.as_deref().unwrap_or(root))?,
            audience: match options.audience {
                Some(audience) if address("audience", &audience)?.https => audience,
                Some(audience) => return Err(format!("options.audience: {}: must be https://", quoted(&audience))),
                None => root.to_owned(),
            },
            api_version: options.api_version.unwrap_or(defaults.api_version),
            ids_per_request: ids_per_request as usize,
            max_in_flight: within("max-in-flight", options.max_in_flight, DEFAULT_MAX_IN_FLIGHT, 32)? as usize,
            max_attempts: within("max-attempts", options.max_attempts, defaults.max_attempts, 10)?,
            attempt_timeout: Duration::from_millis(attempt_timeout_ms),
            deadline: deadline_ms.map(Duration::from_millis),
            // Two windows, because after a 429 the next response may come only a window later.
            patience: Duration::from_millis(patience_ms).max(rate_limit.window().saturating_mul(2)),
            isolate_refused: options.isolate_refused.unwrap_or(true),
            rate_limit,
        })
    }
}

/// Parses the ids that the caller gave as `parameter`. Returns each once, in the order given and as
/// it was spelled first; the case of letters does not distinguish ids. The error names the first
/// text that is not an id.
pub fn distinct_ids(parameter: &str, ids: &[String]) -> Result<Vec<Id>, String> {
    let mut parsed = Vec::with_capacity(ids.len());
    for (position, id) in ids.iter().enumerate() {
        let Some(id) = Id::parse(id) else {
            return Err(format!(
                "{parameter}[{position}]: {}: must be a GUID in hyphenated form, and not all zeros",
                quoted(id)
            ));
        };
        parsed.push(id);
    }
    // Sorting brings equal ids together, the first one first. A heap takes a tenth of the code of a
    // set.
    let sorted: BinaryHeap<_> = parsed.iter().map(Id::number).zip(0_usize..).collect();
    let mut is_repeated = vec![false; ids.len()];
    for pair in sorted.into_sorted_vec().windows(2) {
        if let [(first, _), (next, position)] = pair
            && let Some(flag) = is_repeated.get_mut(*position)
        {
            *flag = first == next;
        }
    }
    let mut is_repeated = is_repeated.into_iter();
    parsed.retain(|_| is_repeated.next() == Some(false));
    Ok(parsed)
}

/// Whether a text can name a tenant, which is 1 to 256 visible ASCII characters.
pub fn is_tenant(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Checks a filter, which is 1 to 8,192 bytes of printable text. The error names the rule.
pub fn filter(filter: String) -> Result<String, String> {
    if (1..=MAX_FILTER_BYTES).contains(&filter.len()) && filter.chars().all(is_printable) {
        Ok(filter)
    } else {
        Err(format!("filter: {}: must be 1 to {MAX_FILTER_BYTES} bytes of printable text", quoted(&filter)))
    }
}

fn tenant(tenant: String) -> Result<String, String> {
    if is_tenant(&tenant) {
        Ok(tenant)
    } else {
        Err(format!("options.tenant: {}: must be 1 to 256 visible ASCII characters", quoted(&tenant)))
    }
}

fn address(option: &str, text: &str) -> Result<Endpoint, String> {
    Endpoint::parse(text).map_err(|rule| format!("options.{option}: {}: {rule}", quoted(text)))
}

fn within(option: &str, given: Option<u32>, default: u32, max: u32) -> Result<u32, String> {
    match given.unwrap_or(default) {
        value if (1..=max).contains(&value) => Ok(value),
        value if max == u32::MAX => Err(format!("options.{option}: {value}: must be at least 1")),
        value => Err(format!("options.{option}: {value}: must be from 1 to {max}")),
    }
}

/// The most bytes of a filter: encoded, it fits into an address that Microsoft Graph accepts.
const MAX_FILTER_BYTES: usize = 8_192;

/// The most requests in a window that can be remembered.
const MAX_REQUESTS: u32 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::action::ACTIONS;

    #[test]
    fn keeps_a_repeated_id_once_as_spelled_first() {
        let ids = [
            "0000000A-0000-0000-0000-000000000000",
            "0000000b-0000-0000-0000-000000000000",
            "0000000a-0000-0000-0000-000000000000",
            "00000001-0000-0000-0000-000000000000",
            "0000000B-0000-0000-0000-000000000000",
        ];
        let given = ids.map(str::to_owned).to_vec();
        let distinct = distinct_ids("ids", &given).unwrap();
        assert_eq!(distinct.iter().map(Id::as_str).collect::<Vec<_>>(), [ids[0], ids[1], ids[3]]);
    }

    #[test]
    fn the_guid_of_zeros_is_no_id() {
        let ids = ["00000001-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"];
        let error = distinct_ids("ids", &ids.map(str::to_owned)).unwrap_err();
        assert!(error.starts_with(r#"ids[1]: "00000000-0000-0000-0000-000000000000""#), "{error}");
    }

    #[test]
    fn the_audience_is_kept_as_spelled_and_must_be_https() {
        let parse = |audience: &str| {
            let options = Options { audience: Some(audience.to_owned()), ..Options::default() };
            ResolvedOptions::parse(&ACTIONS[0], options).map(|options| options.audience)
        };
        assert_eq!(parse("https://Graph.Example"), Ok("https://Graph.Example".to_owned()));
        assert!(parse("http://localhost").is_err());
        assert!(parse("https://graph.example/.default").is_err());
    }

    #[test]
    fn patience_is_at_least_two_windows() {
        let rate_limit = Some(RateLimit { requests: 1, window_ms: 10_000 });
        let options = Options { patience_ms: Some(1), rate_limit, ..Options::default() };
        assert_eq!(ResolvedOptions::parse(&ACTIONS[0], options).unwrap().patience, Duration::from_secs(20));
    }
}
