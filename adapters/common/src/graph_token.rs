//! What people put into a variable for a token: the token, with what is often copied with it, or
//! something else.

/// The name of the variable.
pub const VARIABLE: &str = "GRAPH_TOKEN";

/// Takes the token for `audience` out of the value of the variable. There is only one token, so
/// that a request for a fresh one, after Microsoft Graph rejected it (`is_rejected`), fails.
///
/// # Errors
/// If there is no token, or no fresh one: what to set the variable to. The message does not contain
/// the value.
pub fn take(value: Option<&str>, audience: &str, is_rejected: bool) -> Result<String, String> {
    let failed = |why: &[&str]| Err([&[VARIABLE][..], why, &[audience]].concat().concat());
    match value.map_or(GraphToken::Empty, GraphToken::parse) {
        GraphToken::Empty => failed(&[" is not set: set it to an access token for "]),
        GraphToken::TypeName => failed(&[
            " holds the name of a type, which PowerShell prints in place of the token: convert it with ",
            "ConvertFrom-SecureString -AsPlainText, and set the variable to an access token for ",
        ]),
        GraphToken::Json => failed(&[" holds JSON without a token: set it to an access token for "]),
        GraphToken::Token(_) if is_rejected => {
            let why = ["Microsoft Graph rejected the token in ", VARIABLE, ": set it to a fresh access token for "];
            Err([&why[..], &[audience]].concat().concat())
        }
        GraphToken::Token(token) => Ok(token),
    }
}

/// What a value is.
#[derive(PartialEq, Eq)]
enum GraphToken {
    /// Nothing.
    Empty,
    /// A token, as far as one can tell.
    Token(String),
    /// The name of a .NET type, which PowerShell prints in place of what an object contains.
    TypeName,
    /// JSON without a token.
    Json,
}

impl GraphToken {
    /// Reads a value. White space around the token, quotes, the scheme of the header and line
    /// breaks are not part of it. Of JSON, as `az account get-access-token` prints it, the token is
    /// taken.
    fn parse(value: &str) -> GraphToken {
        let value = bare(value);
        if value.starts_with('{') {
            let token = NAMES.iter().find_map(|name| member(value, name));
            return token.map_or(GraphToken::Json, |token| GraphToken::Token(token.to_owned()));
        }
        if TYPES.iter().any(|types| value.starts_with(types)) {
            return GraphToken::TypeName;
        }
        let token: String = value.split(['\r', '\n']).map(str::trim_ascii).collect();
        if token.is_empty() { GraphToken::Empty } else { GraphToken::Token(token) }
    }
}

/// The token without what is often copied with it: white space, quotes around it, and the scheme of
/// the header.
fn bare(value: &str) -> &str {
    let value = value.trim_ascii();
    let quoted = |quote| value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
    let scheme = || value.split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer "));
    match quoted('"').or(quoted('\'')).or(scheme().map(|(_, token)| token)) {
        Some(inner) => bare(inner),
        None => value,
    }
}

/// A member of a JSON object whose value is a string without escapes, as a token is: a parser of
/// JSON would be half of this component.
fn member<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = json.split_once(name)?;
    let rest = rest.trim_ascii_start().strip_prefix(':')?.trim_ascii_start().strip_prefix('"')?;
    rest.split_once('"').map(|(token, _)| token).filter(|token| !token.is_empty())
}

/// The names of the token: of the Azure CLI, of token endpoints, and of Azure PowerShell.
const NAMES: [&str; 3] = ["\"accessToken\"", "\"access_token\"", "\"Token\""];

/// What names of .NET types begin with: msgraph-sdk-powershell#3336.
const TYPES: [&str; 2] = ["System.", "Microsoft."];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is_token(value: &str, expected: &str) {
        // No assert_eq!, which would print the token.
        assert!(GraphToken::parse(value) == GraphToken::Token(expected.to_owned()));
    }

    #[test]
    fn quotes_the_scheme_and_white_space_are_removed() {
        for value in [
            " canary-3e9d\n",
            "\"canary-3e9d\"",
            "'canary-3e9d'",
            "Bearer canary-3e9d",
            "\"bearer  canary-3e9d\" ",
            "BEARER 'canary-3e9d'",
        ] {
            is_token(value, "canary-3e9d");
        }
        for value in ["\"canary-3e9d", "bearercanary-3e9d", "\"", "é", "a b"] {
            is_token(value, value);
        }
    }

    #[test]
    fn a_token_that_is_broken_over_lines_is_joined() {
        is_token("eyJ0.\n  canary\r\n-3e9d\n", "eyJ0.canary-3e9d");
        is_token("'Bearer eyJ0.\ncanary'", "eyJ0.canary");
    }

    #[test]
    fn the_token_is_taken_out_of_json() {
        is_token(
            "{\n  \"accessToken\": \"canary\",\n  \"expiresOn\": \"2026-11-21\",\n  \"tokenType\": \"Bearer\"\n}",
            "canary",
        );
        is_token(r#"'{"token_type":"Bearer","access_token":"canary"}'"#, "canary");
        is_token(r#"{"Token":"canary","TenantId":"t"}"#, "canary");
        for value in ["{}", "{\"accessToken\":null}", "{\"accessToken\":\"\"}", "{\"accessToken\":\"canary", "{"] {
            assert!(GraphToken::parse(value) == GraphToken::Json, "{value}");
        }
    }

    #[test]
    fn the_name_of_a_type_is_no_token() {
        for value in ["System.Security.SecureString", "\"System.Security.SecureString\"\r\n", "Bearer System.String[]"]
        {
            assert!(GraphToken::parse(value) == GraphToken::TypeName, "{value}");
        }
    }

    #[test]
    fn nothing_is_empty() {
        for value in ["", " \n", "\"\"", "Bearer \"\""] {
            assert!(GraphToken::parse(value) == GraphToken::Empty, "{value:?}");
        }
    }
}
