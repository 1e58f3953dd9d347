//! The addresses that requests are sent to: a scheme and an authority, and nothing after them.

use std::fmt;

use crate::decimal;

/// An address for requests. Its text is `https://` or `http://` and the authority, in lower case,
/// without the scheme's default port and without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether the scheme is `https`. Otherwise it is `http`.
    pub https: bool,
    /// The host in lower case, and the port unless it is the scheme's default.
    pub authority: String,
}

impl Endpoint {
    /// Parses `https://authority`, or `http://` with a loopback authority. The error is the rule
    /// that the text breaks.
    pub fn parse(text: &str) -> Result<Endpoint, &'static str> {
        let (https, authority) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(authority), _) => (true, authority),
            (_, Some(authority)) => (false, authority),
            _ => return Err("must begin with https:// (or http:// for a loopback host)"),
        };
        let host = host(authority).ok_or(
            "must be a host and optionally a port after the scheme: no user information, path, query or fragment",
        )?;
        if https || is_loopback(host) {
            let default_port = if https { ":443" } else { ":80" };
            let authority = authority.strip_suffix(default_port).unwrap_or(authority).to_ascii_lowercase();
            Ok(Endpoint { https, authority })
        } else {
            Err("http:// is for loopback hosts only (localhost, 127.0.0.0/8, [::1]): use https://")
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.https { "https://" } else { "http://" })?;
        f.write_str(&self.authority)
    }
}

/// The host of an authority without user information (RFC 3986, section 3.2): a DNS name, an IPv4
/// address, or the loopback address of IPv6. Other IPv6 addresses are not accepted, because no
/// certificate is issued for them.
fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix(IPV6_LOOPBACK) {
        Some(port) => (IPV6_LOOPBACK, port),
        None => authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?,
    };
    let is_port =
        |port: &str| !port.starts_with('0') && decimal::parse(port).is_some_and(|port| (1..=65_535).contains(&port));
    let port_is_valid = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    let host_is_valid = host == IPV6_LOOPBACK || is_ipv4(host) || is_dns_name(host);
    (port_is_valid && host_is_valid).then_some(host)
}

const IPV6_LOOPBACK: &str = "[::1]";

/// Whether a host consists of labels of letters, digits and inner hyphens, the last of which does
/// not begin with a digit (RFC 1123, section 2.1).
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

/// Whether a host consists of four numbers without leading zeros (RFC 3986, section 3.2.2).
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_a_scheme_and_an_authority() {
        let valid = [
            ("https://graph.microsoft.com", "https://graph.microsoft.com"),
            ("https://gateway.example:8443", "https://gateway.example:8443"),
            ("https://gateway.example:443", "https://gateway.example"),
            ("https://gateway.example:80", "https://gateway.example:80"),
            ("https://10.0.0.1", "https://10.0.0.1"),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("https://EXAMPLE", "https://example"),
            ("http://localhost", "http://localhost"),
            ("http://LocalHost:8080", "http://localhost:8080"),
            ("http://127.0.0.1:1", "http://127.0.0.1:1"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("http://127.255.0.9", "http://127.255.0.9"),
            ("http://[::1]:65535", "http://[::1]:65535"),
        ];
        for (text, expected) in valid {
            assert_eq!(Endpoint::parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn rejects_anything_else() {
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
            "https://graph.microsoft.com:0443",
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
}
