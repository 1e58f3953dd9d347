//! Requests without a key, which anybody can send: what they cost the gateway, and what they leave
//! in its log.

use std::sync::OnceLock;
use std::time::Duration;

use host_test::host::Host;
use host_test::script::{Script, accepted};
use http::{HeaderName, Method};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::time::advance;
use wasmtime::component::{Component, InstancePre};
use wasmtime::{Config, Engine};

use crate::compositions::{file, link};
use crate::gateway_call::{Body, Call, KEY, Rest, USERS, id, users};
use crate::gateway_instance::{HangUp, Instance, with_event};

/// The maximum number of instructions that a request without a key takes in addition to those of an
/// empty one.
const MAX_FUEL: u64 = 2_000_000;

/// The maximum bytes of the head of a request, and the maximum number of its headers. Source: those
/// of hyper, with which wasmtime receives requests.
const MAX_HEAD_BYTES: usize = 8_192 + 4_096 * 100;
const MAX_HEADERS: usize = 100;

/// The maximum bytes of a path. Source: the `http` crate permits 65,534 for the whole address.
const MAX_PATH_BYTES: usize = 65_000;

/// The gateway in an engine that counts instructions.
fn counting_gateway() -> &'static InstancePre<Host> {
    static GATEWAY: OnceLock<InstancePre<Host>> = OnceLock::new();
    GATEWAY.get_or_init(|| {
        let engine = Engine::new(Config::new().consume_fuel(true)).unwrap();
        link(&Component::from_file(&engine, file("entra-risk-gateway")).unwrap()).unwrap()
    })
}

