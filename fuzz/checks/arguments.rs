//! Parses the arguments of a call: the first line is the endpoint, the others are ids. Nothing panics. Every accepted
//! GUID and endpoint is accepted by the crates `uuid` and `url` with the same meaning. Every id is kept once, in the
//! order given.

use std::collections::HashSet;

use entra_risk_engine::action::ACTIONS;
use entra_risk_engine::arguments::distinct_ids;
use entra_risk_engine::endpoint::Endpoint;
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

    let all_valid = !ids.is_empty() && ids.iter().all(|id| id.len() == 36 && Uuid::try_parse(id).is_ok());
    let parsed = distinct_ids(&ACTIONS[3], ids.clone());
    assert_eq!(parsed.is_ok(), all_valid);
    if let Ok(parsed) = parsed {
        let mut seen = HashSet::new();
        let expected: Vec<String> = ids.into_iter().filter(|id| seen.insert(Uuid::try_parse(id).unwrap())).collect();
        assert_eq!(parsed, expected);
    }
}
