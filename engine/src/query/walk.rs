//! The way from page to page: which request comes next, and which next links are followed.

use crate::contract::arguments::ResolvedOptions;
use crate::contract::collection::Collection;
use crate::contract::endpoint::Endpoint;
use crate::query::page::{MAX_LINK_BYTES, Page};

/// How far a list was read.
#[derive(Debug)]
pub(crate) struct Walk {
    /// The addresses that a next link may name: that of the requests, and the cloud's root.
    roots: [Endpoint; 2],
    /// The path of every request.
    path: String,
    /// The query of the next request.
    query: String,
    /// The hashes of the queries so far.
    seen: Vec<u64>,
    /// How many pages in a row were empty.
    empty: u32,
}

impl Walk {
    /// The way that begins with the first page. `root` is the cloud's root.
    pub(crate) fn new(
        collection: &Collection,
        filter: Option<&str>,
        options: &ResolvedOptions,
        root: Endpoint,
    ) -> Walk {
        let mut query = format!("$select={}&$top={}", collection.select, options.ids_per_request);
        if let Some(filter) = filter.or(collection.filter) {
            query.push_str("&$filter=");
            encode(filter.as_bytes(), is_unreserved, &mut query);
        }
        Walk {
            roots: [options.endpoint.clone(), root],
            path: [options.api_version.segment(), collection.path].concat(),
            seen: vec![hash(&query)],
            query,
            empty: 0,
        }
    }

    /// The path and the query of the next request.
    pub(crate) fn target(&self) -> String {
        [&self.path, "?", &self.query].concat()
    }

    /// Goes on after a page. Returns whether there is a next one; the error says why its link is
    /// not followed.
    pub(crate) fn follow(&mut self, page: &Page) -> Result<bool, &'static str> {
        let Some(link) = &page.next_link else { return Ok(false) };
        let query = self.query_of(link)?;
        let hash = hash(&query);
        if self.seen.contains(&hash) {
            return Err("the next link leads to a page that was read before");
        }
        self.empty = if page.entries.is_empty() { self.empty.saturating_add(1) } else { 0 };
        if self.empty >= MAX_EMPTY_PAGES {
            return Err("100 pages in a row are empty");
        }
        self.seen.push(hash);
        self.query = query;
        Ok(true)
    }

    /// The query of a next link, if the link leads to another part of the same list.
    fn query_of(&self, link: &str) -> Result<String, &'static str> {
        let (address, query) = link.split_once('?').unwrap_or((link, ""));
        // The authority ends with the third slash.
        let end = address.match_indices('/').nth(2).map_or(address.len(), |(end, _)| end);
        let (root, path) = address.split_at_checked(end).unwrap_or_default();
        if !Endpoint::parse(root).is_ok_and(|root| self.roots.contains(&root)) {
            return Err("the next link leads to another host");
        }
        // Microsoft Graph does not distinguish the case of a path. What is sent is the path of the
        // first request.
        if !path.eq_ignore_ascii_case(&self.path) {
            return Err("the next link leads to another path");
        }
        if query.is_empty() || link.len() >= MAX_LINK_BYTES {
            return Err("the next link has no query, or one that is too long");
        }
        let mut encoded = String::with_capacity(query.len());
        encode(query.as_bytes(), is_of_query, &mut encoded);
        Ok(encoded)
    }
}

/// Appends bytes to a query, percent-encoded unless they `are_kept`.
fn encode(bytes: &[u8], are_kept: fn(u8) -> bool, query: &mut String) {
    for &byte in bytes {
        if are_kept(byte) {
            query.push(char::from(byte));
        } else {
            query.push('%');
            let digits = [byte >> 4, byte & 0xf].map(|digit| char::from_digit(digit.into(), 16));
            query.extend(digits.into_iter().flatten().map(|digit| digit.to_ascii_uppercase()));
        }
    }
}

/// Whether a byte stands for itself everywhere in a URI (RFC 3986, section 2.3).
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Whether a query may contain a byte (RFC 3986, section 3.4), with those that it encodes.
fn is_of_query(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/?%".contains(&byte)
}

