//! Queries through random sequences of pages, failures and pauses: whatever comes, requests go to
//! one path only, one at a time and at the limit, no page is read twice, and the list ends.

use std::collections::BTreeSet;

use entra_risk_engine::contract::arguments::Options;
use entra_risk_engine::contract::collection::COLLECTIONS;
use entra_risk_engine::contract::token::{Credential, TokenError};
use entra_risk_engine::http::response::{BodyEnd, Response};
use entra_risk_engine::http::transport_error::{TransportError, TransportErrorKind};
use entra_risk_engine::limit::instance::InstanceState;
use entra_risk_engine::query::{Query, Step};
use entra_risk_engine::time::{Duration, Instant};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A list of this many pages, and what befalls the requests for it.
struct Service {
    rng: StdRng,
    /// How often a request fails, in percent.
    failures: u32,
    /// How often a page has a link that is not to be followed, in percent.
    traps: u32,
    pages: usize,
}

const PATH: &str = "/v1.0/identityProtection/riskyUsers?";

impl Service {
    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    /// What comes of a request: a response, the lack of one, or silence.
    fn serve(&mut self, path: &str) -> Option<Result<Response, TransportError>> {
        if self.chance(self.failures) {
            return self.fail();
        }
        let number: usize = path.split_once("skiptoken=").map_or(0, |(_, number)| number.parse().unwrap());
        let next = number + 1;
        let link = if self.chance(self.traps) {
            let links = ["https://evil.example/v1.0/identityProtection/riskyUsers?$skiptoken=1", "x", "", "https://é"];
            Some(links[self.rng.random_range(0..links.len())].to_owned())
        } else {
            (next < self.pages).then(|| format!("https://graph.microsoft.com{PATH}$skiptoken={next}"))
        };
        let entries = if self.chance(30) { String::new() } else { format!(r#"{{"id":"{number}"}}"#) };
        let link = link.map(|link| format!(r#","@odata.nextLink":"{link}""#)).unwrap_or_default();
        let body = format!(r#"{{"value":[{entries}]{link}}}"#).into_bytes();
        Some(Ok(Response { status: 200, body, ..Response::default() }))
    }

    fn fail(&mut self) -> Option<Result<Response, TransportError>> {
        let kinds = [TransportErrorKind::Unreachable, TransportErrorKind::NoResponse, TransportErrorKind::Tls];
        let cause = String::new();
        match self.rng.random_range(0..12) {
            0 => None,
            1 => Some(Err(TransportError { kind: kinds[self.rng.random_range(0..kinds.len())], cause })),
            2 => Some(Ok(Response { status: 200, body_end: BodyEnd::Broken, ..Response::default() })),
            3 => Some(Ok(Response { status: 200, body: b"<html>".to_vec(), ..Response::default() })),
            number => {
                let status = [429, 429, 503, 503, 500, 502, 401, 403][number % 8];
                let retry_after = if self.chance(50) { vec![self.rng.random_range(0..40).to_string()] } else { vec![] };
                Some(Ok(Response { status, retry_after, ..Response::default() }))
            }
        }
    }
}

/// Reads a list, and returns whether it is complete.
fn read(seed: u64) -> bool {
    let mut rng = StdRng::seed_from_u64(seed);
    let (failures, traps, pages) = (rng.random_range(0..40), rng.random_range(0..3) * 5, rng.random_range(1..30));
    let options = Options { attempt_timeout_ms: Some(5_000), ..Options::default() };
    let mut instance = InstanceState::default();
    let mut now = Instant::from_nanos(rng.random_range(0..u64::MAX / 2));
    let mut query = Query::new(&COLLECTIONS[0], None, options, &mut instance, now, seed).unwrap();
    let mut service = Service { rng, failures, traps, pages };
    let (mut sent, mut is_in_flight, mut ids) = (Vec::<Instant>::new(), false, BTreeSet::new());
    let begin = now;
    for _ in 0..100_000 {
        match query.next(now) {
            Step::GetToken(request) => {
                assert!(!is_in_flight, "a token is asked for while a request is in flight");
                let bearer = Some(format!("token-{}", request.refresh));
                let unavailable = service.chance(failures / 4).then(|| TokenError::Unavailable(String::new()));
                query.on_token(unavailable.map_or(Ok(Credential { bearer }), Err), now);
            }
            Step::Send(request) => {
                assert!(!std::mem::replace(&mut is_in_flight, true), "two requests are in flight");
                assert!(request.path.starts_with(PATH) && request.body.is_none(), "{}", request.path);
                let gap = sent.last().map_or(Duration::MAX, |last| now.since(*last));
                assert!(gap >= Duration::from_secs(1), "{gap:?}");
                sent.push(now);
                now = now.saturating_add(Duration::from_millis(service.rng.random_range(0..3_000)));
                match service.serve(&request.path) {
                    None => {}
                    Some(Ok(response)) => {
                        is_in_flight = false;
                        query.on_response(response, now);
                    }
                    Some(Err(error)) => {
                        is_in_flight = false;
                        query.on_error(error, now);
                    }
                }
            }
            Step::Abandon => {
                is_in_flight = false;
                query.on_abandoned(None, now);
            }
            Step::Wait(until) => {
                assert!(until > now, "a wait that is over");
                now = until;
                if service.chance(10) {
                    query.pause(now);
                    now = now.saturating_add(Duration::from_millis(service.rng.random_range(0..100_000)));
                    query.resume(now);
                }
            }
            Step::Page(entries) => {
                assert!(!entries.is_empty(), "an empty page");
                for entry in entries {
                    assert!(ids.insert(entry.id), "an entry twice");
                }
            }
            Step::Over(end) => {
                assert_eq!(query.progress(now).requests as usize, sent.len());
                assert!(matches!(query.next(now), Step::Over(again) if again == end));
                assert!(now.since(begin) < Duration::from_secs(30 * 60 * 60), "{:?}", now.since(begin));
                return end.is_none();
            }
        }
    }
    panic!("the list does not end");
}

#[test]
fn whatever_comes_a_list_is_read_in_order_and_ends() {
    let complete = (0..20_000).filter(|seed| read(*seed)).count();
    println!("{complete} of 20,000 lists are complete");
    assert!((2_000..18_000).contains(&complete), "{complete}");
}
