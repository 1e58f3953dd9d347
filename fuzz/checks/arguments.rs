//! Parses the arguments of a call: the first line is the endpoint, the others are ids. Nothing
//! panics. Every accepted id and endpoint is accepted by the crates `uuid` and `url` with the same
//! meaning. Every id is kept once, in the order given and as spelled first.

use std::collections::HashSet;

use entra_risk_engine::contract::arguments::distinct_ids;
use entra_risk_engine::contract::endpoint::Endpoint;
use entra_risk_engine::contract::id::Id;
use url::Url;
use uuid::Uuid;

pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let endpoint = lines.next().unwrap_or_default();
    let ids: Vec<String> = lines.map(str::to_owned).collect();

    // For internationalized names, `url` also checks the encoding.
    if let Some(parsed) = Endpoint::parse(endpoint).ok().filter(|parsed| !parsed.authority.contains("xn--")) {
        let url = Url::parse(endpoint).unwrap();
        assert_eq!((url.username(), url.password(), url.path()), ("", None, "/"));
        assert_eq!((url.query(), url.fragment()), (None, None));
        assert_eq!(parsed.to_string(), url.origin().ascii_serialization());
        let loopback = match url.host().unwrap() {
            url::Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
            url::Host::Ipv4(address) => address.is_loopback(),
            url::Host::Ipv6(address) => address.is_loopback(),
        };
        assert!(parsed.https || loopback);
    }

    let is_valid = |id: &String| id.len() == 36 && Uuid::try_parse(id).is_ok_and(|id| !id.is_nil());
    let all_valid = ids.iter().all(is_valid);
    let parsed = distinct_ids("ids", &ids);
    assert_eq!(parsed.is_ok(), all_valid);
    if let Ok(parsed) = parsed {
        let mut seen = HashSet::new();
        let expected: Vec<String> = ids.into_iter().filter(|id| seen.insert(Uuid::try_parse(id).unwrap())).collect();
        assert!(parsed.iter().map(Id::as_str).eq(expected));
    }
}
