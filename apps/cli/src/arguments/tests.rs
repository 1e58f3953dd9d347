//! Tests of the command line.

use std::collections::BTreeSet;

use entra_risk_common::actions::{ApiVersion, Cloud, Options, RateLimit};
use entra_risk_engine::contract::action::{
    DEFAULT_ATTEMPT_TIMEOUT_MS, DEFAULT_IDS_PER_REQUEST, DEFAULT_MAX_ATTEMPTS, DEFAULT_MAX_IN_FLIGHT,
    DEFAULT_PATIENCE_MS,
};

use serde_json::{Value, json};

use super::*;
use crate::connection::SignIn;
use crate::help::{HELP, option_names};
use crate::job::Job;
use crate::needs::needs;
use crate::operation::Operation;

const APP: &str = "00000009-0000-0000-0000-000000000000";

/// What a command line performs.
#[track_caller]
pub(crate) fn job(line: &str) -> Box<Job> {
    match command(line) {
        Ok(Command::Perform(job)) => job,
        other => panic!("{line}: {other:?}"),
    }
}

fn command(line: &str) -> Result<Command, String> {
    parse(line.split_whitespace().map(str::to_owned).collect()).map(|(command, _)| command)
}

#[test]
fn every_option_of_the_contract_has_a_flag() {
    let job = job("confirm-sign-ins-safe --sign-in device-code --verify --verify-for 9m \
         --client-id 00000009-0000-0000-0000-000000000000 --tenant contoso.com --cloud china --endpoint http://LOCALHOST:1 \
         --audience https://graph.example --api-version v1.0 --ids-per-request 10000 --max-in-flight 32 \
         --max-attempts 10 --attempt-timeout 10m --deadline 2h --patience 5m --no-isolate-refused \
         --rate-limit 7/500ms --file ids.txt --file more.txt --column id --remaining left.txt --refused refused.txt \
         --log log.jsonl --json --dry-run --quiet --yes --label name --outcome refused,unknown --outcome not-applied \
             --except done.txt --except more.txt --restart --max-ids 9 --reason=ticket-7 -");
    assert_eq!((job.connection.sign_in, job.connection.client_id()), (Some(SignIn::DeviceCode), Some(APP)));
    assert!(job.verify && job.verify_ms() == 540_000);
    let Options {
        tenant,
        cloud,
        endpoint,
        audience,
        api_version,
        ids_per_request,
        max_in_flight,
        max_attempts,
        attempt_timeout_ms,
        deadline_ms,
        patience_ms,
        isolate_refused,
        rate_limit,
    } = job.connection.options;
    assert!(matches!((cloud, api_version), (Some(Cloud::China), Some(ApiVersion::V1))));
    assert_eq!((tenant.as_deref(), endpoint.as_deref()), (Some("contoso.com"), Some("http://localhost:1")));
    assert_eq!(audience.as_deref(), Some("https://graph.example"));
    assert_eq!((ids_per_request, max_in_flight, max_attempts), (Some(10_000), Some(32), Some(10)));
    assert_eq!((attempt_timeout_ms, deadline_ms), (Some(600_000), Some(7_200_000)));
    assert_eq!((patience_ms, isolate_refused), (Some(300_000), Some(false)));
    assert!(matches!(rate_limit, Some(RateLimit { requests: 7, window_ms: 500 })));
    assert_eq!(
        (job.files.as_slice(), job.column.as_deref()),
        (["ids.txt", "more.txt"].map(str::to_owned).as_slice(), Some("id"))
    );
    assert_eq!((job.remaining.as_deref(), job.refused.as_deref()), (Some("left.txt"), Some("refused.txt")));
    assert_eq!((job.log.as_deref(), job.reason.as_deref()), (Some("log.jsonl"), Some("ticket-7")));
    assert_eq!((job.label.as_deref(), job.max_ids), (Some("name"), Some(9)));
    assert_eq!(job.outcomes, ["refused", "unknown", "not-applied"]);
    assert_eq!(job.except, ["done.txt", "more.txt"]);
    assert!(job.json && job.dry_run && job.quiet && job.yes && job.restart);
    assert_eq!(job.ids, ["-"]);
}

