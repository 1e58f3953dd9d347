//! Parses the arguments of a call: the first line is the endpoint, the others are ids. Nothing panics. Every accepted
//! GUID and endpoint is accepted by the crates `uuid` and `url` with the same meaning. Every id is kept once, in the
//! order given.

#![no_main]

use std::collections::HashSet;

use entra_risk_engine::action::DISMISS_RISKY_USERS;
use entra_risk_engine::bindings::exports::entra::risk::actions::Options;
use entra_risk_engine::input::{Endpoint, Input};
use libfuzzer_sys::fuzz_target;
use url::Url;
use uuid::Uuid;

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let endpoint = lines.next().unwrap_or_default();
    let ids: Vec<String> = lines.map(str::to_owned).collect();

    // For internationalized names, `url` also checks the encoding.
    let parsed = Endpoint::parse(endpoint).ok().filter(|parsed| !parsed.authority.to_lowercase().contains("xn--"));
    if let Some(Endpoint { tls, authority }) = parsed {
        let url = Url::parse(endpoint).unwrap();
        assert_eq!(url.scheme(), if tls { "https" } else { "http" });
        assert_eq!((url.username(), url.password(), url.path()), ("", None, "/"));
        assert_eq!((url.query(), url.fragment()), (None, None));
        assert!(endpoint.ends_with(&authority));
        let loopback = match url.host().unwrap() {
            url::Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
            url::Host::Ipv4(address) => address.is_loopback(),
            url::Host::Ipv6(address) => address.is_loopback(),
        };
        assert!(tls || loopback);
    }

    let options = Options {
        cloud: None,
        endpoint: None,
        api_version: None,
        ids_per_request: None,
        max_in_flight: None,
        max_attempts: None,
        attempt_timeout_ms: None,
        deadline_ms: None,
        pace: None,
    };
    let all_valid = !ids.is_empty() && ids.iter().all(|id| id.len() == 36 && Uuid::try_parse(id).is_ok());
    let parsed = Input::parse(&DISMISS_RISKY_USERS, ids.clone(), Some(options));
    assert_eq!(parsed.is_ok(), all_valid);
    if let Ok(input) = parsed {
        let mut seen = HashSet::new();
        let expected: Vec<String> = ids.into_iter().filter(|id| seen.insert(Uuid::try_parse(id).unwrap())).collect();
        assert_eq!(input.ids, expected);
    }
});