/// The hash of a query (FNV-1a with 64 bits). Two that are equal by chance would end a list with an
/// error.
fn hash(query: &str) -> u64 {
    query.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Empty pages in a row that end a list: chains of them without end have been seen.
const MAX_EMPTY_PAGES: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::arguments::Options;
    use crate::contract::collection::COLLECTIONS;
    use crate::query::page::Entry;

    const PATH: &str = "/v1.0/identityProtection/riskyUsers";

    fn walk(filter: Option<&str>) -> Walk {
        let options = Options { endpoint: Some("https://gateway.example:8443".to_owned()), ..Options::default() };
        let options = ResolvedOptions::of_query(&COLLECTIONS[0], options).unwrap();
        Walk::new(&COLLECTIONS[0], filter, &options, Endpoint::parse("https://graph.microsoft.com").unwrap())
    }

    fn page(link: &str) -> Page {
        Page { entries: vec![Entry::default()], next_link: Some(link.to_owned()) }
    }

    #[test]
    fn the_filter_is_encoded() {
        let target = walk(Some("riskState eq 'atRisk' & é#+")).target();
        let (before, filter) = target.split_once("&$filter=").unwrap();
        assert!(before.starts_with("/v1.0/identityProtection/riskyUsers?$select=id,userPrincipalName,"), "{before}");
        assert!(before.ends_with(",isDeleted,isProcessing&$top=500"), "{before}");
        assert_eq!(filter, "riskState%20eq%20%27atRisk%27%20%26%20%C3%A9%23%2B");
        assert!(!walk(None).target().contains("$filter"));
    }

    #[test]
    fn only_the_query_of_a_link_is_used() {
        for root in [
            "https://gateway.example:8443",
            "https://Gateway.Example:8443",
            "https://graph.microsoft.com",
            "https://graph.microsoft.com:443",
        ] {
            for path in [PATH, "/v1.0/identityprotection/RISKYUSERS"] {
                let mut walk = walk(None);
                let link = format!("{root}{path}?$top=5&$skiptoken=a b'\"\u{e9}%20?/");
                assert_eq!(walk.follow(&page(&link)), Ok(true), "{link}");
                assert_eq!(walk.target(), format!("{PATH}?$top=5&$skiptoken=a%20b'%22%C3%A9%20?/"), "{link}");
            }
        }
    }

    #[test]
    fn a_link_elsewhere_is_not_followed() {
        let path = PATH;
        for link in [
            "".to_owned(),
            "?$skiptoken=a".to_owned(),
            format!("{path}?$skiptoken=a"),
            format!("//graph.microsoft.com{path}?$skiptoken=a"),
            format!("http://graph.microsoft.com{path}?$skiptoken=a"),
            format!("https://graph.microsoft.us{path}?$skiptoken=a"),
            format!("https://graph.microsoft.com.evil.example{path}?$skiptoken=a"),
            format!("https://graph.microsoft.com@evil.example{path}?$skiptoken=a"),
            format!("https://evil.example#https://graph.microsoft.com{path}?$skiptoken=a"),
            format!("https://evil.example\\graph.microsoft.com{path}?$skiptoken=a"),
            format!("https://graph.microsoft.com:8443{path}?$skiptoken=a"),
            format!("https://gateway.example{path}?$skiptoken=a"),
            "https://graph.microsoft.com/beta/identityProtection/riskyUsers?$skiptoken=a".to_owned(),
            format!("https://graph.microsoft.com{path}/?$skiptoken=a"),
            format!("https://graph.microsoft.com{path}/../../me/messages?$skiptoken=a"),
            format!("https://graph.microsoft.com/{path}?$skiptoken=a"),
            format!("https://graph.microsoft.com{path}#?$skiptoken=a"),
            format!("https://graph.microsoft.com{path}"),
            format!("https://graph.microsoft.com{path}?"),
            format!("https://graph.microsoft.com{path}?$skiptoken={}", "a".repeat(MAX_LINK_BYTES)),
            "https://graph.microsoft.com/v1.0/me/messages?$skiptoken=a".to_owned(),
            "https://graph.microsoft.com?$skiptoken=a".to_owned(),
            "https://é?a".to_owned(),
        ] {
            let mut walk = walk(None);
            let target = walk.target();
            assert!(walk.follow(&page(&link)).is_err(), "{link}");
            assert_eq!(walk.target(), target, "{link}");
        }
    }

    #[test]
    fn a_page_is_read_once() {
        let mut walk = walk(None);
        let first = format!("https://graph.microsoft.com{}", walk.target());
        let link = |token: &str| format!("https://graph.microsoft.com{PATH}?$skiptoken={token}");
        assert_eq!(walk.follow(&page(&link("a"))), Ok(true));
        assert_eq!(walk.follow(&page(&link("b"))), Ok(true));
        assert!(walk.follow(&page(&link("a"))).is_err());
        assert!(walk.follow(&page(&first)).is_err());
        assert_eq!(walk.follow(&Page::default()), Ok(false));
    }

    #[test]
    fn the_hundredth_empty_page_in_a_row_ends_the_list() {
        let mut walk = walk(None);
        let link = |number: u32| Some(format!("https://graph.microsoft.com{PATH}?{number}"));
        for number in 0..99 {
            assert_eq!(walk.follow(&Page { entries: Vec::new(), next_link: link(number) }), Ok(true));
        }
        assert_eq!(walk.follow(&page(&link(99).unwrap())), Ok(true));
        for number in 100..199 {
            assert_eq!(walk.follow(&Page { entries: Vec::new(), next_link: link(number) }), Ok(true));
        }
        assert!(walk.follow(&Page { entries: Vec::new(), next_link: link(200) }).is_err());
    }
}
