//! Arguments. With an invalid one, nothing is sent, no token is requested, and the message names
//! the argument.

use std::time::Duration;

use host_test::bindings::actions::{ErrorKind, Options, RateLimit};
use host_test::checked_call::CheckedCall;
use host_test::plugin::{Action, Plugin};
use host_test::script::{Script, accepted};

const SIGN_INS: [Action; 3] = [Action::DismissSignIns, Action::ConfirmSignInsSafe, Action::ConfirmSignInsCompromised];

const ID: &str = "29f270bb-4d23-4f68-8a57-dc73dc0d4caf";

/// Asserts that a call is rejected with a message that contains all of `parts`. `CheckedCall`
/// checks that nothing was sent, no token requested and no batch reported.
#[track_caller]
fn assert_invalid(call: &CheckedCall, parts: &[&str]) {
    let text = call.message(ErrorKind::InvalidArgument);
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

/// A value as messages show it: on one line, without control characters.
fn shown(value: &str) -> String {
    let shown = value.replace(char::is_whitespace, " ").replace(char::is_control, "\u{fffd}");
    format!("\"{shown}\"")
}

#[tokio::test(start_paused = true)]
async fn an_invalid_id_is_reported_with_its_position() {
    let wrong = [
        "",
        " ",
        "user@example.com",
        "29f270bb4d234f688a57dc73dc0d4caf",
        "{29f270bb-4d23-4f68-8a57-dc73dc0d4caf}",
        "urn:uuid:29f270bb-4d23-4f68-8a57-dc73dc0d4caf",
        "29f270bb-4d23-4f68-8a57-dc73dc0d4ca",
        "29f270bb-4d23-4f68-8a57-dc73dc0d4caf0",
        "29f270bb-4d23-4f68-8a57-dc73dc0d4cag",
        "29f270bb-4d23-4f688-a57-dc73dc0d4caf",
        " 29f270bb-4d23-4f68-8a57-dc73dc0d4caf",
        "29f270bb-4d23-4f68-8a57-dc73dc0d4ca\u{e9}",
        "29f270bb-4d23-4f68-8a57-\"],\"x\":[\"af",
        "\0",
        "00000000-0000-0000-0000-000000000000",
    ];
    for action in Action::FUNCTIONS {
        let parameter = if action == Action::DismissRiskyUsers { "user-ids[1]" } else { "request-ids[1]" };
        for id in wrong {
            let call = CheckedCall::scripted(action, &[ID, id], Options::default(), []).await;
            assert_invalid(&call, &[parameter, &shown(id)]);
        }
    }
    for action in Action::ALL {
        for id in wrong {
            let plugin = Plugin::before(Script::new([])).await;
            let call = CheckedCall::driven(plugin, action, &[ID, id], Options::default(), None).await;
            assert_invalid(&call, &[&shown(id)]);
            let text = call.message(ErrorKind::InvalidArgument);
            assert!(text.starts_with("ids[1]"), "{action:?}: {text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_is_a_success_without_batches_and_tokens() {
    for action in Action::ALL {
        let options = Options::default;
        let driven = CheckedCall::driven::<&str>(Plugin::before(Script::new([])).await, action, &[], options(), None);
        for call in [driven.await, CheckedCall::scripted::<&str>(action, &[], options(), []).await] {
            assert_eq!(call.accepted(), [], "{action:?}");
            assert_eq!((call.token_requests.len(), call.elapsed), (0, Duration::ZERO), "{action:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_does_not_excuse_a_wrong_option() {
    let options = Options { max_in_flight: Some(0), ..Options::default() };
    let call = CheckedCall::scripted::<&str>(Action::DismissSignIns, &[], options, []).await;
    assert_invalid(&call, &["options.max-in-flight"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_id_is_shortened_in_the_message() {
    let call = CheckedCall::scripted(Action::DismissSignIns, &["x".repeat(1_000_000)], Options::default(), []).await;
    let text = call.message(ErrorKind::InvalidArgument);
    assert!(text.len() < 300, "{} bytes", text.len());
}

#[tokio::test(start_paused = true)]
async fn an_option_out_of_range_is_reported_with_its_range() {
    type Set = fn(&mut Options, u32);
    let options: &[(&str, Set, &[u32], &[u32])] = &[
        ("options.ids-per-request", |o, n| o.ids_per_request = Some(n), &[0, 61, u32::MAX], &[1, 60]),
        ("options.max-in-flight", |o, n| o.max_in_flight = Some(n), &[0, 33, u32::MAX], &[1, 32]),
        ("options.max-attempts", |o, n| o.max_attempts = Some(n), &[0, 11, u32::MAX], &[1, 10]),
        ("options.attempt-timeout-ms", |o, n| o.attempt_timeout_ms = Some(n), &[0, 600_001], &[1, 600_000]),
        ("options.deadline-ms", |o, n| o.deadline_ms = Some(n), &[0], &[1, u32::MAX]),
        ("options.patience-ms", |o, n| o.patience_ms = Some(n), &[0], &[1, u32::MAX]),
        (
            "options.rate-limit.requests",
            |o, n| o.rate_limit = Some(RateLimit { requests: n, window_ms: 1 }),
            &[0, 100_001, u32::MAX],
            &[1, 100_000],
        ),
        (
            "options.rate-limit.window-ms",
            |o, n| o.rate_limit = Some(RateLimit { requests: 1, window_ms: n }),
            &[0],
            &[1, u32::MAX],
        ),
    ];
    for (name, set, wrong, right) in options {
        for n in *wrong {
            for action in Action::ALL.into_iter().filter(|action| !SIGN_INS.contains(action)) {
                let mut options = Options::default();
                set(&mut options, *n);
                let call = CheckedCall::scripted(action, &[ID], options, []).await;
                assert_invalid(&call, &[name, &format!(": {n}: ")]);
            }
        }
        for n in *right {
            let mut options = Options::default();
            set(&mut options, *n);
            let call = CheckedCall::scripted(Action::DismissRiskyUsers, &[ID], options, [accepted()]).await;
            assert!(call.result.is_ok(), "{name}: {n}: {call:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn sign_ins_allow_ten_thousand_ids_per_request() {
    for action in SIGN_INS {
        let options = |n| Options { ids_per_request: Some(n), ..Options::default() };
        assert!(CheckedCall::scripted(action, &[ID], options(10_000), [accepted()]).await.result.is_ok());
        let call = CheckedCall::scripted(action, &[ID], options(10_001), []).await;
        assert_invalid(&call, &["options.ids-per-request", "10001"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_https_or_loopback_without_path() {
    let right = [
        "https://graph.microsoft.com",
        "https://gateway.example:8443",
        "https://10.0.0.1",
        "http://localhost",
        "http://localhost:8080",
        "http://127.0.0.1:1",
        "http://127.255.0.3",
        "http://[::1]:65535",
    ];
    for endpoint in right {
        let options = Options { endpoint: Some(endpoint.into()), ..Options::default() };
        let call = CheckedCall::scripted(Action::DismissSignIns, &[ID], options, [accepted()]).await;
        assert!(call.result.is_ok(), "{endpoint}: {call:#?}");
    }
    let wrong = [
        "",
        "graph.microsoft.com",
        "https://",
        "https:///",
        "https://graph.microsoft.com/",
        "https://graph.microsoft.com/v1.0",
        "https://graph.microsoft.com?a=b",
        "https://graph.microsoft.com#a",
        "https://user@graph.microsoft.com",
        "https://user:password@graph.microsoft.com",
        "https://graph.microsoft.com:",
        "https://graph.microsoft.com:0",
        "https://graph.microsoft.com:65536",
        "https://graph.microsoft.com:+1",
        "https://graph.microsoft.com ",
        " https://graph.microsoft.com",
        "https://graph microsoft.com",
        "https://graph.microsoft.com\r\nx: y",
        "https://graph.micr\u{f6}soft.com",
        "https://%67raph.microsoft.com",
        "https://-.example",
        "https://a..b",
        "https://[::1",
        "https://[localhost]",
        "HTTPS://graph.microsoft.com:1:2",
        "ftp://localhost",
        "http://graph.microsoft.com",
        "http://10.0.0.1",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://[2001:db8::1]",
        "http://0.0.0.0",
    ];
    for endpoint in wrong {
        let options = Options { endpoint: Some(endpoint.into()), ..Options::default() };
        let call = CheckedCall::scripted(Action::DismissSignIns, &[ID], options, []).await;
        assert_invalid(&call, &["options.endpoint", &shown(endpoint)]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_audience_is_https_without_path() {
    for (audience, is_valid) in [
        ("https://graph.example", true),
        ("https://graph.example:8443", true),
        ("http://localhost", false),
        ("https://graph.example/", false),
        ("https://graph.example/.default", false),
        ("00000003-0000-0000-c000-000000000000", false),
        ("", false),
    ] {
        let options = Options { audience: Some(audience.into()), ..Options::default() };
        let call = CheckedCall::scripted(Action::DismissSignIns, &[ID], options, is_valid.then(accepted)).await;
        if is_valid {
            assert_eq!(call.token_requests[0].audience, audience);
        } else {
            assert_invalid(&call, &["options.audience", &shown(audience)]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_is_visible_ascii() {
    let longest = "x".repeat(256);
    for (tenant, is_valid) in [
        ("contoso.example", true),
        (&*longest, true),
        ("", false),
        ("a b", false),
        ("a\n", false),
        ("\u{fc}", false),
        (&"x".repeat(257), false),
    ] {
        let options = Options { tenant: Some(tenant.into()), ..Options::default() };
        let call = CheckedCall::scripted(Action::DismissSignIns, &[ID], options, is_valid.then(accepted)).await;
        if is_valid {
            assert_eq!(call.token_requests[0].tenant.as_deref(), Some(tenant));
        } else {
            assert_invalid(&call, &["options.tenant", "1 to 256 visible ASCII characters"]);
        }
    }
}
