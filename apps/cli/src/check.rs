//! `--check`: requests a token as a run would, sends nothing to Microsoft Graph, and says what the
//! token permits.

use entra_risk_common::timestamp;
use entra_risk_engine::contract::printable::quoted;
use entra_risk_engine::contract::token::Token;

use crate::bindings::entra::risk::credentials::{Credential, TokenError, TokenRequest, get_token};
use crate::claims::{Claims, Content};
use crate::command::Check;
use crate::connection::Connection;
use crate::operation::{Operation, contains};
use crate::stdio::since_1970;

/// What `--check` found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What is known of the token, in lines.
    pub(crate) lines: Vec<String>,
    /// A run would not be stopped by the token, as far as can be told.
    pub(crate) is_usable: bool,
}

/// The id of Microsoft Graph as an app, which tokens may name as their audience.
const MICROSOFT_GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// Requests a token and looks at it.
pub(crate) fn look(check: &Check) -> Finding {
    let request = TokenRequest {
        tenant: check.connection.options.tenant.clone(),
        audience: check.connection.audience().to_owned(),
        // The real one, also where requests go through a forwarder: the token itself is needed here.
        endpoint: check.connection.options.effective_endpoint().to_owned(),
        refresh: false,
        claims: None,
    };
    let unusable = |line: String| Finding { lines: vec![line], is_usable: false };
    let usable = |line: &str| Finding { lines: vec![line.to_owned()], is_usable: true };
    let token = match get_token(&request) {
        Ok(Credential { bearer: Some(token) }) => token,
        Ok(Credential { bearer: None }) => {
            return usable("The host attaches the token to the requests: it cannot be looked at here.");
        }
        Err(TokenError::Denied(why)) => return unusable(format!("no token: {why}")),
        Err(TokenError::Unavailable(why)) => return unusable(format!("no token right now: {why}")),
    };
    if let Err(why) = Token::parse(token.clone()) {
        return unusable(why);
    }
    match Content::of(&token) {
        Content::Readable(claims) => report(check, &claims, since_1970().as_secs()),
        Content::Opaque => usable("The token is opaque: only Microsoft Graph knows what it permits."),
        Content::Encrypted => usable("The token is encrypted: only Microsoft Graph can read what it permits."),
    }
}

/// What the claims of a token mean, `now` seconds after the start of 1970.
fn report(check: &Check, claims: &Claims, now: u64) -> Finding {
    let mut lines = vec![
        "What the token says, unverified:".to_owned(),
        format!("  whose:    {}", claims.owner()),
        format!("  tenant:   {}", claims.tenant()),
    ];
    let expiry = claims.expiry();
    let is_expired = expiry.is_some_and(|expiry| expiry <= now);
    lines.push(format!("  expires:  {}", expiry.map_or("unknown".to_owned(), |expiry| until(expiry, now))));
    let is_for_graph = is_for(claims, &check.connection);
    if !is_for_graph {
        let audience = claims.audience().map_or("unknown".to_owned(), quoted);
        lines.push(format!("  audience: {audience}, not {}", check.connection.audience()));
    }
    let held = claims.permissions();
    let is_delegated = claims.is_delegated();
    let wanted: Vec<Operation> = check.operation.map_or_else(|| Operation::all().collect(), |wanted| vec![wanted]);
    let has = |needed: &&str| held.iter().any(|held| contains(held, needed));
    let (permitted, missing): (Vec<_>, Vec<_>) =
        wanted.iter().partition(|operation| operation.permissions(is_delegated).iter().all(has));
    for (title, operations) in [("permits:", &permitted), ("lacks, for:", &missing)] {
        lines.extend((!operations.is_empty()).then(|| format!("  {title}")));
        let line = |operation: &&Operation| {
            format!("    {:<44}  {}", operation.name(), operation.permissions(is_delegated).join(", "))
        };
        lines.extend(operations.iter().map(line));
    }
    let extra: Vec<String> = held
        .iter()
        .filter(|held| {
            let mut needed = wanted.iter().flat_map(|operation| operation.permissions(is_delegated));
            !needed.any(|needed| contains(held, needed))
        })
        .map(|held| quoted(held))
        .collect();
    if !extra.is_empty() {
        lines.push(format!("  more than needed: {}", extra.join(", ")));
    }
    if claims.is_of_azure_cli() && !missing.is_empty() {
        lines.push(
            "  It is of az login, which cannot get what it lacks: use --sign-in or an app registration.".to_owned(),
        );
    }
    if is_delegated && !permitted.is_empty() {
        lines.push("  The person needs a role too, such as Security Administrator.".to_owned());
    }
    let is_usable = !is_expired && is_for_graph && !permitted.is_empty();
    Finding { lines, is_usable }
}

/// Whether a token is for this Microsoft Graph.
fn is_for(claims: &Claims, connection: &Connection) -> bool {
    claims.audience().is_none_or(|audience| {
        audience == MICROSOFT_GRAPH || audience.trim_end_matches('/').eq_ignore_ascii_case(connection.audience())
    })
}

