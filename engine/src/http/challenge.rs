//! The claims challenge of continuous access evaluation, in the `www-authenticate` header of a 401
//! or a 403.
//!
//! Source: <https://learn.microsoft.com/entra/identity-platform/claims-challenge>.

use crate::http::json::Json;

/// The claims of the first `Bearer` challenge in these header values that has
/// `error="insufficient_claims"` and usable claims, as a JSON object.
pub fn claims(www_authenticate: &[String]) -> Option<String> {
    find(www_authenticate, |challenge| challenge.asks_for_claims().then(|| decode(&challenge.claims))?)
}

/// Whether these header values contain a `Bearer` challenge with `error="insufficient_claims"`.
pub fn asks_for_claims(www_authenticate: &[String]) -> bool {
    find(www_authenticate, |challenge| challenge.asks_for_claims().then_some(())).is_some()
}

/// What `take` returns for the first challenge for which it returns something.
fn find<T>(www_authenticate: &[String], take: impl Fn(&Challenge) -> Option<T>) -> Option<T> {
    www_authenticate.iter().find_map(|value| {
        let mut parts = Parts(value.as_bytes());
        let mut challenge = Challenge::default();
        loop {
            match parts.next() {
                Some((name, Some(value))) => challenge.take(name, value),
                // The next challenge begins, or none does.
                scheme => {
                    if let Some(taken) = take(&challenge) {
                        return Some(taken);
                    }
                    let (scheme, _) = scheme?;
                    challenge = Challenge { is_bearer: scheme.eq_ignore_ascii_case(b"Bearer"), ..Challenge::default() };
                }
            }
        }
    })
}

/// The parts of a challenge that matter.
#[derive(Default)]
struct Challenge {
    is_bearer: bool,
    wants_claims: bool,
    claims: Vec<u8>,
}

impl Challenge {
    fn take(&mut self, name: &[u8], value: Vec<u8>) {
        if name.eq_ignore_ascii_case(b"error") {
            self.wants_claims = value == b"insufficient_claims";
        } else if name.eq_ignore_ascii_case(b"claims") {
            self.claims = value;
        }
    }

    fn asks_for_claims(&self) -> bool {
        self.is_bearer && self.wants_claims
    }
}

/// The unread rest of a header value. It is read in parts, each of which is the name of a scheme or
/// the name and value of one of its parameters (RFC 9110, section 11.6.1).
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn next(&mut self) -> Option<(&'a [u8], Option<Vec<u8>>)> {
        self.take_while(|byte| is_space(byte) || byte == b',');
        if self.0.is_empty() {
            return None;
        }
        let name = self.take_while(|byte| !is_space(byte) && byte != b',' && byte != b'=');
        self.take_while(is_space);
        let Some(value) = self.0.strip_prefix(b"=") else { return Some((name, None)) };
        self.0 = value;
        self.take_while(is_space);
        let value = match self.0.strip_prefix(b"\"") {
            Some(quoted) => {
                self.0 = quoted;
                self.take_quoted()
            }
            None => self.take_while(|byte| !is_space(byte) && byte != b',').to_vec(),
        };
        Some((name, Some(value)))
    }

    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|&byte| !belongs(byte)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at_checked(end).unwrap_or_default();
        self.0 = rest;
        taken
    }

    /// Reads the rest of a quoted string, after its opening quote (RFC 9110, section 5.6.4).
    fn take_quoted(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut bytes = self.0.iter();
        while let Some(&byte) = bytes.next() {
            match byte {
                b'"' => break,
                b'\\' => text.extend(bytes.next().copied()),
                byte => text.push(byte),
            }
        }
        self.0 = bytes.as_slice();
        text
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Decodes a JSON object in base64 of either alphabet, with or without padding (RFC 4648, sections
/// 4 and 5), such as a claims challenge or a part of a token.
pub fn decode(base64: &[u8]) -> Option<String> {
    let end = base64.iter().rposition(|&byte| byte != b'=').map_or(0, |last| last.saturating_add(1));
    let mut json = Vec::with_capacity(base64.len());
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in base64.get(..end)? {
        let value = match byte {
            b'A'..=b'Z' => byte.saturating_sub(b'A'),
            b'a'..=b'z' => byte.saturating_sub(b'a').saturating_add(26),
            b'0'..=b'9' => byte.saturating_sub(b'0').saturating_add(52),
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count = count.saturating_add(6);
        if count >= 8 {
            count = count.saturating_sub(8);
            json.push((bits >> count) as u8);
        }
    }
    // A single remaining digit is no byte, so that the text must have been cut.
    if count == 6 {
        return None;
    }
    // serde_json reads a number as an object with its text, so that no floating point is needed.
    (json.first() == Some(&b'{') && matches!(Json::parse(&json), Json::Object(_)))
        .then(|| String::from_utf8(json).ok())?
}

#[cfg(test)]
mod tests {
    use super::claims;

    const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1702682181"},"x":"?>~"}}"#;

    fn asked(header: &str) -> Option<String> {
        use base64::prelude::*;
        let header = header
            .replace("<standard>", &BASE64_STANDARD.encode(CLAIMS))
            .replace("<url-safe>", &BASE64_URL_SAFE_NO_PAD.encode(CLAIMS))
            .replace("<not-json>", &BASE64_STANDARD.encode("claims"));
        claims(&[header])
    }

    #[test]
    fn claims_are_found_in_every_form_of_the_challenge() {
        let headers = [
            r#"Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", error="insufficient_claims", claims="<standard>""#,
            r#"Bearer claims="<url-safe>",error="insufficient_claims""#,
            r#"bearer ERROR = "insufficient_claims" , Claims = "<standard>", realm="a \"b\", error=\"x\"""#,
            "Bearer error=insufficient_claims, claims=<url-safe>",
            r#"Negotiate, Bearer error="insufficient_claims", claims="<standard>""#,
            r#"Negotiate YII=, Basic realm="x", Bearer claims="<url-safe>", error="insufficient_claims", PoP nonce="1""#,
            r#"Bearer error="invalid_token", Bearer error="insufficient_claims", claims="<standard>""#,
        ];
        for header in headers {
            assert_eq!(asked(header).as_deref(), Some(CLAIMS), "{header}");
        }
    }

    #[test]
    fn a_challenge_without_usable_claims_asks_for_none() {
        let headers = [
            "",
            "Bearer",
            "Bearer ,,, = =",
            r#"Bearer error="insufficient_claims""#,
            r#"Bearer error="invalid_token", claims="<standard>""#,
            r#"PoP error="insufficient_claims", claims="<standard>""#,
            r#"Bearer error="insufficient_claims", PoP claims="<standard>""#,
            r#"Bearer error="insufficient_claims", claims="<not-json>""#,
            r#"Bearer error="insufficient_claims", claims="MS41""#,
            r#"Bearer error="insufficient_claims", claims="not base64!""#,
            r#"Bearer error="insufficient_claims", claims=""#,
        ];
        for header in headers {
            assert_eq!(asked(header), None, "{header}");
        }
    }

    #[test]
    fn the_first_header_that_asks_for_claims_counts() {
        let values = ["Negotiate".to_owned(), r#"Bearer error="insufficient_claims", claims="e30""#.to_owned()];
        assert_eq!(claims(&values).as_deref(), Some("{}"));
    }
}
