//! Lists of what is at risk, and acting on what is listed in the same run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use graph_model::{Collection, Delay, Entry, Fault, FaultKind, Graph, Network, Reply, Request, Service, Settings};
use host_test::script::respond;
use http::{Method, StatusCode};
use serde_json::Value;
use tokio::time::Instant;

use crate::cli_endings::log;
use crate::shell::{Completed, START, Shell};
use crate::token_adapter::token_reply;

/// This many entries at risk, as they are at the start of a run; each tenth user is deleted.
pub(crate) fn entries(collection: Collection, count: usize) -> Vec<Entry> {
    let mut entries = Entry::many(collection, count, UNIX_EPOCH + START);
    if collection == Collection::RiskyUsers {
        entries.iter_mut().step_by(10).for_each(|entry| entry.is_deleted = true);
    }
    entries
}

/// A Microsoft Graph with these entries.
pub(crate) fn graph(collection: Collection, entries: Vec<Entry>) -> Settings {
    Settings { entries: BTreeMap::from([(collection, entries)]), epoch: UNIX_EPOCH + START, ..Settings::default() }
}

/// The number of requests with this method.
fn requests(run: &Completed, method: &Method) -> usize {
    run.exchanges.iter().filter(|exchange| exchange.request.method() == method).count()
}

/// The first column of a table.
fn ids(table: &str) -> BTreeSet<&str> {
    table.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_list_is_a_table_that_the_actions_read() {
    let entries = entries(Collection::RiskyUsers, 1_200);
    let selected = |entry: &&Entry| entry.level != "low" && entry.last_updated.as_str() < "2026-10-22T09:00:00Z";
    let (deleted, expected): (Vec<_>, Vec<_>) = entries.iter().filter(selected).partition(|entry| entry.is_deleted);
    let shell = Shell::new();
    let graph = || Arc::new(Graph::new(graph(Collection::RiskyUsers, entries.clone())));
    let line = "list-risky-users --level high,medium --state at-risk --older-than 30d";
    let list = shell.run_before(line, graph()).await;
    let note = format!("entra-risk: {} deleted users are left out: nobody can change their risk\n", deleted.len());
    assert_eq!((list.code, list.stderr), (0, note));
    let header = "userId,userPrincipalName,riskLevel,riskState,riskDetail,riskLastUpdatedDateTime,isProcessing\n";
    assert!(list.stdout.starts_with(header), "{}", list.stdout);
    let row = |entry: &&Entry| {
        let Entry { id, name, level, state, detail, last_updated, .. } = entry;
        format!("{id},{name},{level},{state},{detail},{last_updated},false")
    };
    let rows: BTreeSet<&str> = list.stdout.lines().skip(1).collect();
    assert_eq!(rows, expected.iter().map(row).collect::<BTreeSet<_>>().iter().map(String::as_str).collect());
    assert!(expected.len() > 100 && !deleted.is_empty() && list.stdout.lines().count() == expected.len() + 1);

    let json = shell.run_before(&format!("{line} --json --quiet"), graph()).await;
    let listed: Vec<Value> = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, json.stderr.as_str(), listed.len()), (0, "", expected.len()));
    let first = entries.iter().find(|entry| listed[0]["userId"] == entry.id.to_string()).unwrap();
    assert_eq!(
        (&listed[0]["userPrincipalName"], &listed[0]["isProcessing"]),
        (&first.name.clone().into(), &false.into())
    );

    for (name, content) in [("list.csv", list.stdout), ("list.json", json.stdout)] {
        let shell = Shell::new().file(name, content);
        let acted = shell.run_before(&format!("dismiss-risky-users --file {name}"), graph()).await;
        acted.is(0, &format!("dismiss-risky-users: {0} of {0} ids accepted\n", expected.len()), "");
    }
}

