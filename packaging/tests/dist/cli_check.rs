//! `--check`: what the command says of a token without sending it anywhere; and what it tells the
//! host of a package.

use host_test::plugin::CANARY;
use host_test::script::accepted;
use serde_json::{Value, json};

use crate::shell::{ALLOWED_ENDPOINTS, Completed, Shell, id};

/// A token with these claims.
fn token(claims: &Value) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let json = claims.to_string();
    let bits: Vec<u8> = json.bytes().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let digit = |bits: &[u8]| (0..6).fold(0, |digit, bit| digit << 1 | bits.get(bit).copied().unwrap_or(0));
    let payload: String = bits.chunks(6).map(|bits| char::from(DIGITS[usize::from(digit(bits))])).collect();
    format!("eyJhbGciOiJub25lIn0.{payload}.c2lnbmF0dXJl")
}

/// The claims of an app that may dismiss users, in a token that is valid for an hour at the start
/// of a run.
fn claims() -> Value {
    json!({
        "aud": "https://graph.microsoft.com", "oid": "11111111-2222-3333-4444-555555555555",
        "tid": "66666666-7777-8888-9999-000000000000", "app_displayname": "Clean\u{1b}up", "exp": 1_795_255_200_u64,
        "roles": ["IdentityRiskyUser.ReadWrite.All", "Mail.Read"],
    })
}

async fn check(token: &str, line: &str) -> Completed {
    let run = Shell::new().token(token).run(line, []).await;
    assert!(run.exchanges.is_empty() && run.stderr.is_empty(), "{}", run.stderr);
    run
}

#[tokio::test(start_paused = true)]
async fn a_token_is_described_and_not_sent() {
    let run = check(&token(&claims()), "--check dismiss-risky-users").await;
    let expected = "What the token says, unverified:\n\
                    \x20 whose:    the app \"Clean\u{fffd}up\" (object id \"11111111-2222-3333-4444-555555555555\")\n\
                    \x20 tenant:   \"66666666-7777-8888-9999-000000000000\"\n\
                    \x20 expires:  2026-11-21T10:00:00.000Z, in 60 minutes\n\
                    \x20 permits:\n\
                    \x20   dismiss-risky-users                           IdentityRiskyUser.ReadWrite.All\n\
                    \x20 more than needed: \"Mail.Read\"\n";
    run.is(0, expected, "");
    let all = check(&token(&claims()), "--check").await;
    assert_eq!(all.code, 0);
    for lacking in ["IdentityRiskEvent.ReadWrite.All", "IdentityRiskyAgent.ReadWrite.All"] {
        let (_, lacks) = all.stdout.split_once("lacks, for:\n").unwrap();
        assert!(lacks.contains(lacking), "{}", all.stdout);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_would_not_do_ends_with_exit_code_3() {
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        token(&claims)
    };
    let cases = [
        (token(&claims()), "--check dismiss-sign-ins", "lacks, for:\n    dismiss-sign-ins "),
        (with("exp", json!(1_795_251_600)), "--check", "it has expired"),
        (
            with("aud", json!("https://management.azure.com")),
            "--check",
            "audience: \"https://management.azure.com\", not ",
        ),
        (with("scp", json!("User.Read openid")), "--check", "lacks, for:\n    dismiss-sign-ins"),
        ("x".repeat(65_537), "--check", "the token is longer than 65536 bytes"),
        (String::new(), "--check", "no token: graph-token: GRAPH_TOKEN is not set"),
        (
            token(&claims()),
            "--check --endpoint https://b.test",
            "ENTRA_RISK_ALLOWED_ENDPOINTS does not list https://b.test",
        ),
    ];
    for (token, line, expected) in cases {
        let run = check(&token, line).await;
        assert!(run.code == 3 && run.stdout.contains(expected), "{line}: {} {}", run.code, run.stdout);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_read_may_do() {
    let run = check(CANARY, "--check").await;
    run.is(0, "The token is opaque: only Microsoft Graph knows what it permits.\n", "");
    let run = check("eyJhbGciOiJkaXIifQ.a.b.c.d", "--check").await;
    run.is(0, "The token is encrypted: only Microsoft Graph can read what it permits.\n", "");
}

#[tokio::test(start_paused = true)]
async fn a_403_says_how_to_look_at_the_token() {
    let denied = host_test::script::graph_error(403, &[], "Forbidden", "Required scopes are missing.");
    let run = Shell::new().run(&format!("dismiss-sign-ins {}", id(1)), [denied]).await;
    let expected = "Grant IdentityRiskEvent.ReadWrite.All (of an app) or IdentityRiskyUser.ReadWrite.All (of a person) \
                    (and the role or license, if one is missing) and run again; entra-risk --check says what the token \
                    permits. The token of az login lacks the permission and cannot get it: use --sign-in or an app \
                    registration.";
    assert!(run.code == 3 && run.stdout.contains(expected), "{}", run.stdout);
}

#[tokio::test(start_paused = true)]
async fn a_host_is_told_what_a_command_line_needs() {
    let line = "dismiss-risky-users --file C:\\x\\y.csv --remaining left.txt";
    let run = Shell::new().run(&format!("--needs {line}"), []).await;
    let needs: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.code, run.stdout.lines().count(), run.stderr.as_str()), (0, 1, ""));
    let file = json!({"argument": 2, "path": "C:\\x\\y.csv", "access": "read"});
    assert_eq!((&needs["files"][0], &needs["remaining"], &needs["check"]), (&file, &json!("left.txt"), &json!(false)));
    Shell::new().run("--needs dismiss", []).await.is_usage_error(
        "unknown action 'dismiss': did you mean dismiss-sign-ins, dismiss-risky-users, \
         dismiss-risky-service-principals or dismiss-risky-agents?",
    );
}

#[tokio::test(start_paused = true)]
async fn only_a_package_signs_people_in() {
    let line = format!("dismiss-risky-users {} --sign-in browser --client-id graph-command-line-tools", id(1));
    let message = "--sign-in: only the command of the Python and npm packages signs people in";
    Shell::new().run(&line, []).await.is_usage_error(message);
    Shell::new().run("--check --sign-in device-code", []).await.is_usage_error(message);
    let run = Shell::new().variable("ENTRA_RISK_PACKAGE", "python").run(&line, [accepted()]).await;
    let note = "entra-risk: --client-id graph-command-line-tools: the token may hold every permission that anyone in the \
                tenant ever consented to for this client, and consent given now stays\n";
    run.is(0, "dismiss-risky-users: 1 of 1 ids accepted\n", note);
}

#[tokio::test(start_paused = true)]
async fn requests_go_to_the_forwarder_of_a_package_and_texts_name_the_endpoint() {
    let shell = Shell::new().variable("ENTRA_RISK_FORWARDER", "http://127.0.0.1:9");
    let shell = shell.variable(ALLOWED_ENDPOINTS, "http://127.0.0.1:9");
    let line = format!("dismiss-risky-users {} --cloud china", id(1));
    let run = shell.run(&line, [accepted()]).await;
    run.is(0, "dismiss-risky-users: 1 of 1 ids accepted\n", "");
    assert_eq!(run.exchanges[0].request.uri().authority().unwrap(), "127.0.0.1:9");
    let planned = shell.run(&format!("{line} --dry-run"), []).await;
    assert!(planned.stdout.starts_with("POST https://microsoftgraph.chinacloudapi.cn/v1.0/"), "{}", planned.stdout);
}
