//! The plan of a run of the reader, drawn from a seed: the lists of one instance, the service and
//! the way to it, and the token provider.

use std::ops::RangeInclusive;
use std::time::Duration;

use graph_model::{Collection, Entry, Settings};
use host_test::plugin::CANARY;
use host_test::reader::queries::{self, Options, RateLimit};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::caller::Caller;
use crate::plan::{TokenProvider, draw_limits, draw_troubles};
use crate::random::{guid, log_uniform, millis};

/// The plan of one run.
#[derive(Debug, Clone)]
pub struct ListPlan {
    /// Everything is drawn from this, including the reader's random numbers.
    pub seed: u64,
    /// The service, and what is at risk.
    pub graph: Settings,
    /// The token provider.
    pub tokens: TokenProvider,
    /// The lists of one instance.
    pub lists: Vec<List>,
    /// The lists are read at the same time. Then each is of another collection.
    pub overlaps: bool,
}

/// One list.
#[derive(Debug, Clone)]
pub struct List {
    /// The time since the previous list ended, or since the start if they overlap.
    pub pause: Duration,
    /// What is listed.
    pub collection: Collection,
    /// The filter.
    pub filter: Option<ListFilter>,
    /// The options.
    pub options: Options,
    /// How the host drives it.
    pub caller: Caller,
}

/// A filter, and what passes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFilter {
    /// What is at risk.
    AtRisk,
    /// What has a high or medium risk that nobody dismissed.
    Severe,
    /// What was updated in a part of the time.
    Recent,
    /// Nothing.
    Nothing,
}

impl ListPlan {
    /// Draws a run.
    pub fn draw(seed: u64) -> ListPlan {
        let rng = &mut StdRng::seed_from_u64(seed);
        let entries = Collection::ALL.map(|collection| {
            let count = if rng.random_ratio(1, 20) { 0 } else { log_uniform(rng, 1..=1_500) };
            (collection, (0..count).map(|_| entry(rng)).collect())
        });
        let mut graph = Settings { entries: entries.into(), seed, ..draw_limits(rng) };
        let slow = millis(rng, 1..=20_000);
        graph.latency = if rng.random() { slow..=slow } else { slow.min(Duration::from_millis(50))..=slow };
        if rng.random_ratio(1, 4) {
            graph.empty_pages = rng.random_range(1..=3);
        }
        let mut tokens = TokenProvider { is_attached: rng.random_ratio(1, 10), ..TokenProvider::default() };
        if rng.random_ratio(1, 3) {
            tokens.latency = millis(rng, 1..=5_000);
        }
        if rng.random_ratio(3, 4) {
            draw_troubles(rng, &mut graph, &mut tokens);
        }
        graph.token = (!tokens.is_attached).then(|| CANARY.into());
        let count = rng.random_range(1..=3);
        let overlaps = count > 1 && rng.random();
        let endpoints = [None, None, Some("https://Gateway.Example:443"), Some("http://localhost:8080")];
        let endpoint = endpoints.choose(rng).copied().flatten();
        if rng.random() {
            graph.link_root = endpoint.map(|_| "https://graph.microsoft.com".to_owned());
        }
        let lists = (0..count).map(|number| {
            let drawn = *Collection::ALL.choose(rng).unwrap_or(&Collection::RiskyUsers);
            let collection = if overlaps { Collection::ALL[number] } else { drawn };
            List::draw(rng, collection, graph.entries[&collection].len(), endpoint)
        });
        let lists = lists.collect();
        ListPlan { seed, graph, tokens, lists, overlaps }
    }
}

impl List {
    fn draw(rng: &mut StdRng, collection: Collection, entries: usize, endpoint: Option<&str>) -> List {
        let filters = [ListFilter::AtRisk, ListFilter::Severe, ListFilter::Recent, ListFilter::Nothing];
        let filter = if rng.random() { filters.choose(rng).copied() } else { None };
        let audience = rng.random_ratio(1, 10).then(|| "https://graph.example".to_owned());
        let tenant = rng.random_ratio(1, 4).then(|| "contoso".to_owned());
        let has_deadline = rng.random_ratio(1, 3);
        let mut sometimes = |range: RangeInclusive<u32>| rng.random::<bool>().then(|| log_uniform(rng, range));
        // With smaller pages, most of the run would be waiting for the rate limit.
        let smallest = (entries / 25).max(1) as u32;
        let rate_limit = sometimes(1..=20_000);
        let options = Options {
            tenant,
            endpoint: endpoint.map(str::to_owned),
            audience,
            page_size: sometimes(smallest..=collection.max_page() as u32),
            deadline_ms: sometimes(1..=3_600_000).filter(|_| has_deadline),
            patience_ms: sometimes(1..=600_000),
            attempt_timeout_ms: sometimes(100..=600_000),
            max_attempts: sometimes(1..=10),
            rate_limit: rate_limit.map(|window_ms| RateLimit { requests: log_uniform(rng, 1..=12), window_ms }),
            ..Options::default()
        };
        let caller = Caller { stops: Vec::new(), ..Caller::draw(rng) };
        List { pause: millis(rng, 1..=30_000), collection, filter, options, caller }
    }

