//! The model of Microsoft Graph: which requests it accepts, how it refuses others, and what it
//! counts.

mod faults;
mod lists;

use std::time::Duration;

use bytes::Bytes;
use graph_model::{Arrival, Behavior, CLAIMS, Fault, FaultKind, Graph, Naming, Request, Response, Service, Settings};
use http::StatusCode;
use uuid::Uuid;

const ID: &str = "04487ee0-f4f6-4e7f-8999-facc5a30e232";
const USERS: &str = "/v1.0/identityProtection/riskyUsers/dismiss";
const SIGN_INS: &str = "/v1.0/auditLogs/signIns/dismiss";

fn graph() -> Graph {
    Graph::new(Settings { token: Some("good".into()), ..Settings::default() })
}

fn request(path: &str, body: &str) -> Request {
    http::Request::post(format!("https://graph.microsoft.com{path}"))
        .header("authorization", "Bearer good-1")
        .header("content-type", "application/json")
        .header("client-request-id", "mine")
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}

fn users(count: usize) -> String {
    let ids: Vec<_> = (0..count).map(|n| format!("\"{}\"", Uuid::from_u128(n as u128))).collect();
    format!(r#"{{"userIds":[{}]}}"#, ids.join(","))
}

#[track_caller]
fn respond(graph: &Graph, at_ms: u64, request: Request) -> Response {
    match graph.serve(Duration::from_millis(at_ms), request).behavior {
        Behavior::Complete(response) => response,
        behavior => panic!("no response: {behavior:?}"),
    }
}

#[track_caller]
fn last(graph: &Graph) -> Arrival {
    graph.arrivals(0).pop().expect("a request")
}

fn code(response: &Response) -> String {
    let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    body["error"]["code"].as_str().unwrap().into()
}

/// The path and the field of every action, in their order.
const ACTIONS: [(&str, &str); 11] = [
    ("auditLogs/signIns/dismiss", "requestIds"),
    ("auditLogs/signIns/confirmSafe", "requestIds"),
    ("auditLogs/signIns/confirmCompromised", "requestIds"),
    ("identityProtection/riskyUsers/dismiss", "userIds"),
    ("identityProtection/riskyUsers/confirmSafe", "userIds"),
    ("identityProtection/riskyUsers/confirmCompromised", "userIds"),
    ("identityProtection/riskyServicePrincipals/dismiss", "servicePrincipalIds"),
    ("identityProtection/riskyServicePrincipals/confirmCompromised", "servicePrincipalIds"),
    ("identityProtection/riskyAgents/dismiss", "agentIds"),
    ("identityProtection/riskyAgents/confirmSafe", "agentIds"),
    ("identityProtection/riskyAgents/confirmCompromised", "agentIds"),
];

#[test]
fn both_versions_have_every_action_but_agents_are_in_beta_only() {
    let graph = graph();
    for (action, (path, field)) in ACTIONS.into_iter().enumerate() {
        let body = format!(r#"{{"{field}":["{ID}"]}}"#);
        let [v1, beta] = ["v1.0", "beta"].map(|version| {
            let at = 60_000 * (2 * action as u64 + u64::from(version == "beta"));
            respond(&graph, at, request(&format!("/{version}/{path}"), &body))
        });
        let is_agent = field == "agentIds";
        assert_eq!((v1.status().as_u16(), beta.status().as_u16()), (if is_agent { 400 } else { 204 }, 204), "{path}");
        assert_eq!(graph.applied()[&(action, ID.parse().unwrap())], if is_agent { 1 } else { 2 });
        if is_agent {
            let body = String::from_utf8_lossy(v1.body()).into_owned();
            assert!(body.contains("Resource not found for the segment 'riskyAgents'."), "{body}");
        }
    }
}

#[test]
fn the_alias_of_users_exists_in_beta_only() {
    let status = |path| respond(&graph(), 0, request(path, &users(1))).status().as_u16();
    assert_eq!(["/beta/riskyUsers/confirmSafe", "/v1.0/riskyUsers/confirmSafe"].map(status), [204, 400]);
}

#[test]
fn sixty_ids_are_the_most_of_every_action_but_those_on_sign_ins() {
    for (path, field) in ACTIONS {
        let status = |count| {
            let body = users(count).replace("userIds", field);
            respond(&graph(), 0, request(&format!("/beta/{path}"), &body)).status().as_u16()
        };
        assert_eq!([60, 61].map(status), [204, if field == "requestIds" { 204 } else { 400 }], "{path}");
    }
}

#[test]
fn service_principals_and_agents_share_the_limit_of_users() {
    let graph = graph();
    let statuses: Vec<u16> = ACTIONS[3..]
        .iter()
        .enumerate()
        .map(|(nth, (path, field))| {
            let body = format!(r#"{{"{field}":["{ID}"]}}"#);
            respond(&graph, 10 * nth as u64, request(&format!("/beta/{path}"), &body)).status().as_u16()
        })
        .collect();
    assert_eq!(statuses, [204, 429, 429, 429, 429, 429, 429, 429]);
}

#[test]
fn an_undocumented_request_is_refused_and_not_applied() {
    let good = users(1);
    let with = |change: fn(&mut Request)| {
        let mut request = request(USERS, &good);
        change(&mut request);
        request
    };
    let body = |body: &str| request(USERS, body);
    let table = [
        (request("/v2.0/auditLogs/signIns/dismiss", &good), 400, "BadRequest"),
        (request("/v1.0/auditLogs/signIns/forget", &good), 400, "BadRequest"),
        (request("/v1.0/riskyUsers/dismiss", &good), 400, "BadRequest"),
        (with(|request| *request.method_mut() = http::Method::GET), 405, "Request_BadRequest"),
        (with(|request| drop(request.headers_mut().remove("authorization"))), 401, "InvalidAuthenticationToken"),
        (
            with(|request| drop(request.headers_mut().insert("authorization", "Bearer bad".parse().unwrap()))),
            401,
            "InvalidAuthenticationToken",
        ),
        (with(|request| drop(request.headers_mut().remove("content-type"))), 415, "RequestBodyRead"),
        (body(""), 400, "BadRequest"),
        (body("[]"), 400, "BadRequest"),
        (body("{}"), 400, "BadRequest"),
        (body(r#"{"userIds":[]}"#), 400, "BadRequest"),
        (body(r#"{"userIds":["04487ee0f4f64e7f8999facc5a30e232"]}"#), 400, "BadRequest"),
        (body(r#"{"userIds":[1]}"#), 400, "BadRequest"),
        (body(&format!(r#"{{"requestIds":["{ID}"]}}"#)), 400, "BadRequest"),
        (body(&format!(r#"{{"userIds":["{ID}"],"comment":""}}"#)), 400, "BadRequest"),
        (body(&users(61)), 400, "BadRequest"),
    ];
    for (index, (request, status, expected)) in table.into_iter().enumerate() {
        let graph = graph();
        let response = respond(&graph, 0, request);
        assert_eq!((response.status().as_u16(), code(&response).as_str()), (status, expected), "row {index}");
        assert!(graph.applied().is_empty(), "row {index}");
    }
}

#[test]
fn an_absent_id_refuses_the_whole_request() {
    let absent = [Uuid::from_u128(1)].into();
    let graph = Graph::new(Settings { absent, ..Settings::default() });
    let response = respond(&graph, 0, request(USERS, &users(2)));
    assert_eq!((response.status(), code(&response).as_str()), (StatusCode::NOT_FOUND, "Request_ResourceNotFound"));
    assert!(graph.applied().is_empty());
}

#[test]
fn a_refusal_names_the_ids_that_its_setting_says() {
    let [good, bad, worse] = [0, 1, 2].map(Uuid::from_u128);
    for (naming, named) in [
        (Naming::First, vec![bad]),
        (Naming::All, vec![bad, worse]),
        (Naming::None, vec![]),
        (Naming::Wrong, vec![good]),
        (Naming::Echo, vec![good, bad, worse]),
    ] {
        let graph = Graph::new(Settings { absent: [bad, worse].into(), naming, ..Settings::default() });
        let refusal = respond(&graph, 0, request(USERS, &users(3)));
        let body = String::from_utf8_lossy(refusal.body()).into_owned();
        let found: Vec<Uuid> = [good, bad, worse].into_iter().filter(|id| body.contains(&id.to_string())).collect();
        assert_eq!((refusal.status(), found), (StatusCode::NOT_FOUND, named), "{naming:?}");
    }
}

#[test]
fn a_response_has_the_format_of_microsoft_graph() {
    let refused = respond(&graph(), 0, request(USERS, ""));
    let header = |name: &str| refused.headers()[name].to_str().unwrap().to_owned();
    let body: serde_json::Value = serde_json::from_slice(refused.body()).unwrap();
    let inner = &body["error"]["innerError"];
    assert_eq!(
        (inner["request-id"].as_str().unwrap(), header("client-request-id").as_str()),
        (&*header("request-id"), "mine")
    );
    assert_eq!(
        (header("date").as_str(), &inner["date"]),
        ("Fri, 15 Jan 2027 08:00:00 GMT", &"2027-01-15T08:00:00".into())
    );
}

#[test]
fn users_limit_is_one_request_per_second_and_counts_refused_requests() {
    let graph = graph();
    let status = |at| respond(&graph, at, request(USERS, &users(1))).status().as_u16();
    assert_eq!([0, 999, 1_500, 2_499, 3_499, 4_499].map(status), [204, 429, 429, 429, 204, 204]);
    let refused = respond(&graph, 5_000, request(USERS, &users(1)));
    assert_eq!((code(&refused).as_str(), refused.headers().get("retry-after")), ("TooManyRequests", None));
}

#[test]
fn sign_ins_limit_is_five_requests_per_ten_seconds_with_retry_after() {
    let graph = graph();
    let send = |at| respond(&graph, at, request(SIGN_INS, &format!(r#"{{"requestIds":["{ID}"]}}"#)));
    for at in [0, 1_000, 2_000, 3_000, 4_000] {
        assert_eq!(send(at).status(), 204);
    }
    let refused = send(4_500);
    // The sixth counts: a request is accepted once the second leaves the window.
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"7".parse().unwrap()));
    assert_eq!(send(11_500).status(), 204);
    assert_eq!(respond(&graph, 4_500, request(USERS, &users(1))).status(), 204, "users have their own limit");
}

#[test]
fn a_revoked_token_stays_invalid_and_a_new_one_is_valid() {
    for (kind, claims) in [(FaultKind::Expired, false), (FaultKind::Challenged, true)] {
        let graph = graph();
        graph.plan([Some(Fault::of(kind))]);
        for at in [0, 1_000] {
            let refused = respond(&graph, at, request(USERS, &users(1)));
            let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
            assert_eq!((refused.status().as_u16(), challenge.contains("insufficient_claims")), (401, claims));
        }
        let mut fresh = request(USERS, &users(1));
        fresh.headers_mut().insert("authorization", "Bearer good-2".parse().unwrap());
        assert_eq!(respond(&graph, 2_000, fresh).status(), 204);
    }
    assert!(serde_json::from_str::<serde_json::Value>(CLAIMS).is_ok());
}

#[test]
fn an_applied_id_is_refused_if_it_is_no_longer_at_risk() {
    for (refuses_applied, expected) in [(false, 204), (true, 404)] {
        let graph = Graph::new(Settings { refuses_applied, ..Settings::default() });
        graph.plan([Some(Fault::of(FaultKind::ServerError).applied())]);
        let mut status = [0, 1_000].map(|at| respond(&graph, at, request(USERS, &users(1))).status().as_u16());
        assert_eq!(status, [503, expected]);
        // The others are not affected.
        status[1] = respond(&graph, 2_000, request(SIGN_INS, &format!(r#"{{"requestIds":["{ID}"]}}"#))).status().into();
        assert_eq!(status, [503, 204]);
    }
}

#[test]
fn tokens_are_recorded_by_number() {
    let graph = graph();
    for (at, token) in [(0, "good-1"), (1_000, "good-2"), (2_000, "good-1")] {
        let mut request = request(USERS, &users(1));
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        respond(&graph, at, request);
    }
    assert_eq!(graph.arrivals(0).iter().map(|arrival| arrival.token).collect::<Vec<_>>(), [Some(0), Some(1), Some(0)]);
}
