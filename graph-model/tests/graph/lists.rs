//! Lists: their pages, what they refuse, and what becomes of their entries after an action.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use graph_model::{Collection, Entry, Fault, FaultKind, Graph, Request, Response, RetryAfter, Settings};
use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use crate::{USERS, code, last, request, respond, users};

const LIST: &str = "/v1.0/identityProtection/riskyUsers";
const AT_RISK: &str = "?%24filter=riskState+eq+%27atRisk%27";

fn get(target: &str) -> Request {
    let target = if target.starts_with('/') { format!("https://graph.microsoft.com{target}") } else { target.into() };
    http::Request::get(target).header("authorization", "Bearer good-1").body(Bytes::new()).unwrap()
}

/// A service with as many entries in each collection.
fn listing(count: usize) -> Settings {
    let settings = Settings::default();
    let entries = Collection::ALL.map(|collection| (collection, Entry::many(collection, count, settings.epoch)));
    Settings { token: Some("good".into()), entries: entries.into(), ..settings }
}

fn json(response: &Response) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

fn ids(page: &Value) -> Vec<Uuid> {
    page["value"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().parse().unwrap()).collect()
}

/// The pages of a list, a second after the other, from `at` on.
#[track_caller]
fn pages(graph: &Graph, mut at: u64, target: &str) -> Vec<Value> {
    let mut pages = vec![json(&respond(graph, at * 1_000, get(target)))];
    while let Some(link) = pages[pages.len() - 1]["@odata.nextLink"].as_str() {
        at += 1;
        let next = respond(graph, at * 1_000, get(link));
        assert_eq!(next.status(), 200, "{link}: {:?}", next.body());
        pages.push(json(&next));
    }
    pages
}

/// Sets how a user, by number, changes.
fn set(settings: &mut Settings, number: u128, change: impl Fn(&mut Entry)) {
    let users = settings.entries.get_mut(&Collection::RiskyUsers).unwrap();
    users.iter_mut().filter(|user| user.id == Uuid::from_u128(number)).for_each(change);
}

/// The states of users 1 and 2, and whether they are being processed.
fn states(graph: &Graph, at: u64) -> Vec<(String, bool)> {
    let mut page = json(&respond(graph, at * 1_000, get(LIST)));
    let users = page["value"].as_array_mut().unwrap();
    users.sort_by_key(|user| user["id"].as_str().unwrap().to_owned());
    let state = |user: &Value| (user["riskState"].as_str().unwrap().to_owned(), user["isProcessing"] == true);
    users.iter().map(state).collect()
}

#[test]
fn pages_contain_every_entry_once_and_in_no_order() {
    for (collection, size) in Collection::ALL.into_iter().zip([500, 1_000, 500]) {
        let graph = Graph::new(listing(1_001));
        let pages: Vec<Value> = pages(&graph, 0, &format!("/v1.0/{}?$top={size}", collection.path()));
        let listed: Vec<Uuid> = pages.iter().flat_map(ids).collect();
        assert_eq!(pages.iter().map(|page| ids(page).len()).max(), Some(size), "{collection:?}");
        assert_eq!((listed.len(), listed.iter().collect::<BTreeSet<_>>().len()), (1_001, 1_001), "{collection:?}");
        assert!(!listed.is_sorted(), "{collection:?}");
        assert_eq!((last(&graph).list, last(&graph).ids.len()), (Some(collection), 1), "{collection:?}");
    }
}

#[test]
fn a_next_link_is_absolute_and_keeps_the_options() {
    let graph = Graph::new(Settings { link_root: Some("https://graph.microsoft.us".into()), ..listing(30) });
    let page = json(&respond(&graph, 0, get(&format!("/beta/identityProtection/riskyUsers{AT_RISK}&$top=7"))));
    let link = page["@odata.nextLink"].as_str().unwrap();
    let root = "https://graph.microsoft.us/beta/identityProtection/riskyUsers";
    assert!(link.starts_with(&format!("{root}{AT_RISK}&%24top=7&%24skiptoken=")), "{link}");
    // What the token belongs to cannot be changed.
    let changed = [link.replace("atRisk", "none"), link.replace("top=7", "top=8"), link.replace("%2B", "+")];
    for (changed, at) in changed.into_iter().zip([1_000, 2_000, 3_000]) {
        assert_eq!(code(&respond(&graph, at, get(&changed))), "BadRequest", "{changed}");
    }
}