#[test]
fn help_is_an_action_too() {
    assert!(matches!(command("help"), Ok(Command::Help)));
}

#[test]
fn usage_errors_name_the_argument() {
    let cases = [
        ("", "expected an action"),
        (
            "dismiss",
            "unknown action 'dismiss': did you mean dismiss-sign-ins, dismiss-risky-users, \
             dismiss-risky-service-principals or dismiss-risky-agents?",
        ),
        (
            "confirm-safe",
            "unknown action 'confirm-safe': did you mean confirm-sign-ins-safe, confirm-risky-users-safe or \
             confirm-risky-agents-safe?",
        ),
        ("dismiss-user", "unknown action 'dismiss-user': did you mean dismiss-risky-users?"),
        (
            "list",
            "unknown action 'list': did you mean list-risky-users, list-sign-ins or list-risky-service-principals?",
        ),
        ("list-users", "unknown action 'list-users': did you mean list-risky-users?"),
        ("list-sign-ins x", "list-sign-ins: unexpected argument 'x'"),
        ("list-sign-ins --remaining x", "invalid option '--remaining': does not apply here"),
        ("--json dismiss-sign-ins", "expected an action first: invalid option '--json'"),
        ("dismiss-sign-ins --force", "invalid option '--force'"),
        ("dismiss-sign-ins --remainig x", "invalid option '--remainig': did you mean --remaining?"),
        ("dismiss-sign-ins --fil x", "invalid option '--fil': did you mean --file or --filter?"),
        ("dismiss-sign-ins --di .", "invalid option '--di'"),
        ("dismiss-sign-ins --dir .", "invalid option '--dir': give --dir to the runtime, before the component"),
        ("dismiss-sign-ins --check", "invalid option '--check': give --check first"),
        ("--check reset", "unknown action 'reset'"),
        ("verify", "verify: expected an action and its log, such as verify dismiss-risky-users --log FILE"),
        ("verify list-sign-ins --log l", "verify: expected an action; got 'list-sign-ins'"),
        ("verify dismiss-risky-agents --log l", "verify: the command cannot list what dismiss-risky-agents acts on"),
        ("dismiss-risky-agents --verify a", "--verify: the command cannot list what dismiss-risky-agents acts on"),
        ("dismiss-risky-agents --level low", "--where: the command cannot list what dismiss-risky-agents acts on"),
        ("dismiss-sign-ins --verify-for 1m a", "--verify-for: is the time of --verify; add --verify"),
        (
            "dismiss-sign-ins --level low a",
            "--where, --level, --state, --older-than and --filter list the ids; other ids need a run of their own",
        ),
        (
            "dismiss-sign-ins --level low --remaining x",
            "--remaining: keeps the ids of a given list; with --where and its like, the same command lists what is still \
             at risk",
        ),
        ("dismiss-sign-ins --level low --label name", "--label: a list has the names in userPrincipalName; got 'name'"),
        ("--check dismiss-sign-ins x", "--check: expected at most one action; got 'x' too"),
        ("--check --json", "--check: invalid option '--json'"),
        ("--check --sign-in password", "--sign-in: expected browser or device-code; got 'password'"),
        (
            "dismiss-sign-ins --client-id app",
            "--client-id: expected the GUID of an app, or graph-command-line-tools; got 'app'",
        ),
        (
            "dismiss-sign-ins --client-id graph-command-line-tools",
            "--client-id: is the app that a person signs in to; add --sign-in",
        ),
        (
            "dismiss-sign-ins --outcome done",
            "--outcome: expected accepted, refused, not-applied or unknown; got 'done'",
        ),
        ("dismiss-sign-ins --max-ids 0", "--max-ids: expected a whole number from 1 to 4294967295; got '0'"),
        ("dismiss-sign-ins --log l --reason=", "--reason: expected 1 to 256 printable characters; got ''"),
        (
            "dismiss-sign-ins --log l --reason a\u{202e}",
            "--reason: expected 1 to 256 printable characters; got 'a\u{202e}'",
        ),
        ("dismiss-sign-ins --reason a", "--reason: is written into the log; add --log"),
        ("dismiss-sign-ins --restart", "--restart: applies to the list of --remaining; add --remaining"),
        (
            "dismiss-sign-ins --column id a",
            "--column: applies to --file and standard input; give ids as arguments in a run of their own",
        ),
        ("dismiss-sign-ins --tenant é", "--tenant: expected 1 to 256 visible ASCII characters; got 'é'"),
        (
            "dismiss-sign-ins --audience http://localhost",
            "--audience: must begin with https://; got 'http://localhost'",
        ),
        ("dismiss-sign-ins --file", "missing argument for option '--file'"),
        ("dismiss-sign-ins --json=yes", "unexpected argument for option '--json': \"yes\""),
        ("dismiss-sign-ins --cloud moon", "--cloud: expected global, us-gov-l4, us-gov-l5 or china; got 'moon'"),
        (
            "dismiss-sign-ins --endpoint a.test",
            "--endpoint: must begin with https:// (or http:// for a loopback host); got 'a.test'",
        ),
        ("dismiss-sign-ins --api-version 2", "--api-version: expected v1.0 or beta; got '2'"),
        (
            "dismiss-risky-users --ids-per-request 61",
            "--ids-per-request: expected a whole number from 1 to 60; got '61'",
        ),
        ("dismiss-sign-ins --max-attempts 0", "--max-attempts: expected a whole number from 1 to 10; got '0'"),
        ("dismiss-sign-ins --deadline 90", "--deadline: expected a time, such as 500ms, 90s, 10m or 2h; got '90'"),
        ("dismiss-sign-ins --deadline 0s", "--deadline: expected a time from 1ms to 1193h; got '0s'"),
        ("dismiss-sign-ins --patience 1194h", "--patience: expected a time from 1ms to 1193h; got '1194h'"),
        ("dismiss-sign-ins --attempt-timeout 11m", "--attempt-timeout: expected at most 10m; got '11m'"),
        (
            "dismiss-sign-ins --rate-limit 100001/1s",
            "--rate-limit: expected a whole number from 1 to 100000; got '100001'",
        ),
        ("dismiss-sign-ins --rate-limit 5", "--rate-limit: expected N/TIME, such as 5/10s; got '5'"),
    ];
    for (line, expected) in cases {
        match command(line) {
            Err(message) => assert_eq!(message, expected, "{line}"),
            Ok(command) => panic!("{line}: {command:?}"),
        }
    }
}