    /// The collection, as the reader names it.
    pub(crate) fn named(&self) -> queries::Collection {
        match self.collection {
            Collection::RiskyUsers => queries::Collection::RiskyUsers,
            Collection::SignIns => queries::Collection::SignIns,
            Collection::RiskyServicePrincipals => queries::Collection::RiskyServicePrincipals,
        }
    }

    /// The text of its filter.
    pub(crate) fn filter_text(&self) -> Option<String> {
        let (level, updated) = match self.collection {
            Collection::SignIns => ("riskLevelAggregated", "createdDateTime"),
            Collection::RiskyUsers | Collection::RiskyServicePrincipals => ("riskLevel", "riskLastUpdatedDateTime"),
        };
        Some(match self.filter? {
            ListFilter::AtRisk => "riskState eq 'atRisk'".to_owned(),
            ListFilter::Severe => {
                format!("({level} eq 'high' or {level} eq 'medium') and riskState ne 'dismissed'")
            }
            ListFilter::Recent => format!("{updated} gt {} and {updated} le {}", RECENT.0, RECENT.1),
            ListFilter::Nothing => "riskDetail eq 'it''s none of these'".to_owned(),
        })
    }

    /// Whether the list must contain an entry.
    pub(crate) fn contains(&self, entry: &Entry) -> bool {
        match self.filter {
            None => self.collection != Collection::SignIns || entry.level != "none",
            Some(ListFilter::AtRisk) => entry.state == "atRisk",
            Some(ListFilter::Severe) => ["high", "medium"].contains(&&*entry.level) && entry.state != "dismissed",
            Some(ListFilter::Recent) => RECENT.0 < &*entry.last_updated && &*entry.last_updated <= RECENT.1,
            Some(ListFilter::Nothing) => false,
        }
    }

    /// Its rate limit: the option, or the documented limit.
    pub(crate) fn rate_limit(&self) -> RateLimit {
        self.options.rate_limit.unwrap_or(match self.collection {
            Collection::SignIns => RateLimit { requests: 5, window_ms: 10_000 },
            Collection::RiskyUsers | Collection::RiskyServicePrincipals => RateLimit { requests: 1, window_ms: 1_000 },
        })
    }

    /// The audience of its token.
    pub(crate) fn audience(&self) -> &str {
        self.options.audience.as_deref().unwrap_or("https://graph.microsoft.com")
    }

    /// Where its token is sent.
    pub(crate) fn endpoint(&self) -> String {
        let endpoint = self.options.endpoint.as_deref().unwrap_or("https://graph.microsoft.com");
        endpoint.to_lowercase().trim_end_matches(":443").to_owned()
    }
}

/// The time of the filter, as texts whose order is that of time.
const RECENT: (&str, &str) = ("2026-03-01T00:00:00Z", "2026-09-01T12:30:00Z");

fn entry(rng: &mut StdRng) -> Entry {
    let mut pick = |texts: &[&str]| texts.choose(rng).map_or_else(String::new, |text| (*text).to_owned());
    let level = pick(&["high", "medium", "low", "none", "hidden", "levelOfNextYear"]);
    let state = pick(&["atRisk", "atRisk", "atRisk", "dismissed", "remediated", "confirmedSafe"]);
    let detail = pick(&["none", "adminDismissedAllRiskForUser", "detailOfNextYear"]);
    let name = pick(&["user@contoso.example", "o'neil@contoso.example", "Büro \"1\" \\ 2", ""]);
    let (month, day) = (rng.random_range(1..=12), rng.random_range(1..=28));
    Entry {
        level,
        state,
        detail,
        last_updated: format!("2026-{month:02}-{day:02}T12:30:00Z"),
        is_deleted: rng.random_ratio(1, 10),
        is_processing: rng.random_ratio(1, 10),
        ..Entry::at_risk(guid(rng), name)
    }
}