type Headers = Vec<(&'static str, Vec<u8>)>;

/// The fuel of a request in an instance of its own, and the status of the response.
async fn cost(method: &Method, path: &str, headers: &Headers) -> (u64, u16) {
    cost_with(&[], method, path, headers).await
}

/// The fuel of a request to a gateway with these variables in addition to its key.
async fn cost_with(variables: &[(&'static str, String)], method: &Method, path: &str, headers: &Headers) -> (u64, u16) {
    let environment = variables.iter().cloned().chain([("GATEWAY_KEY", KEY.to_owned())]);
    let mut instance = Instance::new(counting_gateway(), environment, Script::at_once([]), 1 << 24).await;
    let before = instance.fuel();
    let mut request = http::Request::builder().method(method).uri(format!("http://gateway.test{path}"));
    for (name, value) in headers {
        request = request.header(HeaderName::from_static(name), value.as_slice());
    }
    let body = Body { parts: Vec::new(), rest: Rest::End };
    let response = instance.respond(request.body(body).unwrap(), HangUp::Never).await.expect("a response");
    (instance.fuel() - before, response.status().as_u16())
}

const NAMES: [&str; 13] = [
    "authorization",
    "x-api-key",
    "x-request-id",
    "content-type",
    "content-encoding",
    "content-length",
    "cookie",
    "prefer",
    "x-reason",
    "accept",
    "origin",
    "mcp-method",
    "x-other",
];

/// What a value consists of.
const PATTERNS: [&str; 8] = ["a", "Bearer ", "Bearer a", " ", "a ", "key-canary-", ",;=\"", "-"];

/// A value of this length.
fn value(pattern: &str, length: usize) -> Vec<u8> {
    pattern.bytes().cycle().take(length).collect()
}

/// Requests with one header and with all that fit, short and long.
fn planned() -> Vec<Headers> {
    let mut requests = Vec::new();
    for name in NAMES {
        for pattern in PATTERNS {
            for (count, length) in [(1, 1_031), (1, MAX_HEAD_BYTES), (2, 1_024), (MAX_HEADERS, 4_000)] {
                requests.push((0..count).map(|_| (name, value(pattern, length))).collect());
            }
        }
    }
    // A long id, in which many keys could be searched.
    for (keys, length) in [(45, 4_000), (99, 1_024), (99, 1)] {
        let id = ("x-request-id", value("a", 200_000));
        let keys = (0..keys).map(|_| ("authorization", value("Bearer a", length)));
        requests.push(std::iter::once(id).chain(keys).collect());
    }
    // The longest values that are looked at.
    let id = ("x-request-id", value("x", 64));
    for (name, pattern, length) in [
        ("x-api-key", "x", 1_024),
        ("x-api-key", " ", 1_024),
        ("authorization", "Bearer ", 1_031),
        ("authorization", "x", 31),
        ("authorization", "x", 16),
    ] {
        requests.push(vec![id.clone(), (name, value(pattern, length))]);
    }
    let half = [value("x", 31), b"y".to_vec()].concat();
    requests.push(vec![id, ("authorization", half)]);
    requests
}

/// A request with random headers, as many and as long as they may be.
fn drawn(random: &mut StdRng) -> Headers {
    let (mut left, mut headers) = (MAX_HEAD_BYTES, Vec::new());
    let typical = 1 << random.random_range(0..19);
    for _ in 0..random.random_range(0..=MAX_HEADERS) {
        let length = random.random_range(0..=typical).min(left);
        left -= length;
        let pattern = PATTERNS[random.random_range(0..PATTERNS.len())];
        headers.push((NAMES[random.random_range(0..NAMES.len())], value(pattern, length)));
    }
    headers
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_key_costs_little_more_than_an_empty_one() {
    let random = &mut StdRng::seed_from_u64(7);
    let (mut worst, mut count) = (0, 0);
    let long = ["a", "?", "/auditLogs", "%C3%A9"].map(|part| format!("/{}", part.repeat(MAX_PATH_BYTES / part.len())));
    for path in ["/", USERS, "/mcp", "/readyz", "/healthz", "/openapi.yaml"].map(str::to_owned).into_iter().chain(long)
    {
        for method in [Method::GET, Method::POST] {
            let empty = if path.len() > 100 { "/" } else { &path };
            let (least, _) = cost(&method, empty, &Headers::new()).await;
            let mut requests = if path == USERS && method == Method::POST { planned() } else { vec![Headers::new()] };
            requests.extend((0..10).map(|_| drawn(random)));
            for headers in requests {
                let (fuel, status) = cost(&method, &path, &headers).await;
                let more = fuel.saturating_sub(least);
                let lengths: Vec<_> = headers.iter().map(|(name, value)| (name, value.len())).collect();
                assert!(more <= MAX_FUEL, "{more} more than {least}: {method} {path:.40} {lengths:?}");
                assert!([200, 401, 405].contains(&status), "{status}");
                (worst, count) = (worst.max(more), count + 1);
            }
        }
    }
    println!("{count} requests, each at most {worst} units of fuel more than an empty one");
}

/// The longest list that fits into a variable of Linux, 128 KiB.
#[tokio::test(start_paused = true)]
async fn a_request_without_a_key_costs_little_however_many_ids_are_protected() {
    let list = ("ENTRA_RISK_PROTECTED", (0..3_540).map(id).collect::<Vec<_>>().join(","));
    for path in [USERS, "/healthz", "/openapi.yaml"] {
        let (method, headers) = (if path == USERS { Method::POST } else { Method::GET }, Headers::new());
        let (without, _) = cost(&method, path, &headers).await;
        let (with, status) = cost_with(std::slice::from_ref(&list), &method, path, &headers).await;
        let more = with.saturating_sub(without);
        println!("{path}, {status}: {more} units of fuel more than without protected ids");
        assert!(more <= MAX_FUEL, "{more} more than {without}: {path}");
    }
}

/// Each of the values would be valid alone.
#[tokio::test(start_paused = true)]
async fn more_than_one_value_is_unauthorized() {
    let bearer = format!("Bearer {KEY}");
    let several = [
        [("x-api-key", KEY), ("x-api-key", KEY)],
        [("authorization", bearer.as_str()), ("x-api-key", KEY)],
        [("authorization", bearer.as_str()), ("authorization", bearer.as_str())],
        [("authorization", "Basic a2V5"), ("x-api-key", KEY)],
        [("x-api-key", ""), ("authorization", bearer.as_str())],
    ];
    for headers in several {
        let mut call = Call::new(USERS, users(0..1)).header("x-api-key", None);
        call.headers.extend(headers.map(|(name, value)| (name, value.to_owned())));
        call.send([]).await.is_error(401, "unauthorized");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_has_at_most_1024_bytes() {
    let [longest, longer] = [1_024, 1_025].map(|length| "k".repeat(length));
    let call = |key: &str| {
        let call = Call::new(USERS, users(0..1)).variable("GATEWAY_KEY", key).header("x-api-key", None);
        call.header("authorization", Some(&format!("Bearer {key}")))
    };
    assert_eq!(call(&longest).send([accepted()]).await.status, 200);
    call(&longer).send([]).await.is_error(500, "misconfigured");
}

#[tokio::test(start_paused = true)]
async fn an_instance_logs_a_few_requests_without_a_key_in_a_second_and_counts_the_others() {
    let call = || Call::new(USERS, users(0..1)).header("x-api-key", Some("wrong"));
    let mut instance = call().instance(Script::at_once([accepted()])).await;
    let log = instance.log();
    for _ in 0..3 {
        for _ in 0..100 {
            let response = instance.respond(call().request(), HangUp::Never).await.expect("a response");
            assert_eq!(response.status(), 401);
        }
        advance(Duration::from_secs(1)).await;
    }
    // A request with a key is logged in any case, after the count.
    let response = instance.respond(Call::new(USERS, users(0..1)).request(), HangUp::Never).await.expect("a response");
    assert_eq!(response.status(), 200);
    assert_eq!(log.lines().len(), 15 + 3 + 3);
    // The line that counts the last ones also shows `/readyz` that the log can be written.
    for _ in 0..6 {
        instance.respond(call().request(), HangUp::Never).await.expect("a response");
    }
    advance(Duration::from_secs(10)).await;
    let readiness = Call { method: Method::GET, ..Call::new("/readyz", String::new()) };
    assert_eq!(instance.respond(readiness.request(), HangUp::Never).await.expect("a response").status(), 200);
    let lines = log.lines();
    assert_eq!(
        (&lines[lines.len() - 1]["event"], &lines[lines.len() - 1]["requests"]),
        (&json!("left-out"), &json!(1))
    );
    let left_out: u64 = with_event(&lines, "left-out").iter().map(|line| line["requests"].as_u64().unwrap()).sum();
    let rejected = with_event(&lines, "request").iter().filter(|line| line["status"] == 401).count();
    assert_eq!((rejected, left_out), (20, 286));
}