#[test]
fn the_help_lists_every_flag_and_action() {
    let sources = [
        include_str!("../arguments.rs"),
        include_str!("../connection.rs"),
        include_str!("action.rs"),
        include_str!("../selection.rs"),
    ];
    let lines = sources.iter().flat_map(|source| source.lines());
    // Values are indented further or are tuples, and units have one letter.
    let flags = lines.filter_map(|line| {
        let arm = line.strip_prefix("            ")?;
        arm.strip_prefix("    ").unwrap_or(arm).strip_prefix('"')?.split_once("\" => ")
    });
    // `--check` comes first, instead of an action.
    let flags = flags.filter(|(_, value)| !value.starts_with('(')).map(|(flag, _)| flag);
    let flags = flags.filter(|flag| *flag != "check" && flag.len() > 1);
    assert_eq!(option_names().collect::<BTreeSet<_>>(), flags.collect::<BTreeSet<_>>());
    let first_words: Vec<&str> = HELP.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for operation in Operation::all() {
        let name = operation.name();
        assert!(first_words.contains(&&*name) || HELP.contains(&format!(" {name}")), "{name}");
    }
}

#[test]
fn the_help_states_the_defaults_of_the_engine() {
    for (flag, default) in [
        ("--ids-per-request", DEFAULT_IDS_PER_REQUEST.to_string()),
        ("--max-in-flight", DEFAULT_MAX_IN_FLIGHT.to_string()),
        ("--max-attempts", DEFAULT_MAX_ATTEMPTS.to_string()),
        ("--attempt-timeout", format!("{}s", DEFAULT_ATTEMPT_TIMEOUT_MS / 1_000)),
        ("--patience", format!("{}m", DEFAULT_PATIENCE_MS / 60_000)),
    ] {
        let line = HELP.lines().find(|line| line.trim_start().starts_with(flag)).unwrap();
        assert!(line.ends_with(&format!("(default {default})")), "{line}");
    }
}

