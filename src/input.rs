//! What a caller gives, parsed once into types that cannot be wrong.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use uuid::Uuid;

use crate::action::Action;
use crate::bindings::exports::entra::risk::actions::{ApiVersion, Cloud, Options, Pace};

/// A call: the ids, each once, and how to send them.
#[derive(Debug)]
pub struct Input {
    /// GUIDs in hyphenated form, as spelled, in the order given, without repetitions; at least one.
    pub ids: Vec<String>,
    /// How to send them.
    pub settings: Settings,
}

/// The caller's options with their defaults filled in, all within their ranges.
#[derive(Debug)]
pub struct Settings {
    /// The root of the cloud's Microsoft Graph: the audience of the token.
    pub audience: &'static str,
    /// Where requests go.
    pub endpoint: Endpoint,
    /// The version of Microsoft Graph.
    pub api_version: ApiVersion,
    /// Ids in a request.
    pub ids_per_request: usize,
    /// Requests unanswered at a time.
    pub max_in_flight: usize,
    /// Requests for a batch.
    pub max_attempts: u32,
    /// From the sending of a request to the end of its answer.
    pub attempt_timeout: Duration,
    /// For the whole call.
    pub deadline: Option<Duration>,
    /// The limit to keep.
    pub pace: Pace,
}

/// An address for requests: a scheme and an authority.
#[derive(Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `https`, or else `http`.
    pub tls: bool,
    /// A host, and a port where one is given.
    pub authority: String,
}

impl Input {
    /// Parses the arguments of an action. The error names the argument, its value and the rule.
    pub fn parse(action: &Action, ids: Vec<String>, options: Option<Options>) -> Result<Input, String> {
        let settings = Settings::parse(action, options)?;
        let ids = distinct(action.ids_parameter, ids)?;
        Ok(Input { ids, settings })
    }
}

impl Settings {
    fn parse(action: &Action, options: Option<Options>) -> Result<Settings, String> {
        let options = options.unwrap_or(NO_OPTIONS);
        let audience = root(options.cloud.unwrap_or(Cloud::Global));
        let pace = options.pace.unwrap_or_else(|| action.service_limit.pace());
        let max_ids = action.max_ids_per_request;
        Ok(Settings {
            audience,
            endpoint: Endpoint::parse(options.endpoint.as_deref().unwrap_or(audience)).map_err(|rule| {
                format!("options.endpoint: {}: {rule}", quoted(&options.endpoint.unwrap_or_default()))
            })?,
            api_version: options.api_version.unwrap_or(action.api_version),
            ids_per_request: within("ids-per-request", options.ids_per_request, 60, max_ids)? as usize,
            max_in_flight: within("max-in-flight", options.max_in_flight, 4, 32)? as usize,
            max_attempts: within("max-attempts", options.max_attempts, 4, 10)?,
            attempt_timeout: millis(within("attempt-timeout-ms", options.attempt_timeout_ms, 100_000, 600_000)?),
            deadline: match options.deadline_ms {
                Some(ms) => Some(millis(within("deadline-ms", Some(ms), ms, u32::MAX)?)),
                None => None,
            },
            pace: Pace {
                requests: within("pace.requests", Some(pace.requests), 1, u32::MAX)?,
                window_ms: within("pace.window-ms", Some(pace.window_ms), 1, u32::MAX)?,
            },
        })
    }
}

impl Endpoint {
    /// Parses `https://authority`, or `http://` with a loopback authority. The error is the rule it breaks.
    pub fn parse(text: &str) -> Result<Endpoint, &'static str> {
        let (tls, authority) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(authority), _) => (true, authority),
            (_, Some(authority)) => (false, authority),
            _ => return Err("must begin with https:// (or http:// for a loopback host)"),
        };
        let host = host(authority).ok_or(
            "must be a host and optionally a port after the scheme: no user information, path, query or fragment",
        )?;
        if tls || is_loopback(host) {
            Ok(Endpoint { tls, authority: authority.to_owned() })
        } else {
            Err("http:// is for loopback hosts only (localhost, 127.0.0.0/8, [::1]): use https://")
        }
    }
}

