//! What a caller gives, parsed once into types that cannot be wrong.

use std::collections::BinaryHeap;
use std::time::Duration;

use crate::action::Action;
use crate::bindings::exports::entra::risk::actions::{ApiVersion, Cloud, Options, Pace};
use crate::{decimal, guid};

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
fn distinct(parameter: &str, mut ids: Vec<String>) -> Result<Vec<String>, String> {
    if ids.is_empty() {
        return Err(format!("{parameter}: empty; at least one id is needed"));
    }
    let mut guids = Vec::with_capacity(ids.len());
    for (position, id) in ids.iter().enumerate() {
        let Some(guid) = guid::parse(id) else {
            return Err(format!(
                "{parameter}[{position}]: {}: not a GUID in hyphenated form (00000000-0000-0000-0000-000000000000)",
                quoted(id)
            ));
        };
        guids.push((guid, position));
    }
    // The same ids one after the other, the first first. (A heap takes a tenth of the bytes of a set.)
    let guids = BinaryHeap::from(guids).into_sorted_vec();
    let mut is_repeated = vec![false; ids.len()];
    for pair in guids.windows(2) {
        if let [(first, _), (next, position)] = pair
            && let Some(flag) = is_repeated.get_mut(*position)
        {
            *flag = first == next;
        }
    }
    let mut is_repeated = is_repeated.into_iter();
    ids.retain(|_| is_repeated.next() == Some(false));
    Ok(ids)
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

/// The host of an authority without user information (RFC 3986, section 3.2): a DNS name, an IPv4 address, or the
/// loopback address of IPv6. No certificate is issued for another IPv6 address, so that nothing else needs one.
fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix(IPV6_LOOPBACK) {
        Some(port) => (IPV6_LOOPBACK, port),
        None => authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?,
    };
    let is_port = |port: &str| decimal::parse(port).is_some_and(|port| (1..=65_535).contains(&port));
    let port_is_valid = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    let host_is_valid = host == IPV6_LOOPBACK || is_ipv4(host) || is_dns_name(host);
    (port_is_valid && host_is_valid).then_some(host)
}

const IPV6_LOOPBACK: &str = "[::1]";

/// Labels of letters, digits and inner hyphens; the last one does not begin with a digit, as in an address
/// (RFC 1123, section 2.1).
fn is_dns_name(host: &str) -> bool {
    let mut last_label = "";
    let all_are_labels = host.split('.').all(|label| {
        last_label = label;
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    });
    all_are_labels && host.len() <= 253 && !last_label.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
}

/// Four numbers without leading zeros (RFC 3986, section 3.2.2).
fn is_ipv4(host: &str) -> bool {
    let mut count = 0_u32;
    let all_are_numbers = host.split('.').all(|part| {
        count = count.saturating_add(1);
        decimal::parse(part).is_some_and(|number| number <= 255) && (part == "0" || !part.starts_with('0'))
    });
    all_are_numbers && count == 4
}

fn is_loopback(host: &str) -> bool {
    host == IPV6_LOOPBACK || host.eq_ignore_ascii_case("localhost") || (is_ipv4(host) && host.starts_with("127."))
}

/// A value for a message: quoted, on one line, cut to a readable length.
fn quoted(value: &str) -> String {
    const READABLE_CHARS: usize = 64;
    let mut text = String::from('"');
    text.extend(value.chars().take(READABLE_CHARS).map(|char| if char.is_control() { '\u{fffd}' } else { char }));
    text.push_str(if value.chars().nth(READABLE_CHARS).is_some() { "\"…" } else { "\"" });
    text
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::DISMISS_RISKY_USERS;

    #[test]
    fn an_endpoint_is_a_scheme_and_an_authority() {
        let valid = [
            ("https://graph.microsoft.com", true),
            ("https://gateway.example:8443", true),
            ("https://10.0.0.1", true),
            ("https://[::1]:8443", true),
            ("https://EXAMPLE", true),
            ("http://localhost", false),
            ("http://LocalHost:8080", false),
            ("http://127.0.0.1:1", false),
            ("http://127.255.0.9", false),
            ("http://[::1]:65535", false),
        ];
        for (text, tls) in valid {
            let authority = text.split_once("://").unwrap().1.to_owned();
            assert_eq!(Endpoint::parse(text), Ok(Endpoint { tls, authority }), "{text}");
        }
    }

    #[test]
    fn anything_else_in_an_endpoint_is_refused() {
        let invalid = [
            "",
            "graph.microsoft.com",
            "HTTPS://graph.microsoft.com",
            "ftp://graph.microsoft.com",
            "https://",
            "https:///",
            "https://graph.microsoft.com/",
            "https://graph.microsoft.com/v1.0",
            "https://graph.microsoft.com?x",
            "https://graph.microsoft.com#x",
            "https://user@graph.microsoft.com",
            "https://user:password@graph.microsoft.com",
            "https://graph.microsoft.com:",
            "https://graph.microsoft.com:0",
            "https://graph.microsoft.com:65536",
            "https://graph.microsoft.com:+80",
            "https://graph.microsoft.com:80:80",
            "https://graph..com",
            "https://-graph.com",
            "https://graph.com.",
            "https://gr aph.com",
            "https://graph.com\r\nx: y",
            "https://gräph.com",
            "https://[::1",
            "https://[::1]x",
            "https://[2001:db8::1]",
            "http://graph.microsoft.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0",
            "http://127.0.0.256",
            "http://127.0.0.01",
            "http://localhost.example.com",
            "http://localhost@example.com",
            "http://0.0.0.0",
            "https://256.0.0.1",
            "https://10.0.0",
            "https://0x7f",
            "https://+1.0.0.1",
        ];
        for text in invalid {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_id_given_twice_is_kept_once_as_spelled_first() {
        let ids = [
            "0000000A-0000-0000-0000-000000000000",
            "0000000b-0000-0000-0000-000000000000",
            "0000000a-0000-0000-0000-000000000000",
            "00000000-0000-0000-0000-000000000000",
            "0000000B-0000-0000-0000-000000000000",
        ];
        let given = ids.map(str::to_owned).to_vec();
        assert_eq!(Input::parse(&DISMISS_RISKY_USERS, given, None).unwrap().ids, [ids[0], ids[1], ids[3]]);
    }

    #[test]
    fn a_message_shows_a_value_on_one_line_and_short() {
        assert_eq!(quoted("a\nb\u{7f}"), "\"a\u{fffd}b\u{fffd}\"");
        assert_eq!(quoted(&"é".repeat(64)), format!("\"{}\"", "é".repeat(64)));
        assert_eq!(quoted(&"é".repeat(65)), format!("\"{}\"…", "é".repeat(64)));
    }
}
