//! Several queries of an instance share the limit, and what it taught.

use std::time::Duration;

use host_test::plugin::canary;
use host_test::reader::Reader;
use host_test::reader::queries::{Collection, ErrorKind, Event, Options, Query, RateLimit};
use host_test::script::{Script, graph_error};

use super::page;

async fn start(reader: &mut Reader, collection: Collection, tenant: Option<&str>) -> Query {
    let options = Options { tenant: tenant.map(str::to_owned), ..Options::default() };
    reader.start(collection, None, options).await.expect("valid arguments")
}

/// The times between the requests, in milliseconds.
fn gaps(reader: &Reader) -> Vec<u128> {
    let sent: Vec<Duration> = reader.host().exchanges().iter().map(|exchange| exchange.sent).collect();
    sent.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect()
}

#[tokio::test(start_paused = true)]
async fn queries_share_the_limit_of_their_tenant_and_service() {
    use Collection::{RiskyServicePrincipals, RiskyUsers, SignIns};
    for (second, tenant, is_shared) in [
        (RiskyUsers, None, true),
        (RiskyServicePrincipals, None, true),
        (SignIns, None, false),
        (RiskyUsers, Some("contoso.com"), false),
    ] {
        let mut reader = Reader::scripted([page(&["1"], None), page(&["2"], None)]).await;
        let one = start(&mut reader, RiskyUsers, None).await;
        let other = start(&mut reader, second, tenant).await;
        assert!(matches!(reader.next(one, None).await, Event::Page(_)));
        assert!(matches!(reader.next(other, None).await, Event::Page(_)));
        let [gap] = gaps(&reader).try_into().unwrap();
        assert_eq!(gap >= 1_000, is_shared, "{second:?}, {tenant:?}: {gap} ms");
        assert!(gap < 1_300, "{gap} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn sign_ins_are_read_five_pages_in_ten_seconds() {
    let mut reader = Reader::scripted((0..6).map(|_| page(&["1"], None))).await;
    for _ in 0..6 {
        reader.read_with(Collection::SignIns, None, Options::default(), None).await;
    }
    let gaps = gaps(&reader);
    assert_eq!(gaps[..4], [0; 4]);
    assert!((10_000..10_600).contains(&gaps[4]), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_query_keeps_its_own_limit() {
    let mut reader = Reader::scripted((0..3).map(|_| page(&["1"], None))).await;
    let rate_limit = Some(RateLimit { requests: 2, window_ms: 60_000 });
    for _ in 0..3 {
        reader.read(Options { rate_limit, ..Options::default() }).await;
    }
    let gaps = gaps(&reader);
    assert!(gaps[0] == 0 && (60_000..62_000).contains(&gaps[1]), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hold_applies_to_the_other_queries() {
    let held = graph_error(429, &[("retry-after", "30")], "", "");
    let mut reader = Reader::scripted([held, page(&["1"], None)]).await;
    let one = start(&mut reader, Collection::RiskyUsers, None).await;
    let other = start(&mut reader, Collection::RiskyUsers, None).await;
    assert!(matches!(reader.next(one, Some(0)).await, Event::Waiting(_)));
    let Event::Waiting(waiting) = reader.next(other, Some(0)).await else { panic!("not waiting") };
    assert_eq!(waiting.error.map(|error| error.kind), Some(ErrorKind::Throttled));
    assert!(waiting.next_send_ms.is_some_and(|ms| ms >= 30_000), "{:?}", waiting.next_send_ms);
    assert!(matches!(reader.next(other, None).await, Event::Page(_)));

    // A query whose deadline comes before ends immediately.
    let held = graph_error(429, &[("retry-after", "30")], "", "");
    let mut reader = Reader::scripted([held]).await;
    let one = start(&mut reader, Collection::RiskyUsers, None).await;
    assert!(matches!(reader.next(one, Some(0)).await, Event::Waiting(_)));
    let options = Options { deadline_ms: Some(20_000), ..Options::default() };
    let other = reader.start(Collection::RiskyUsers, None, options).await.expect("valid arguments");
    let Event::Over(Some(error)) = reader.next(other, None).await else { panic!("not over") };
    assert_eq!(error.kind, ErrorKind::Throttled);
    assert!(error.message.contains("longer than deadline-ms permits"), "{}", error.message);
}

#[tokio::test(start_paused = true)]
async fn requests_go_one_after_the_other_at_the_rate_of_the_limit() {
    let pages = 40_u32;
    let links: Vec<String> = (1..pages).map(|number| super::link(&number.to_string())).collect();
    let behaviors = (0..pages as usize).map(|number| page(&["1"], links.get(number).map(String::as_str)));
    let mut reader = Reader::with(Script::at_once(behaviors), canary()).await;
    let listing = reader.read(Options::default()).await;
    assert_eq!((listing.end.as_ref(), listing.pages().len()), (None, 40));
    let floor = Duration::from_secs(u64::from(pages) - 1);
    assert!(listing.elapsed <= floor.mul_f64(1.03), "{:?}", listing.elapsed);
}
