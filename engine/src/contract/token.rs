//! Tokens: what requests them, how they are checked and sent, and how they are kept out of texts.

use std::rc::Rc;

/// How a request is authorized.
pub enum Authorization {
    /// The `authorization` header carries a token.
    Bearer(Token),
    /// The host adds the `authorization` header.
    AttachedByHost,
}

/// An access token, which is 1 to 65,536 bytes of visible ASCII. It has no `Debug`, so that nothing
/// prints it.
#[derive(Clone)]
pub struct Token(Rc<str>);

/// The latest tokens of a call, which no text may contain.
#[derive(Default)]
pub struct Secrets(Vec<Token>);

/// What the token provider returns, before it is checked. It has no `Debug`, so that nothing prints
/// it.
pub struct Credential {
    /// The token. None: the host adds the `authorization` header.
    pub bearer: Option<String>,
}

/// A request to the token provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// Names the tenant that the ids belong to.
    pub tenant: Option<String>,
    /// The audience of the token.
    pub audience: String,
    /// The scheme and authority that the token will be sent to.
    pub endpoint: String,
    /// Whether Microsoft Graph rejected a token of this call, so that a fresh one is needed.
    pub refresh: bool,
    /// The claims that the fresh token must have, as a JSON object.
    pub claims: Option<String>,
}

/// Why the token provider returns no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// No token right now; retrying may help.
    Unavailable(String),
    /// No token until someone fixes the configuration.
    Denied(String),
}

impl Authorization {
    /// Checks what the token provider returned. The error contains no part of the token.
    pub fn parse(credential: Credential) -> Result<Authorization, String> {
        match credential.bearer {
            Some(token) => Token::parse(token).map(Authorization::Bearer),
            None => Ok(Authorization::AttachedByHost),
        }
    }
}

impl Secrets {
    /// Adds a token, and returns it. The caller keeps it while a response may repeat it: if there
    /// are too many tokens, the oldest one that is kept nowhere else is dropped.
    pub fn add(&mut self, authorization: Authorization) -> Authorization {
        let Authorization::Bearer(token) = authorization else { return authorization };
        let known = self.0.iter().position(|known| known.0 == token.0);
        let token = known.map_or(token, |position| self.0.remove(position));
        if self.0.len() >= MAX_SECRETS
            && let Some(position) = self.0.iter().position(|known| Rc::strong_count(&known.0) == 1)
        {
            self.0.remove(position);
        }
        self.0.push(token.clone());
        Authorization::Bearer(token)
    }

    /// Those tokens that are too long to occur in data by chance.
    pub(crate) fn long(&self) -> Secrets {
        Secrets(self.0.iter().filter(|token| token.0.len() >= HIDDEN_RUN_BYTES).cloned().collect())
    }

    /// Cuts a text from outside to at most `max` bytes, and replaces every run of 24 characters of
    /// a token in it.
    pub fn sanitize(&self, text: &str, max: usize) -> String {
        let mut rest = cut(text, max);
        let pairs = Pairs::of(rest);
        let suspects: Vec<&Token> = self.0.iter().filter(|token| pairs.may_contain_run(token)).collect();
        let mut sanitized = String::with_capacity(rest.len());
        while let Some(next) = rest.chars().next() {
            // Tokens are ASCII: a run begins and ends between characters.
            let run = suspects.iter().filter_map(|token| run_at_start(rest.as_bytes(), token)).max();
            match run {
                Some(_) => sanitized.push_str("[token]"),
                None => sanitized.push(next),
            }
            rest = rest.get(run.unwrap_or(next.len_utf8())..).unwrap_or_default();
        }
        sanitized.truncate(cut(&sanitized, max).len());
        sanitized
    }
}

impl Token {
    /// Parses a token. The error contains no part of it.
    pub fn parse(token: String) -> Result<Token, String> {
        if token.is_empty() {
            return Err("the token is empty".to_owned());
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(format!("the token is longer than {MAX_TOKEN_BYTES} bytes"));
        }
        match token.bytes().position(|byte| !byte.is_ascii_graphic()) {
            Some(position) => {
                Err(format!("the token contains a byte that is not visible ASCII, at position {position}"))
            }
            None => Ok(Token(token.into())),
        }
    }

    /// The value of the `authorization` header (RFC 6750, section 2.1).
    pub fn header_value(&self) -> Vec<u8> {
        [b"Bearer ", self.0.as_bytes()].concat()
    }
}

/// Which pairs of neighboring bytes a text contains, a bit for each pair. They show fast that a
/// text contains no run of a token, as most texts do not.
struct Pairs(Vec<u8>);

