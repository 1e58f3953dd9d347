//! `next` with a time to wait: what it reports, and which times count.

use std::time::Duration;

use graph_model::{Behavior, Reply};
use host_test::plugin::canary;
use host_test::reader::Reader;
use host_test::reader::queries::{Collection, ErrorKind, Event, Options, Progress, Query};
use host_test::reentry::Reentry;
use host_test::script::{Script, graph_error};
use tokio::time::{Instant, advance};

use super::{link, page};

async fn start(replies: impl IntoIterator<Item = Reply>, options: Options) -> (Reader, Query) {
    let mut reader = Reader::with(Script::new(replies), canary()).await;
    let query = reader.start(Collection::RiskyUsers, None, options).await.expect("valid arguments");
    (reader, query)
}

fn after(ms: u64, behavior: Behavior) -> Reply {
    Reply::at_once(behavior).after(Duration::from_millis(ms))
}

#[track_caller]
fn progress(event: Event) -> Progress {
    match event {
        Event::Waiting(progress) => progress,
        event => panic!("{event:?}"),
    }
}

#[track_caller]
fn ids(event: Event) -> Vec<String> {
    match event {
        Event::Page(entries) => entries.into_iter().map(|entry| entry.id).collect(),
        event => panic!("{event:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn no_time_to_wait_sends_what_is_due_and_reads_what_has_arrived() {
    let replies = [after(300, page(&["1"], Some(&link("a")))), after(100, page(&["2"], None))];
    let (mut reader, query) = start(replies, Options::default()).await;
    let sent = progress(reader.next(query, Some(0)).await);
    assert_eq!(sent, Progress { pages: 0, requests: 1, next_send_ms: None, error: None });
    advance(Duration::from_millis(299)).await;
    assert_eq!(progress(reader.next(query, Some(0)).await).requests, 1);
    advance(Duration::from_millis(2)).await;
    assert_eq!(ids(reader.next(query, Some(0)).await), ["1"]);
    // The next request is due 1,020 ms after the first one, which may have arrived after 250 ms.
    let waiting = progress(reader.next(query, Some(0)).await);
    assert_eq!((waiting.pages, waiting.requests, waiting.next_send_ms), (1, 1, Some(969)));
    let begin = Instant::now();
    let waiting = progress(reader.next(query, Some(500)).await);
    assert_eq!((waiting.requests, waiting.next_send_ms), (1, Some(469)));
    assert_eq!(begin.elapsed().as_millis(), 500);
    assert_eq!(ids(reader.next(query, Some(10_000)).await), ["2"]);
    assert_eq!(reader.next(query, Some(0)).await, Event::Over(None));
}

#[tokio::test(start_paused = true)]
async fn the_failure_that_is_waited_out_is_reported() {
    let replies = [after(0, graph_error(503, &[("retry-after", "30")], "", "")), after(0, page(&["1"], None))];
    let (mut reader, query) = start(replies, Options::default()).await;
    let waiting = progress(reader.next(query, Some(1_000)).await);
    assert!((29_000..36_600).contains(&waiting.next_send_ms.unwrap()), "{waiting:?}");
    assert_eq!(waiting.error.map(|error| error.kind), Some(ErrorKind::ServerError));
    assert_eq!(ids(reader.next(query, None).await), ["1"]);
    assert_eq!(reader.next(query, None).await, Event::Over(None));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_a_query_wherever_it_is() {
    let options = || Options { deadline_ms: Some(5_000), ..Options::default() };
    // In flight, before a retry that comes too late, and while nobody calls `next`.
    let in_flight = vec![after(0, Behavior::Silence)];
    let retries = vec![after(0, graph_error(503, &[], "", "")), after(0, graph_error(503, &[], "", ""))];
    for (replies, pause, ends) in [(in_flight, 0, 5_000), (retries, 0, 5_000), (Vec::new(), 6_000, 6_000)] {
        let (mut reader, query) = start(replies, options()).await;
        let begin = Instant::now();
        advance(Duration::from_millis(pause)).await;
        let Event::Over(Some(error)) = reader.next(query, None).await else { panic!("not over") };
        assert_eq!((error.kind, &*error.message), (ErrorKind::DeadlineExceeded, "the deadline passed"));
        assert!(begin.elapsed().as_millis() <= ends, "{:?}", begin.elapsed());
        assert_eq!(reader.next(query, None).await, Event::Over(Some(error)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_has_arrived_is_read_after_the_deadline() {
    let (mut reader, query) =
        start([after(100, page(&["1"], Some(&link("a"))))], Options { deadline_ms: Some(5_000), ..Options::default() })
            .await;
    progress(reader.next(query, Some(0)).await);
    advance(Duration::from_secs(10)).await;
    assert_eq!(ids(reader.next(query, None).await), ["1"]);
    assert!(matches!(reader.next(query, None).await, Event::Over(Some(_))));
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_the_caller_counts_as_at_most_a_second() {
    let options = Options { attempt_timeout_ms: Some(5_000), max_attempts: Some(1), ..Options::default() };
    let (mut reader, query) = start([after(600_000, page(&["1"], None))], options).await;
    progress(reader.next(query, Some(0)).await);
    for _ in 0..3 {
        advance(Duration::from_secs(60)).await;
        progress(reader.next(query, Some(0)).await);
    }
    // Three seconds of the timeout have counted.
    let begin = Instant::now();
    let Event::Over(Some(error)) = reader.next(query, None).await else { panic!("not over") };
    assert_eq!(error.kind, ErrorKind::NoResponse);
    assert!((1_990..=2_010).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_function_during_a_token_request_traps() {
    for reentry in [Reentry::Next, Reentry::Drop, Reentry::Start] {
        let (mut reader, query) = start([], Options::default()).await;
        reader.reenter(query, reentry);
        assert!(reader.try_next(query, None).await.is_err(), "{reentry:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_that_is_dropped_abandons_its_request() {
    let replies = [after(0, page(&["1"], Some(&link("a")))), after(0, Behavior::Silence), after(0, page(&["2"], None))];
    let (mut reader, query) = start(replies, Options::default()).await;
    assert_eq!(ids(reader.next(query, None).await), ["1"]);
    assert_eq!(progress(reader.next(query, Some(2_000)).await).requests, 2);
    reader.drop_query(query).await;
    assert_eq!(reader.read(Options::default()).await.entries().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_wait_gives_the_same_list() {
    for wait in [Some(0), Some(1), Some(37), Some(1_000), Some(60_000), None] {
        let replies = [
            after(20, page(&["1"], Some(&link("a")))),
            after(20, graph_error(429, &[], "", "")),
            after(20, page(&[], Some(&link("b")))),
            after(20, graph_error(500, &[], "", "")),
            after(20, page(&["2"], None)),
        ];
        let mut reader = Reader::with(Script::new(replies), canary()).await;
        // A host that polls sleeps in between.
        let listing = if wait == Some(0) {
            let query = reader.start(Collection::RiskyUsers, None, Options::default()).await.expect("valid arguments");
            let mut read = Vec::new();
            loop {
                match reader.next(query, wait).await {
                    Event::Page(entries) => read.extend(entries.into_iter().map(|entry| entry.id)),
                    Event::Waiting(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                    Event::Over(end) => break assert_eq!(end, None),
                }
            }
            read
        } else {
            let listing = reader.read_with(Collection::RiskyUsers, None, Options::default(), wait).await;
            listing.entries().into_iter().map(|entry| entry.id.clone()).collect()
        };
        assert_eq!(listing, ["1", "2"], "{wait:?}");
    }
}