/// A time, and how far away it is.
fn until(expiry: u64, now: u64) -> String {
    let time = timestamp(expiry, 0);
    match expiry.checked_sub(now) {
        Some(left @ 1..) => format!("{time}, in {} minutes", left / 60),
        _ => format!("{time}: it has expired"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse;
    use crate::command::Command;

    fn check(line: &str) -> Check {
        match parse(line.split_whitespace().map(str::to_owned).collect()).unwrap().0 {
            Command::Check(check) => *check,
            other => panic!("{other:?}"),
        }
    }

    fn claims(json: &str) -> Claims {
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits: Vec<u8> = json.bytes().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
        let digit = |bits: &[u8]| (0..6).fold(0, |digit, bit| digit << 1 | bits.get(bit).copied().unwrap_or(0));
        let payload: String = bits.chunks(6).map(|bits| char::from(digits[usize::from(digit(bits))])).collect();
        match Content::of(&format!("e30.{payload}.x")) {
            Content::Readable(claims) => claims,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_token_of_another_form_cannot_be_read() {
        for token in ["canary", "e30.e30", "a.b.c", "e30.W10.x", "e30.IiI.x"] {
            assert!(matches!(Content::of(token), Content::Opaque), "{token}");
        }
        assert!(matches!(Content::of("a.b.c.d.e"), Content::Encrypted));
    }

    #[test]
    fn the_permissions_of_an_app_are_its_roles() {
        let claims = claims(
            r#"{"aud":"https://graph.microsoft.com/","oid":"o","tid":"t","app_displayname":"Contoso\u001b","exp":7200,
                "roles":["IdentityRiskEvent.ReadWrite.All","Mail.Read"]}"#,
        );
        let found = report(&check("--check dismiss-sign-ins"), &claims, 60);
        let expected = "What the token says, unverified:\n\
             \x20 whose:    the app \"Contoso\u{fffd}\" (object id \"o\")\n\
             \x20 tenant:   \"t\"\n\
             \x20 expires:  1970-01-01T02:00:00.000Z, in 119 minutes\n\
             \x20 permits:\n\
             \x20   dismiss-sign-ins                              IdentityRiskEvent.ReadWrite.All\n\
             \x20 more than needed: \"Mail.Read\"";
        assert_eq!((found.lines.join("\n").as_str(), found.is_usable), (expected, true));
        let other = report(&check("--check dismiss-risky-users"), &claims, 60);
        assert!(!other.is_usable && other.lines.contains(&"  lacks, for:".to_owned()), "{other:?}");
        assert!(!report(&check("--check dismiss-sign-ins"), &claims, 7_200).is_usable, "expired");
        assert!(!report(&check("--check --cloud china"), &claims, 60).is_usable, "another cloud");
    }

    #[test]
    fn the_permissions_of_a_person_are_scopes() {
        let claims = claims(
            r#"{"upn":"ann@contoso.com","appid":"a","aud":"00000003-0000-0000-c000-000000000000",
                "scp":"openid IdentityRiskyUser.ReadWrite.All profile","roles":["IdentityRiskEvent.ReadWrite.All"]}"#,
        );
        let found = report(&check("--check"), &claims, 0);
        let text = found.lines.join("\n");
        assert!(
            found.is_usable && text.contains("\"ann@contoso.com\" (object id unknown), signed in to the app \"a\"")
        );
        assert!(text.contains("    dismiss-sign-ins                              IdentityRiskyUser.ReadWrite.All\n"));
        assert!(!text.contains("more than needed") && text.contains("Security Administrator"), "{text}");
        assert!(
            text.contains("    list-risky-users                              IdentityRiskyUser.Read.All\n"),
            "{text}"
        );
    }

    #[test]
    fn a_list_needs_all_of_its_permissions() {
        let list =
            |roles: &str| report(&check("--check list-sign-ins"), &claims(&format!(r#"{{"roles":[{roles}]}}"#)), 0);
        let one = list(r#""AuditLog.Read.All""#);
        let needed =
            "    list-sign-ins                                 AuditLog.Read.All, Directory.Read.All".to_owned();
        assert!(!one.is_usable && one.lines.ends_with(&["  lacks, for:".to_owned(), needed]), "{one:?}");
        let both = list(r#""AuditLog.Read.All","Directory.ReadWrite.All""#);
        assert!(both.is_usable && !both.lines.join("\n").contains("more than needed"), "{both:?}");
    }

    #[test]
    fn the_token_of_az_login_cannot_get_what_it_lacks() {
        let of = |app: &str| {
            let claims = claims(&format!("{{\"appid\":\"{app}\",\"scp\":\"User.Read\"}}"));
            report(&check("--check dismiss-risky-users"), &claims, 0).lines.join("\n").contains("It is of az login")
        };
        assert!(of("04b07795-8ddb-461a-bbee-02f9e1bf7b46") && !of("another"));
    }
}
