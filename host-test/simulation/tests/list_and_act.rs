//! From a list to what became of it: the reader and the plugin as users get them, one after the
//! other, with one model of Microsoft Graph, in virtual time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entra_risk_engine::contract::action::Action as GraphAction;
use entra_risk_engine::contract::id::Id;
use entra_risk_engine::contract::verification::{DEFAULT_VERIFY_MS, Status, Verification, Verifier};
use entra_risk_engine::time;
use graph_model::{Collection, Delay, Entry, Fault, FaultKind, Graph, Network, Reply, Request, Service, Settings};
use host_test::bindings::credentials::Credential;
use host_test::clock::virtual_time;
use host_test::component::PluginComponent;
use host_test::host::{Host, Outbound, TokenSource};
use host_test::plugin::{Action, Plugin};
use host_test::reader::queries::{Collection as Listed, Options};
use host_test::reader::{Listing, Reader};
use http::StatusCode;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

const AT_RISK: &str = "riskState eq 'atRisk'";

/// A window of the limit of users, and what the rate limit adds to it at first.
const WINDOW: Duration = Duration::from_millis(1_020);

/// One instance of each component, with the same service, which they reach from the same time on.
struct Tenant {
    graph: Arc<Graph>,
    reader: Reader,
    plugin: Plugin,
    start: Instant,
}

/// A cache of one token, as in most hosts: only `refresh` requests a new one.
fn tokens() -> TokenSource {
    let mut number = 0;
    Box::new(move |request| {
        number += u32::from(request.refresh);
        Ok(Credential::of(format!("a-token-{number}")))
    })
}

impl Tenant {
    async fn new(settings: Settings, seed: u64, service: impl FnOnce(Arc<Graph>) -> Arc<dyn Service>) -> Tenant {
        let graph = Arc::new(Graph::new(settings));
        let service = service(Arc::clone(&graph));
        let start = Instant::now();
        let host = || Host::new(Outbound::InProcess(Arc::clone(&service)), tokens(), seed);
        let (reader, plugin) = (Reader::new(host()).await, Plugin::new(PluginComponent::shared(), host()).await);
        Tenant { graph, reader, plugin: plugin.unwrap(), start }
    }

    async fn list(&mut self) -> Listing {
        self.reader.read_with(Listed::RiskyUsers, Some(AT_RISK), Options::default(), None).await
    }

    /// Dismisses the risk of users, a window after the latest request of the list.
    async fn dismiss(&mut self, ids: &[String]) {
        let last = self.reader.host().exchanges().last().map(|exchange| exchange.sent).unwrap_or_default();
        sleep_until(self.start + last + WINDOW).await;
        let report = self.plugin.call(Action::DismissRiskyUsers, ids, None).await.unwrap().unwrap();
        assert_eq!(report.iter().map(|batch| batch.ids.len()).sum::<usize>(), ids.len());
    }

    /// The ids of the users whose state is this one.
    fn with_state(&self, state: &str) -> BTreeSet<Uuid> {
        let users = self.graph.entries(Collection::RiskyUsers, self.start.elapsed());
        users.into_iter().filter(|user| user.state == state).map(|user| user.id).collect()
    }
}

fn at_risk(count: usize) -> Settings {
    let settings = Settings::default();
    let users = Entry::many(Collection::RiskyUsers, count, settings.epoch);
    Settings { entries: [(Collection::RiskyUsers, users)].into(), ..settings }
}

fn ids(listing: &Listing) -> Vec<String> {
    assert_eq!(listing.end, None);
    let ids: Vec<String> = listing.entries().into_iter().map(|entry| entry.id.clone()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "a user was listed twice");
    ids
}

#[test]
fn ten_thousand_users_are_listed_and_dismissed_at_the_rate_limit() {
    virtual_time(async {
        let mut tenant = Tenant::new(at_risk(10_000), 0, |graph| graph).await;
        let ids = ids(&tenant.list().await);
        let listed = tenant.graph.arrivals(0).len();
        tenant.dismiss(&ids).await;
        let elapsed = tenant.start.elapsed();
        let requests = tenant.graph.arrivals(0).len();
        let throttled = tenant.graph.count(StatusCode::TOO_MANY_REQUESTS);
        // One request a second: 20 pages and 167 batches.
        let floor = Duration::from_secs(20 + 167 - 1);
        println!("{listed} + {} requests, {throttled} throttled, {elapsed:?} of {floor:?}", requests - listed);
        assert_eq!((ids.len(), tenant.with_state("dismissed").len()), (10_000, 10_000));
        assert!(listed <= 21 && requests - listed <= 168 && throttled <= 1);
        assert!(elapsed <= floor.mul_f64(1.03), "{elapsed:?}");
    });
}

/// A service of which 2 % of the requests are answered 503, and which revokes the token once.
struct Troubled {
    graph: Arc<Graph>,
    state: Mutex<(StdRng, usize)>,
}

