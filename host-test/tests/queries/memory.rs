//! Pages of the largest size, within the bounds of memory.

use bytes::Bytes;
use graph_model::Behavior;
use host_test::host::{Host, Outbound};
use host_test::plugin::canary;
use host_test::reader::queries::{ErrorKind, Options};
use host_test::reader::{Listing, Reader};
use host_test::script::{Script, respond, response};

const MAX_PAGE_BYTES: usize = 8 << 20;
const MAX_MEMORY: usize = 32 << 20;

/// Reads one page with at most 32 MiB of linear memory: more would trap.
async fn read(behaviors: impl IntoIterator<Item = Behavior>) -> Listing {
    let host = Host::new(Outbound::InProcess(Script::at_once(behaviors)), canary(), 0).max_memory(MAX_MEMORY);
    let listing = Reader::new(host).await.read(Options::default()).await;
    println!("{} KiB", listing.memory >> 10);
    listing
}

/// A body of this size: `<filling>` is replaced by as much of `filling` as fits, and the rest is
/// white space.
fn padded(text: &str, filling: &str, size: usize) -> Bytes {
    let count = (size - text.len()) / filling.len();
    let mut body = text.replace("<filling>", &filling.repeat(count));
    body.push_str(&" ".repeat(size.saturating_sub(body.len())));
    body.into()
}

fn long_entries() -> Bytes {
    let text = "é".repeat(4_000);
    let entry = format!(r#"{{"id":"{0}","displayName":"{0}","riskLevel":"{0}","riskState":"{0}"}}"#, text);
    let entries = vec![entry; 128].join(",");
    padded(&format!(r#"{{"value":[{entries}]}}"#), " ", MAX_PAGE_BYTES)
}

#[tokio::test(start_paused = true)]
async fn a_page_of_8_mib_is_read() {
    let entries = (0..1_000).map(|id| format!(r#"{{"id":"{id}","isDeleted":true,"more":["{}"]}}"#, "x".repeat(8_000)));
    let text = format!(r#"{{"value":[{}]}}"#, entries.collect::<Vec<_>>().join(","));
    let body = padded(&text, " ", MAX_PAGE_BYTES);
    assert_eq!(body.len(), MAX_PAGE_BYTES);
    let listing = read([respond(200, &[], body)]).await;
    assert_eq!((listing.end.as_ref(), listing.entries().len()), (None, 1_000));

    let listing = read([respond(200, &[], long_entries())]).await;
    assert_eq!((listing.end.as_ref(), listing.entries().len()), (None, 128));
    assert_eq!(listing.entries()[0].id, "é".repeat(128));
}

#[tokio::test(start_paused = true)]
async fn a_page_of_five_thousand_entries_is_read() {
    let text = "x".repeat(256);
    let entry = format!(
        r#"{{"id":"{text}","userPrincipalName":"{text}","userDisplayName":"{text}","riskLevel":"{text}","riskState":"{text}",
            "riskDetail":"{text}"}}"#
    );
    let listing = read([respond(200, &[], format!(r#"{{"value":[{}]}}"#, vec![entry; 4_500].join(",")))]).await;
    assert_eq!((listing.end.as_ref(), listing.entries().len()), (None, 4_500));
}

#[tokio::test(start_paused = true)]
async fn a_larger_page_is_an_error() {
    let body = padded(r#"{"value":[{"id":"1"}]}"#, " ", MAX_PAGE_BYTES + 1);
    let endless = |part: usize| Behavior::Endless(response(200, &[], vec![b' '; part]));
    for behavior in [respond(200, &[], body), endless(65_536), endless(1_001), endless(40_000), endless(60_001)] {
        let listing = read([behavior]).await;
        assert_eq!(listing.error().kind, ErrorKind::UnexpectedStatus);
        assert!(listing.error().message.starts_with("the page is larger than 8 MiB: "), "{}", listing.error().message);
        assert!(listing.memory <= 24 << 20, "what has arrived is in memory more than twice: {} bytes", listing.memory);
    }
}

#[tokio::test(start_paused = true)]
async fn no_page_takes_more_memory() {
    let size = MAX_PAGE_BYTES;
    for (text, filling) in [
        // Many entries, members, lists and links, deep nesting, and texts that must be unescaped.
        (r#"{"value":[<filling>{"id":"1"}]}"#, r#"{"id":"1"},"#),
        (r#"{"value":[<filling>{"id":"1"}]}"#, "{},"),
        (r#"{"value":[<filling>1]}"#, "1,"),
        (r#"{"value":[{<filling>"id":"1"}]}"#, r#""":{},"#),
        (r#"{"value":[{"id":[<filling>0]}]}"#, "{},"),
        (r#"{"value":[{"id":{<filling>"a":0}}]}"#, r#""a":{},"#),
        (r#"{<filling>"value":[]}"#, r#""value":[],"#),
        (r#"{<filling>"value":[]}"#, r#""@odata.nextLink":"a","#),
        (r#"{"value":[],"@odata.nextLink":"<filling>"}"#, "a"),
        (r#"{"value":[],"@odata.nextLink":"<filling>"}"#, r"\u00e9"),
        (r#"{"value":[{"id":"<filling>"}]}"#, r"\n"),
        (r#"{"value":[{"<filling>":1}]}"#, r"\n"),
        (r#"{"value":[{"id":<filling>1}]}"#, "1"),
        (r#"{"value":<filling>"#, "["),
        (r#"{"value":<filling>"#, r#"{"a":"#),
        ("<filling>", "\u{e9}"),
    ] {
        let listing = read([respond(200, &[], padded(text, filling, size))]).await;
        assert!(listing.entries().len() <= 5_000, "{text} {filling}");
    }
    // No UTF-8, and errors of that size.
    for status in [200, 400, 501] {
        for byte in [0xff, b'[', b' '] {
            read([respond(status, &[], vec![byte; size])]).await.error();
        }
        let body = padded(r#"{"error":{<filling>"code":"Code"}}"#, r#""":{},"#, size);
        read([respond(status, &[], body)]).await.error();
    }
}

#[tokio::test(start_paused = true)]
async fn memory_does_not_grow_with_the_number_of_pages() {
    let page = |number: u32, ids: u32| {
        let users: Vec<String> = (0..ids).map(|id| format!(r#"{{"id":"{number}-{id}","riskLevel":"high"}}"#)).collect();
        let link = super::link(&number.to_string());
        respond(200, &[], format!(r#"{{"value":[{}],"@odata.nextLink":"{link}"}}"#, users.join(",")))
    };
    let mut sizes = Vec::new();
    for pages in [3, 300] {
        let behaviors = (0..pages).map(|number| page(number, 500)).chain([super::page(&["1"], None)]);
        sizes.push(read(behaviors).await.memory);
    }
    assert!(sizes[1] <= sizes[0] + (64 << 10), "{sizes:?}");
}
