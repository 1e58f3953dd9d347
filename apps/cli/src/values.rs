//! The values of options.

use std::ops::RangeInclusive;

use entra_risk_common::actions::RateLimit;
use entra_risk_engine::contract::arguments::is_tenant;
use entra_risk_engine::contract::endpoint::Endpoint;
use entra_risk_engine::contract::printable::is_printable;

/// The name of a tenant.
pub(crate) fn tenant(text: &str) -> Result<String, String> {
    let tenant = is_tenant(text).then(|| text.to_owned());
    tenant.ok_or_else(|| format!("--tenant: expected 1 to 256 visible ASCII characters; got '{text}'"))
}

/// The audience of a token, as spelled.
pub(crate) fn audience(text: &str) -> Result<String, String> {
    match Endpoint::parse(text) {
        Ok(Endpoint { https: true, .. }) => Ok(text.to_owned()),
        Ok(_) => Err(format!("--audience: must begin with https://; got '{text}'")),
        Err(rule) => Err(format!("--audience: {rule}; got '{text}'")),
    }
}

/// An address, in the form that the plugin sends requests to.
pub(crate) fn endpoint(flag: &str, text: &str) -> Result<String, String> {
    Endpoint::parse(text).map(|endpoint| endpoint.to_string()).map_err(|rule| format!("{flag}: {rule}; got '{text}'"))
}

/// A number within a range.
pub(crate) fn number(flag: &str, text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        format!("{flag}: expected a whole number from {} to {}; got '{text}'", range.start(), range.end())
    })
}

/// A time with its unit.
pub(crate) fn milliseconds(flag: &str, text: &str) -> Result<u32, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = match text.get(split..) {
        Some("ms") => 1,
        Some("s") => 1_000,
        Some("m") => 60_000,
        Some("h") => 3_600_000,
        _ => return Err(format!("{flag}: expected a time, such as 500ms, 90s, 10m or 2h; got '{text}'")),
    };
    let count = text.get(..split).and_then(|digits| digits.parse::<u32>().ok()).filter(|count| *count > 0);
    let time = count.and_then(|count| count.checked_mul(unit));
    time.ok_or_else(|| format!("{flag}: expected a time from 1ms to 1193h; got '{text}'"))
}

/// Requests in a time.
pub(crate) fn rate_limit(text: &str) -> Result<RateLimit, String> {
    const FLAG: &str = "--rate-limit";
    let (requests, window) =
        text.split_once('/').ok_or_else(|| format!("{FLAG}: expected N/TIME, such as 5/10s; got '{text}'"))?;
    Ok(RateLimit { requests: number(FLAG, requests, 1..=100_000)?, window_ms: milliseconds(FLAG, window)? })
}

/// Why an action is performed: a line of text.
pub(crate) fn reason(text: &str) -> Result<String, String> {
    let is_valid = (1..=256).contains(&text.chars().count()) && text.chars().all(is_printable);
    let reason = is_valid.then(|| text.to_owned());
    reason.ok_or_else(|| format!("--reason: expected 1 to 256 printable characters; got '{text}'"))
}
