//! The way from page to page.

use host_test::reader::Reader;
use host_test::reader::queries::{ErrorKind, Options};

use super::{PATH, ROOT, link, page};

#[tokio::test(start_paused = true)]
async fn pages_are_read_to_the_last_one_at_the_limit() {
    let (second, third) = (link("b%20c"), link("d"));
    let mut reader =
        Reader::scripted([page(&["1", "2"], Some(&second)), page(&[], Some(&third)), page(&["3"], None)]).await;
    let listing = reader.read(Options::default()).await;
    assert_eq!(listing.end, None);
    let ids: Vec<Vec<&str>> =
        listing.pages().into_iter().map(|page| page.iter().map(|entry| &*entry.id).collect()).collect();
    assert_eq!(ids, [vec!["1", "2"], vec!["3"]]);
    let sent: Vec<String> = listing.exchanges[1..].iter().map(|exchange| exchange.request.uri().to_string()).collect();
    assert_eq!(sent, [second, third]);
    assert!((1_900..2_600).contains(&listing.elapsed.as_millis()), "{:?}", listing.elapsed);
}

#[tokio::test(start_paused = true)]
async fn a_link_elsewhere_ends_the_query_and_no_request_is_sent_there() {
    for link in [
        format!("https://evil.example{PATH}?$skiptoken=a"),
        format!("http://graph.microsoft.com{PATH}?$skiptoken=a"),
        format!("{ROOT}/v1.0/me/messages?$skiptoken=a"),
        format!("{ROOT}/beta/identityProtection/riskyUsers?$skiptoken=a"),
        format!("{PATH}?$skiptoken=a"),
        String::new(),
    ] {
        let mut reader = Reader::scripted([page(&["1"], Some(&link))]).await;
        let listing = reader.read(Options::default()).await;
        assert_eq!(listing.error().kind, ErrorKind::UnexpectedStatus, "{link}");
        assert!(listing.error().message.starts_with("the next link "), "{}", listing.error().message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_loop_of_links_ends_the_query() {
    let (a, b) = (link("a"), link("b"));
    let mut reader = Reader::scripted([page(&["1"], Some(&a)), page(&["2"], Some(&b)), page(&["3"], Some(&a))]).await;
    let listing = reader.read(Options::default()).await;
    let error = listing.error();
    assert_eq!(error.kind, ErrorKind::UnexpectedStatus);
    assert!(error.message.contains("a page that was read before"), "{}", error.message);
}

#[tokio::test(start_paused = true)]
async fn the_hundredth_empty_page_in_a_row_ends_the_query() {
    let pages = (0..100).map(|number| page(&[], Some(&link(&number.to_string()))));
    let mut reader = Reader::scripted(pages).await;
    let listing = reader.read(Options::default()).await;
    assert_eq!(listing.error().kind, ErrorKind::UnexpectedStatus);
    assert!(listing.error().message.contains("100 pages in a row are empty"), "{}", listing.error().message);
    assert_eq!((listing.pages().len(), listing.exchanges.len()), (0, 100));
}