impl Service for Troubled {
    fn delay(&self, now: Duration, request: &Request) -> Duration {
        self.graph.delay(now, request)
    }

    fn serve(&self, now: Duration, request: Request) -> Reply {
        let (rng, served) = &mut *self.state.lock().unwrap();
        *served += 1;
        let fault = match *served {
            10 => Some(Fault::of(FaultKind::Challenged)),
            _ => rng.random_bool(0.02).then(|| Fault::of(FaultKind::ServerError)),
        };
        self.graph.plan([fault]);
        self.graph.serve(now, request)
    }
}

#[test]
fn every_user_is_listed_once_and_dismissed_whatever_happens_on_the_way() {
    for seed in 0..10 {
        virtual_time(async {
            let delay = Delay::Uniform(Duration::from_millis(20));
            let network = Network { delay, ..Network::default() };
            let settings = Settings { network, seed, ..at_risk(10_000) };
            let state = Mutex::new((StdRng::seed_from_u64(seed), 0));
            let mut tenant = Tenant::new(settings, seed, |graph| Arc::new(Troubled { graph, state })).await;
            let ids = ids(&tenant.list().await);
            let listed: BTreeSet<Uuid> = ids.iter().map(|id| id.parse().unwrap()).collect();
            assert_eq!(listed, tenant.with_state("atRisk"), "seed {seed}");
            let (requests, revoked) = (tenant.graph.arrivals(0).len(), tenant.graph.count(StatusCode::UNAUTHORIZED));
            tenant.dismiss(&ids).await;
            let all = tenant.graph.arrivals(0).len();
            let count = |status| tenant.graph.count(status);
            println!(
                "seed {seed}: {requests} + {} requests, {revoked} with a revoked token, {} unavailable, {} throttled, {:?}",
                all - requests,
                count(StatusCode::SERVICE_UNAVAILABLE),
                count(StatusCode::TOO_MANY_REQUESTS),
                tenant.start.elapsed(),
            );
            assert_eq!((revoked, tenant.with_state("dismissed").len()), (1, 10_000), "seed {seed}");
        });
    }
}

#[test]
fn a_verification_finds_exactly_the_users_that_stay_at_risk() {
    for (seed, pages_shift) in (0..5).map(|seed| (seed, seed % 2 == 1)) {
        virtual_time(async {
            let rng = &mut StdRng::seed_from_u64(seed);
            let mut settings = Settings { seed, pages_shift, ..at_risk(5_000) };
            for user in settings.entries.get_mut(&Collection::RiskyUsers).unwrap() {
                user.changes_after = match user.id.as_u128() {
                    1..=3 => None,
                    _ => Some(Duration::from_millis(rng.random_range(0..=240_000))),
                };
            }
            let mut tenant = Tenant::new(settings, seed, |graph| graph).await;
            let users: Vec<String> = (1..=1_000).map(|number| Uuid::from_u128(number).to_string()).collect();
            tenant.dismiss(&users).await;
            sleep(WINDOW).await;

            let (before, began) = (tenant.graph.arrivals(0).len(), Instant::now());
            let now = || time::Instant::from_nanos(began.elapsed().as_nanos() as u64);
            let given: Vec<Id> = users.iter().map(|id| Id::parse(id).unwrap()).collect();
            let verification = Verification::of(GraphAction::named("dismiss-risky-users").unwrap()).unwrap();
            let mut verifier =
                Verifier::new(verification, &given, time::Duration::from_millis(DEFAULT_VERIFY_MS), now());
            let (mut readings, mut missed) = (0, 0);
            while let Some(at) = verifier.next() {
                sleep_until(began + Duration::from_nanos(at.as_nanos())).await;
                verifier.begin(now());
                let listing = tenant.list().await;
                assert_eq!(listing.end, None);
                let listed: BTreeSet<Uuid> =
                    listing.entries().into_iter().map(|entry| entry.id.parse().unwrap()).collect();
                listing.entries().into_iter().for_each(|entry| verifier.saw(&entry.id, entry.processing));
                verifier.end(now());
                readings += 1;
                missed += tenant.with_state("atRisk").difference(&listed).count();
            }
            let elapsed = began.elapsed();
            let requests = tenant.graph.arrivals(before).len();
            println!("seed {seed}: {readings} readings, {requests} requests, {elapsed:?}, {missed} missed");
            assert_eq!(missed > 0, pages_shift, "seed {seed}");
            let left: Vec<&Id> = given.iter().filter(|id| verifier.status(id) != Status::Done).collect();
            assert_eq!(left.iter().map(|id| id.number()).collect::<Vec<_>>(), [1, 2, 3], "seed {seed}");
            assert!(left.iter().all(|id| verifier.status(id) == Status::Unchanged));
            assert!(elapsed <= Duration::from_secs(310) && requests <= 20 * 10, "seed {seed}");
            assert_eq!(tenant.graph.count(StatusCode::TOO_MANY_REQUESTS), 0, "seed {seed}");
        });
    }
}
