//! The claims challenge of continuous access evaluation, in the `www-authenticate` header of a 401.
//!
//! Source: <https://learn.microsoft.com/entra/identity-platform/claims-challenge>.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

/// The claims, JSON, of the first `Bearer` challenge in these header values that asks for any
/// (`error="insufficient_claims"`).
pub fn claims(www_authenticate: &[String]) -> Option<String> {
    www_authenticate.iter().find_map(|value| {
        let mut claims = None;
        let mut insufficient = false;
        let mut bearer = false;
        let mut rest = value.as_str();
        while let Some(part) = next(&mut rest) {
            match part {
                _ if claims.is_some() && insufficient && matches!(part, Part::Scheme(_)) => break,
                Part::Scheme(name) => {
                    (bearer, insufficient, claims) = (name.eq_ignore_ascii_case("Bearer"), false, None);
                }
                Part::Parameter(name, value) if bearer && name.eq_ignore_ascii_case("error") => {
                    insufficient = value == "insufficient_claims";
                }
                Part::Parameter(name, value) if bearer && name.eq_ignore_ascii_case("claims") => {
                    claims = decode(&value)
                }
                Part::Parameter(..) => {}
            }
        }
        claims.filter(|_| insufficient)
    })
}

/// A piece of the header (RFC 9110, section 11.6.1).
enum Part<'a> {
    /// The name of a scheme, with which a challenge begins; also the credentials in its place of parameters.
    Scheme(&'a str),
    /// `name=value` or `name="value"`.
    Parameter(&'a str, String),
}

fn next<'a>(rest: &mut &'a str) -> Option<Part<'a>> {
    *rest = rest.trim_start_matches([' ', '\t', ',']);
    let (name, after) = rest.split_at(rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len()));
    if rest.is_empty() {
        return None;
    }
    let Some(value) = after.trim_start_matches([' ', '\t']).strip_prefix('=') else {
        *rest = after;
        return Some(Part::Scheme(name));
    };
    let value = value.trim_start_matches([' ', '\t']);
    if let Some(quoted) = value.strip_prefix('"') {
        let (text, after) = unquote(quoted);
        *rest = after;
        return Some(Part::Parameter(name, text));
    }
    let (text, after) = value.split_at(value.find([' ', '\t', ',']).unwrap_or(value.len()));
    *rest = after;
    Some(Part::Parameter(name, text.to_owned()))
}

/// The text of a quoted string after its opening quote, and what follows its closing one (RFC 9110, section 5.6.4).
fn unquote(quoted: &str) -> (String, &str) {
    let mut text = String::new();
    let mut chars = quoted.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => break,
            '\\' => text.extend(chars.next()),
            char => text.push(char),
        }
    }
    (text, chars.as_str())
}

/// JSON in base64 of either alphabet, with or without padding.
fn decode(base64: &str) -> Option<String> {
    let alphabet = if base64.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    let json = GeneralPurpose::new(alphabet, LENIENT).decode(base64).ok()?;
    let json = String::from_utf8(json).ok()?;
    serde_json::from_str::<Value>(&json).is_ok_and(|claims| claims.is_object()).then_some(json)
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
