//! What people put into a variable for a token: the token, with what is often copied with it, or
//! something else.

/// What a value is.
#[derive(PartialEq, Eq)]
pub enum GraphToken {
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
    pub fn parse(value: &str) -> GraphToken {
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