#[test]
fn a_filter_selects_entries_and_select_properties() {
    let target = format!("{LIST}?$filter=riskLevel%20eq%20'low'&$select=id,riskLevel&$top=500");
    let page = json(&respond(&Graph::new(listing(30)), 0, get(&target)));
    let users = page["value"].as_array().unwrap();
    assert_eq!(users.len(), 10);
    assert!(users.iter().all(|user| user["riskLevel"] == "low" && user.as_object().unwrap().len() == 2), "{users:?}");
}

#[test]
fn empty_pages_come_before_each_page() {
    let graph = Graph::new(Settings { empty_pages: 2, ..listing(30) });
    let sizes: Vec<usize> = pages(&graph, 0, LIST).iter().map(|page| ids(page).len()).collect();
    assert_eq!(sizes, [0, 0, 20, 0, 0, 10]);
    let none: Vec<usize> = pages(&graph, 60, &format!("{LIST}?$filter=riskState%20eq%20'none'"))
        .iter()
        .map(|page| ids(page).len())
        .collect();
    assert_eq!(none, [0, 0, 0]);
}

#[test]
fn a_list_whose_pages_shift_misses_an_entry_when_another_changes() {
    for pages_shift in [false, true] {
        let graph = Graph::new(Settings { pages_shift, ..listing(30) });
        let first = json(&respond(&graph, 0, get(&format!("{LIST}{AT_RISK}"))));
        let dismissed = ids(&first)[0];
        assert_eq!(respond(&graph, 1_000, request(USERS, &format!(r#"{{"userIds":["{dismissed}"]}}"#))).status(), 204);
        let link = first["@odata.nextLink"].as_str().unwrap();
        let rest: usize = pages(&graph, 2, link).iter().map(|page| ids(page).len()).sum();
        assert_eq!(rest, if pages_shift { 9 } else { 10 });
        let again: usize = pages(&graph, 4, &format!("{LIST}{AT_RISK}")).iter().map(|page| ids(page).len()).sum();
        assert_eq!(again, 29);
    }
}

#[test]
fn what_lists_do_not_support_is_rejected() {
    for query in [
        "$top=501",
        "$top=0",
        "$top=many",
        "$top=1&$top=1",
        "$orderby=riskLevel",
        "$count=true",
        "$select=id,secret",
        "$filter=riskLevel%20eq%20high",
        "$skiptoken=1",
    ] {
        let refused = respond(&Graph::new(listing(1)), 0, get(&format!("{LIST}?{query}")));
        assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (400, "BadRequest"), "{query}");
    }
    let sent = request(LIST, &users(1));
    let refused = respond(&Graph::new(listing(1)), 0, sent);
    assert_eq!((refused.status().as_u16(), &refused.headers()["allow"]), (405, &"GET".parse().unwrap()));
}

#[test]
fn reading_counts_against_the_limit_of_the_actions() {
    let graph = Graph::new(listing(1));
    let status = |at, request| respond(&graph, at, request).status().as_u16();
    assert_eq!([status(0, get(LIST)), status(10, request(USERS, &users(1)))], [200, 429]);
    let service_principals = "/v1.0/identityProtection/riskyServicePrincipals";
    assert_eq!([status(2_000, request(USERS, &users(1))), status(2_010, get(service_principals))], [204, 429]);
    let sign_ins: Vec<u16> = (0..6).map(|n| status(10_000 + n, get("/v1.0/auditLogs/signIns"))).collect();
    assert_eq!(sign_ins, [200, 200, 200, 200, 200, 429]);
}

#[test]
fn permissions_to_read_and_to_write_are_separate() {
    let graph =
        Graph::new(Settings { read_permission: Some("-r".into()), write_permission: Some("w-".into()), ..listing(1) });
    let mut at = 0;
    let mut statuses = |token: &str| {
        [get(LIST), request(USERS, &users(1))].map(|mut request| {
            at += 2_000;
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
            respond(&graph, at, request).status().as_u16()
        })
    };
    assert_eq!(
        ["good-r", "goodw-", "goodw-r", "good", "bad"].map(&mut statuses),
        [[200, 403], [403, 204], [200, 204], [403, 403], [401, 401]]
    );
}

#[test]
fn a_state_changes_later_than_the_action_is_accepted() {
    let mut settings = listing(2);
    set(&mut settings, 1, |user| user.changes_after = Some(Duration::from_secs(60)));
    set(&mut settings, 2, |user| user.changes_after = None);
    let graph = Graph::new(settings);
    let at_risk = ("atRisk".to_owned(), false);
    assert_eq!(states(&graph, 0), [at_risk.clone(), at_risk.clone()]);
    let body = format!(r#"{{"userIds":["{}","{}"]}}"#, Uuid::from_u128(1), Uuid::from_u128(2));
    assert_eq!(respond(&graph, 10_000, request(USERS, &body)).status(), 204);
    assert_eq!(states(&graph, 68), [("atRisk".to_owned(), true), at_risk.clone()]);
    // Repeating the action does not begin the time anew.
    assert_eq!(respond(&graph, 69_500, request(USERS, &body)).status(), 204);
    assert_eq!(states(&graph, 71), [("dismissed".to_owned(), false), at_risk]);
    let changed = graph.entries(Collection::RiskyUsers, Duration::from_secs(71));
    let changed = changed.iter().find(|user| user.id == Uuid::from_u128(1)).unwrap();
    assert_eq!(
        (changed.level.as_str(), changed.detail.as_str(), changed.last_updated.as_str()),
        ("none", "adminDismissedAllRiskForUser", "2027-01-15T08:01:10Z")
    );
}

#[test]
fn an_action_that_was_applied_before_a_fault_changes_the_state() {
    for (is_applied, expected) in [(true, "confirmedCompromised"), (false, "atRisk")] {
        let graph = Graph::new(listing(1));
        graph.plan([Some(Fault { applied: is_applied, ..Fault::of(FaultKind::ServerError) })]);
        let body = format!(r#"{{"userIds":["{}"]}}"#, Uuid::from_u128(1));
        respond(&graph, 0, request("/v1.0/identityProtection/riskyUsers/confirmCompromised", &body));
        assert_eq!(states(&graph, 2), [(expected.to_owned(), false)]);
    }
}

#[test]
fn actions_refuse_deleted_users() {
    let mut settings = listing(2);
    set(&mut settings, 2, |user| user.is_deleted = true);
    let graph = Graph::new(settings);
    let body = |number| format!(r#"{{"userIds":["{}"]}}"#, Uuid::from_u128(number));
    let status = |at, number| respond(&graph, at, request(USERS, &body(number))).status().as_u16();
    assert_eq!([status(0, 1), status(2_000, 2)], [204, 404]);
}

#[test]
fn a_fault_meets_a_list_and_a_part_of_a_page_is_no_page() {
    let graph = Graph::new(listing(1));
    let plan = |fault: Fault| graph.plan([Some(fault)]);
    plan(Fault::of(FaultKind::ServerError).applied().retry_after(RetryAfter::Seconds(3)));
    assert_eq!(respond(&graph, 0, get(LIST)).status(), 503);
    assert!(!last(&graph).applied && last(&graph).ids.is_empty());
    plan(Fault { status: StatusCode::OK, ..Fault::of(FaultKind::Truncated) });
    let reply = graph_model::Service::serve(&graph, Duration::from_secs(2), get(LIST));
    let graph_model::Behavior::Truncated(part) = reply.behavior else { panic!("{reply:?}") };
    assert!(part.body().starts_with(br#"{"@odata.context""#) && !part.body().ends_with(b"}"), "{part:?}");
    assert!(last(&graph).ids.is_empty());
}