/// What a host is told of a command line.
fn told(line: &str) -> Value {
    let arguments = line.split_whitespace().map(str::to_owned).collect();
    let (command, files) = parse(arguments).unwrap();
    serde_json::from_str(&needs(&command, &files)).unwrap()
}

#[test]
fn a_host_is_told_which_files_and_which_token_a_command_line_needs() {
    let line = "dismiss-risky-users --file C:\\x\\y.csv --except=../a.txt --file - --remaining left.txt --log l.jsonl \
                --refused r.txt --cloud china --tenant contoso.com --sign-in browser --client-id graph-command-line-tools";
    let china = "https://microsoftgraph.chinacloudapi.cn";
    let expected = json!({
        "files": [
            {"argument": 2, "path": "C:\\x\\y.csv", "access": "read"},
            {"argument": 3, "path": "../a.txt", "access": "read"},
            {"argument": 7, "path": "left.txt", "access": "write"},
            {"argument": 9, "path": "l.jsonl", "access": "write"},
            {"argument": 11, "path": "r.txt", "access": "write"},
        ],
        "remaining": "left.txt", "action": "dismiss-risky-users", "collection": null, "check": false, "signIn": "browser",
        "clientId": "14d82eec-204b-4c2f-b7e8-296a70dab67e", "tenant": "contoso.com", "cloud": "china", "endpoint": china,
        "audience": china, "scopes": ["IdentityRiskyUser.ReadWrite.All"], "credential": true,
    });
    assert_eq!(told(line), expected);
}

#[test]
fn a_host_is_told_whether_a_token_will_be_requested() {
    let cases = [
        ("--help", false, false),
        ("--version", false, false),
        ("dismiss-sign-ins a --dry-run", false, false),
        ("dismiss-sign-ins a --endpoint http://127.0.0.1:80", true, false),
        ("--check", true, true),
        ("--check dismiss-sign-ins", true, true),
        ("list-sign-ins", true, false),
        ("dismiss-sign-ins --level low --dry-run", true, false),
        ("verify dismiss-sign-ins --log l", true, false),
    ];
    for (line, credential, check) in cases {
        let told = told(line);
        assert_eq!((&told["credential"], &told["check"]), (&json!(credential), &json!(check)), "{line}");
    }
    // What permits writing, permits reading.
    let read_and_write = json!(["IdentityRiskyUser.ReadWrite.All"]);
    for line in ["dismiss-risky-users a --verify", "dismiss-risky-users --where a"] {
        let told = told(line);
        assert_eq!((&told["collection"], &told["scopes"]), (&json!("risky-users"), &read_and_write), "{line}");
    }
    assert_eq!(
        told("dismiss-sign-ins --where a")["scopes"],
        json!(["IdentityRiskyUser.ReadWrite.All", "AuditLog.Read.All", "Directory.Read.All"])
    );
    let list = told("verify confirm-sign-ins-safe --log l");
    assert_eq!((&list["action"], &list["collection"]), (&Value::Null, &json!("sign-ins")));
    let read = json!(["AuditLog.Read.All", "Directory.Read.All"]);
    assert_eq!((&list["scopes"], &list["files"][0]["access"]), (&read, &json!("write")));
    assert_eq!(told("list-sign-ins")["scopes"], read);
    assert_eq!(told("--check dismiss-risky-agents")["scopes"], json!(["IdentityRiskyAgent.ReadWrite.All"]));
    assert_eq!(told("--check --endpoint http://127.0.0.1:80")["endpoint"], "http://127.0.0.1");
}