impl Pairs {
    fn of(text: &str) -> Pairs {
        let mut pairs = Pairs(vec![0; 1 << 13]);
        for pair in text.as_bytes().windows(2) {
            if let Some(bits) = pairs.0.get_mut(pair_number(pair) >> 3) {
                *bits |= 1 << (pair_number(pair) & 7);
            }
        }
        pairs
    }

    /// Whether the text may contain a run of a token, because it contains all pairs of one.
    fn may_contain_run(&self, Token(token): &Token) -> bool {
        let needed = token.len().min(HIDDEN_RUN_BYTES).saturating_sub(1);
        let (mut found, mut longest) = (0_usize, 0);
        for pair in token.as_bytes().windows(2) {
            let bits = self.0.get(pair_number(pair) >> 3).copied().unwrap_or_default();
            found = if bits >> (pair_number(pair) & 7) & 1 == 1 { found.saturating_add(1) } else { 0 };
            longest = longest.max(found);
        }
        longest >= needed
    }
}

fn pair_number(pair: &[u8]) -> usize {
    pair.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// The length of the longest run of the token that a text begins with, if it has at least 24 bytes
/// or is the whole token.
fn run_at_start(text: &[u8], Token(token): &Token) -> Option<usize> {
    let token = token.as_bytes();
    let length = token.len().min(HIDDEN_RUN_BYTES);
    let start = text.get(..length)?;
    let first = start.first()?;
    // Few positions begin with the first byte, and finding them is fast.
    let positions = (0_usize..).zip(token).filter(|(_, byte)| *byte == first);
    let tails = positions.filter_map(|(position, _)| token.get(position..));
    let runs = tails.filter(|tail| tail.starts_with(start));
    runs.map(|run| run.iter().zip(text).take_while(|(a, b)| a == b).count()).max()
}

/// The first bytes of a text, at most `max`, cut between characters.
fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or_default()
}

/// The most bytes of a token. Hosts limit the headers of a request, wasmtime to 128 KiB with a
/// trap.
const MAX_TOKEN_BYTES: usize = 65_536;

/// The most tokens to keep out of texts. When the response to the oldest of 32 requests in flight
/// arrives, it can repeat 40 tokens from before that request, and the call has sent 32 since.
const MAX_SECRETS: usize = 80;

/// A run of this many bytes of a token appears in no text. Source: the contract.
pub(crate) const HIDDEN_RUN_BYTES: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(tokens: &[&str]) -> Secrets {
        let mut secrets = Secrets::default();
        for token in tokens {
            let _ = secrets.add(Authorization::Bearer(Token::parse((*token).to_owned()).unwrap()));
        }
        secrets
    }

    #[test]
    fn replaces_every_run_of_24_characters_of_a_token() {
        let token: String = (0..100_u8).map(|n| char::from(b'0' + n % 70)).collect();
        let secrets = secrets(&[&token, "another-token-of-the-same-call"]);
        let sanitize = |text: &str| secrets.sanitize(text, 512);
        assert_eq!(sanitize(&token), "[token]");
        assert_eq!(sanitize(&format!("é{}é{}", &token[3..27], &token[70..])), "é[token]é[token]");
        assert_eq!(sanitize(&token[3..26]), token[3..26]);
        assert_eq!(sanitize("of another-token-of-the-same-call."), "of [token].");
        assert_eq!(sanitize(""), "");
    }

    #[test]
    fn a_token_in_flight_stays_known() {
        let bearer = |number: usize| {
            Authorization::Bearer(Token::parse(format!("the-token-number-{number}-of-a-call")).unwrap())
        };
        let mut secrets = Secrets::default();
        let first = secrets.add(bearer(0));
        let in_flight = secrets.add(bearer(0));
        drop(first);
        (1..100).for_each(|number| drop(secrets.add(bearer(number))));
        assert_eq!(secrets.sanitize("the-token-number-0-of-a-call", 512), "[token]");
        assert_eq!(secrets.sanitize("the-token-number-21-of-a-call", 512), "[token]");
        assert_eq!(secrets.sanitize("the-token-number-20-of-a-call", 512), "the-token-number-20-of-a-call");
        drop(in_flight);
    }

    #[test]
    fn replaces_a_short_token_as_a_whole() {
        assert_eq!(secrets(&["abc"]).sanitize("xabcabc ab", 512), "x[token][token] ab");
    }

    #[test]
    fn cuts_a_text_between_characters() {
        assert_eq!(secrets(&[]).sanitize(&"é".repeat(300), 511), "é".repeat(255));
    }

    #[test]
    fn rejects_a_token_that_a_header_cannot_contain() {
        for token in ["", "a b", "a\n", "ü", &"x".repeat(65_537)] {
            assert!(Token::parse(token.to_owned()).is_err());
        }
        assert!(Token::parse("x".repeat(65_536)).is_ok());
    }
}