/// The root of a cloud's Microsoft Graph.
///
/// Source: <https://learn.microsoft.com/graph/deployments>.
fn root(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Global => "https://graph.microsoft.com",
        Cloud::UsGovL4 => "https://graph.microsoft.us",
        Cloud::UsGovL5 => "https://dod-graph.microsoft.us",
        Cloud::China => "https://microsoftgraph.chinacloudapi.cn",
    }
}

/// The ids without repetitions; GUIDs are the same whatever the case of their letters.
fn distinct(parameter: &str, ids: Vec<String>) -> Result<Vec<String>, String> {
    if ids.is_empty() {
        return Err(format!("{parameter}: empty; at least one id is needed"));
    }
    let mut seen = BTreeSet::new();
    let mut distinct = Vec::with_capacity(ids.len());
    for (position, id) in ids.into_iter().enumerate() {
        let Some(guid) = guid(&id) else {
            return Err(format!(
                "{parameter}[{position}]: {}: not a GUID in hyphenated form (00000000-0000-0000-0000-000000000000)",
                quoted(&id)
            ));
        };
        if seen.insert(guid) {
            distinct.push(id);
        }
    }
    Ok(distinct)
}

/// The number that a GUID in hyphenated form stands for (RFC 9562, section 4).
fn guid(text: &str) -> Option<u128> {
    // Of the forms that the crate reads, only the hyphenated one has this length.
    const HYPHENATED: usize = 36;
    if text.len() != HYPHENATED {
        return None;
    }
    Uuid::try_parse(text).ok().map(|guid| guid.as_u128())
}

fn within(option: &str, given: Option<u32>, default: u32, max: u32) -> Result<u32, String> {
    match given.unwrap_or(default) {
        value if (1..=max).contains(&value) => Ok(value),
        value if max == u32::MAX => Err(format!("options.{option}: {value}: must be at least 1")),
        value => Err(format!("options.{option}: {value}: must be from 1 to {max}")),
    }
}

fn millis(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

/// The host of an authority without user information (RFC 3986, section 3.2), of which IP addresses and DNS names are
/// allowed.
fn host(authority: &str) -> Option<&str> {
    // The colon of a port comes after the bracket that ends an IPv6 address.
    let (host, port) = match authority.rfind(':').filter(|&colon| authority.rfind(']').is_none_or(|end| end < colon)) {
        Some(colon) => (authority.get(..colon)?, authority.get(colon..)?.strip_prefix(':')),
        None => (authority, None),
    };
    let port_is_valid = port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|number| number != 0)
    });
    let host_is_valid = match ipv6(host) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.len() <= 253 && host.split('.').all(is_dns_label),
    };
    (port_is_valid && host_is_valid).then_some(host)
}

fn ipv6(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

/// Letters, digits and inner hyphens, 1 to 63 of them (RFC 1123, section 2.1).
fn is_dns_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_loopback(host: &str) -> bool {
    match ipv6(host) {
        Some(address) => address.parse() == Ok(Ipv6Addr::LOCALHOST),
        None => {
            host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
        }
    }
}

/// A value for a message: quoted, escaped and cut to a readable length.
fn quoted(value: &str) -> String {
    const READABLE: usize = 64;
    match value.char_indices().nth(READABLE) {
        Some((end, _)) => format!("{:?}…", value.get(..end).unwrap_or_default()),
        None => format!("{value:?}"),
    }
}

const NO_OPTIONS: Options = Options {
    cloud: None,
    endpoint: None,
    api_version: None,
    ids_per_request: None,
    max_in_flight: None,
    max_attempts: None,
    attempt_timeout_ms: None,
    deadline_ms: None,
    pace: None,
};