#[tokio::test(start_paused = true)]
async fn every_collection_has_a_list() {
    let cases = [
        (Collection::SignIns, "list-sign-ins", "dismiss-sign-ins", "requestId,userPrincipalName,riskLevelAggregated,"),
        (
            Collection::RiskyServicePrincipals,
            "list-risky-service-principals",
            "confirm-risky-service-principals-compromised",
            "servicePrincipalId,displayName,riskLevel,",
        ),
    ];
    for (collection, list, action, header) in cases {
        let graph = || Arc::new(Graph::new(graph(collection, entries(collection, 30))));
        let run = Shell::new().run_before(list, graph()).await;
        assert!(run.code == 0 && run.stdout.starts_with(header) && ids(&run.stdout).len() == 30, "{}", run.stdout);
        let acted = Shell::new().input(run.stdout).run_before(action, graph()).await;
        acted.is(0, &format!("{action}: 30 of 30 ids accepted\n"), "");
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_users_are_listed_and_dismissed_in_one_run_at_the_limit() {
    let users = Entry::many(Collection::RiskyUsers, 10_000, UNIX_EPOCH + START);
    let graph = Arc::new(Graph::new(graph(Collection::RiskyUsers, users)));
    let start = Instant::now();
    let run = Shell::new().run_before("dismiss-risky-users --where \"riskLevel ne 'none'\"", graph.clone()).await;
    // Nobody is asked: no names.
    assert_eq!((run.code, run.stderr.as_str()), (0, "entra-risk: 10000 users are listed\n"));
    assert_eq!(run.stdout, "dismiss-risky-users: 10000 of 10000 ids accepted\n");
    let left = graph.entries(Collection::RiskyUsers, Duration::MAX);
    assert!(left.iter().all(|user| user.state == "dismissed"));
    let (reads, writes) = (requests(&run, &Method::GET), requests(&run, &Method::POST));
    println!("{reads} reads, {writes} writes in {:?}", start.elapsed());
    assert!(reads <= 21 && writes <= 168 && graph.count(StatusCode::TOO_MANY_REQUESTS) <= 1, "{reads} and {writes}");
    // 20 pages and 167 batches, a second apart.
    assert!(start.elapsed().as_secs_f64() <= 1.03 * 186.0, "{:?}", start.elapsed());
}

/// A Microsoft Graph, and the token endpoint of its tenant.
struct Tenant {
    graph: Graph,
    tokens: AtomicUsize,
}

impl Service for Tenant {
    fn serve(&self, now: Duration, request: Request) -> Reply {
        if request.uri().host() == Some("login.microsoftonline.com") {
            let token = format!("eyJ0.token-number-{}.0", self.tokens.fetch_add(1, Ordering::SeqCst));
            return token_reply(&token, 3_600);
        }
        self.graph.serve(now, request)
    }
}

#[tokio::test(start_paused = true)]
async fn every_user_is_listed_and_dismissed_whatever_happens_on_the_way() {
    let fault = |number| match number {
        // A token that is revoked in the middle of the list.
        7 => Some(Fault::of(FaultKind::Expired)),
        _ if number % 50 == 3 => Some(Fault::of(FaultKind::ServerError)),
        _ => None,
    };
    let network = Network { delay: Delay::Uniform(Duration::from_millis(20)), ..Network::default() };
    let users = Entry::many(Collection::RiskyUsers, 10_000, UNIX_EPOCH + START);
    let settings = Settings { network, ..graph(Collection::RiskyUsers, users) };
    let tenant = Arc::new(Tenant { graph: Graph::new(settings), tokens: AtomicUsize::new(0) });
    tenant.graph.plan((0..400).map(fault));
    let line = "dismiss-risky-users --level high,medium,low --log log.jsonl";
    let shell = Shell::new();
    let run = shell.run_with("client-secret", line, tenant.clone()).await;
    assert_eq!((run.code, run.stdout.as_str()), (0, "dismiss-risky-users: 10000 of 10000 ids accepted\n"));
    assert!(
        tenant.graph.count(StatusCode::UNAUTHORIZED) > 0 && tenant.graph.count(StatusCode::SERVICE_UNAVAILABLE) > 3
    );
    let logged: Vec<String> = log(&shell.read("log.jsonl")).into_iter().flat_map(|(_, ids)| ids).collect();
    let applied: BTreeSet<String> = tenant.graph.applied().into_keys().map(|(_, id)| id.to_string()).collect();
    assert_eq!((logged.len(), logged.into_iter().collect()), (10_000, applied), "each user once");
}

#[tokio::test(start_paused = true)]
async fn a_window_passes_between_reading_and_acting_and_looking() {
    for (collection, action, window) in [
        (Collection::RiskyUsers, "dismiss-risky-users", Duration::from_secs(1)),
        (Collection::SignIns, "dismiss-sign-ins", Duration::from_secs(10)),
    ] {
        let graph = Arc::new(Graph::new(graph(collection, entries(collection, 5))));
        let run = Shell::new().run_before(&format!("{action} --level high --verify"), graph).await;
        let sent: Vec<Duration> = run.exchanges.iter().map(|exchange| exchange.sent).collect();
        let [read, acted, looked, ..] = sent[..] else { panic!("{sent:?}") };
        assert!(acted - read >= window && looked - acted >= window, "{action}: {sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn deleted_users_are_left_out_and_the_names_are_shown_before_anything_is_sent() {
    let line = "confirm-risky-users-safe --level low --state at-risk --label userPrincipalName";
    let graph = || Arc::new(Graph::new(graph(Collection::RiskyUsers, entries(Collection::RiskyUsers, 60))));
    let expected: BTreeSet<String> = entries(Collection::RiskyUsers, 60)
        .iter()
        .filter(|user| user.level == "low" && !user.is_deleted)
        .map(|user| user.id.to_string())
        .collect();
    let refused = Shell::new().typed("no\n").run_before(line, graph()).await;
    assert_eq!((refused.code, refused.stdout.as_str(), requests(&refused, &Method::POST)), (2, "", 0));
    let shown = format!("{} users are listed: user", expected.len());
    for expected in [&*shown, "Confirm 18 users as safe?", "entra-risk: 2 deleted users are left out"] {
        assert!(refused.stderr.contains(expected), "{expected}: {}", refused.stderr);
    }
    let graph = graph();
    let run = Shell::new().typed("yes\n").run_before(line, graph.clone()).await;
    assert_eq!(run.code, 0, "{}", run.stdout);
    let applied: BTreeSet<String> = graph.applied().into_keys().map(|(_, id)| id.to_string()).collect();
    assert_eq!(applied, expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_at_risk_is_acted_on_only_if_a_state_is_named() {
    let mut users = entries(Collection::RiskyUsers, 9);
    users.iter_mut().skip(1).step_by(2).for_each(|user| user.state = "dismissed".into());
    for (options, expected) in
        [("--where \"riskLevel ne 'none'\"", 4), ("--state dismissed", 4), ("--older-than 0m", 4)]
    {
        let graph = Arc::new(Graph::new(graph(Collection::RiskyUsers, users.clone())));
        let run = Shell::new().run_before(&format!("confirm-risky-users-compromised {options}"), graph.clone()).await;
        assert_eq!((run.code, graph.applied().len()), (0, expected), "{options}: {}", run.stderr);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_lists_and_changes_nothing() {
    let graph = Arc::new(Graph::new(graph(Collection::RiskyUsers, entries(Collection::RiskyUsers, 5))));
    let run = Shell::new().run_before("dismiss-risky-users --level high --dry-run", graph).await;
    assert!(run.code == 0 && run.stdout.starts_with("POST https://graph.microsoft.com/"), "{}", run.stdout);
    assert_eq!(requests(&run, &Method::POST), 0);
    assert!(run.stderr.contains("entra-risk: 1 users are listed\n"), "{}", run.stderr);
}

#[tokio::test(start_paused = true)]
async fn without_the_permission_to_read_nothing_is_acted_on() {
    let settings = Settings {
        read_permission: Some("read".to_owned()),
        ..graph(Collection::RiskyUsers, entries(Collection::RiskyUsers, 5))
    };
    let graph = Arc::new(Graph::new(settings));
    for line in ["list-risky-users", "dismiss-risky-users --level high", "dismiss-risky-users --level high --yes"] {
        let run = Shell::new().run_before(line, graph.clone()).await;
        let begin = "entra-risk: the list of risky-users was not read to its end: forbidden, HTTP 403: ";
        let end = ". Reading needs IdentityRiskyUser.Read.All: grant it and run again; entra-risk --check says what the \
                   token permits\n";
        assert!(run.stderr.starts_with(begin) && run.stderr.ends_with(end), "{line}: {}", run.stderr);
        assert_eq!((run.code, requests(&run, &Method::POST)), (3, 0), "{line}");
    }
    let id = entries(Collection::RiskyUsers, 2)[1].id;
    assert_eq!(Shell::new().run_before(&format!("dismiss-risky-users {id}"), graph).await.code, 0);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_ends_early_is_not_acted_on() {
    let user = "{\"id\":\"00000000-0000-0000-0000-000000000001\"}";
    let link = "https://a.test/v1.0/identityProtection/riskyUsers?$skiptoken=1";
    let page = respond(200, &[], format!("{{\"value\":[{user}],\"@odata.nextLink\":\"{link}\"}}"));
    let run = Shell::new().run("dismiss-risky-users --level high", [page.clone()]).await;
    assert!(run.code == 1 && run.stderr.contains("was not read to its end: unexpected-status"), "{}", run.stderr);
    let json = Shell::new().run("list-risky-users --json", [page]).await;
    assert!(
        json.code == 1 && serde_json::from_str::<Value>(&json.stdout).is_err(),
        "a part is no JSON: {}",
        json.stdout
    );
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_leaves_nothing_to_do() {
    let graph = Arc::new(Graph::new(graph(Collection::RiskyUsers, Vec::new())));
    let run = Shell::new().run_before("dismiss-risky-users --level high --verify", graph.clone()).await;
    run.is(0, "dismiss-risky-users: nothing to do: no ids\n", "entra-risk: 0 users are listed\n");
    let json = Shell::new().run_before("list-risky-users --json", graph).await;
    assert_eq!(serde_json::from_str::<Vec<Value>>(&json.stdout).unwrap(), Vec::<Value>::new());
}
