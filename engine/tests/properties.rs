//! Properties of the parsers. Where a crate does the same, both agree.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use entra_risk_engine::contract::endpoint::Endpoint;
use entra_risk_engine::contract::id::{self, Id};
use entra_risk_engine::contract::token::{Authorization, Secrets, Token};
use entra_risk_engine::decimal;
use entra_risk_engine::http::json::Json;
use entra_risk_engine::http::response::{Response, retry_after};
use entra_risk_engine::http::{challenge, date};
use entra_risk_engine::query::page::Page;
use proptest::prelude::*;

/// 31 December 9999, the last day that an HTTP date can have.
const LAST_SECOND: u64 = 253_402_300_799;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn accepts_ids_that_uuid_writes_and_keeps_their_spelling(bits in 1..=u128::MAX) {
        let guid = uuid::Uuid::from_u128(bits);
        for text in [guid.to_string(), guid.to_string().to_uppercase()] {
            let id = Id::parse(&text).unwrap();
            prop_assert_eq!((id.number(), id.as_str()), (bits, text.as_str()));
        }
        prop_assert!(Id::parse(&guid.simple().to_string()).is_none());
    }

    #[test]
    fn rejects_what_uuid_rejects(text in "[0-9a-fA-Fg{}-]{34,38}|.{36}") {
        let by_crate = uuid::Uuid::try_parse(&text).ok().filter(|_| text.len() == 36);
        let by_crate = by_crate.filter(|guid| !guid.is_nil());
        prop_assert_eq!(Id::parse(&text).map(|id| id.number()), by_crate.map(|guid| guid.as_u128()));
    }

    #[test]
    fn random_guids_are_of_version_4(bits: u128) {
        let guid = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
        prop_assert_eq!(id::random_guid((bits >> 64) as u64, bits as u64), guid.to_string());
    }

    #[test]
    fn reads_dates_that_httpdate_writes(seconds in 0..=LAST_SECOND) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        prop_assert_eq!(date::parse(&httpdate::fmt_http_date(time)), Some(seconds));
    }

    #[test]
    fn decodes_claims_in_either_alphabet_with_or_without_padding(value in ".{0,40}") {
        let claims = serde_json::json!({ "access_token": value }).to_string();
        let encodings = [&BASE64_STANDARD, &BASE64_STANDARD_NO_PAD, &BASE64_URL_SAFE, &BASE64_URL_SAFE_NO_PAD];
        for encoding in encodings {
            let header = format!("Bearer error=\"insufficient_claims\", claims=\"{}\"", encoding.encode(&claims));
            prop_assert_eq!(challenge::claims(&[header]), Some(claims.clone()));
        }
    }

    #[test]
    fn parsers_accept_any_text_without_a_panic(text in ".{0,80}", bytes: Vec<u8>) {
        let _ = (Endpoint::parse(&text), Id::parse(&text), date::parse(&text), decimal::parse(&text));
        let _ = (Page::parse(&bytes, &Secrets::default()), Page::parse(text.as_bytes(), &Secrets::default()));
        let _ = (Json::parse(&bytes), retry_after(&text, Some(&text)), challenge::claims(&[text]));
    }

    #[test]
    fn reads_strings_that_serde_json_writes(code in ".{0,30}", number: f64, list: Vec<i64>) {
        let list = serde_json::json!([list, { "a": null }]);
        let body = serde_json::json!({ "n": number, "list": list, "error": { "code": code, "b": true } });
        let json = Json::parse(body.to_string().as_bytes());
        let read = json.get("error").and_then(|error| error.get("code")).and_then(Json::text);
        prop_assert_eq!(read, Some(code.as_str()));
    }

    #[test]
    fn reads_pages_that_serde_json_writes(ids in prop::collection::vec(".{1,30}", 0..9), name in ".{0,30}", n: f64) {
        let entry = |id| serde_json::json!({ "id": id, "userPrincipalName": null, "more": [n, { name.clone(): n }],
            "userDisplayName": name, "riskLevel": n, "isDeleted": true });
        let entries: Vec<_> = ids.iter().map(entry).collect();
        let page = serde_json::json!({ "n": n, "value": entries, "@odata.nextLink": name });
        let page = Page::parse(page.to_string().as_bytes(), &Secrets::default()).unwrap();
        prop_assert_eq!(page.next_link.as_deref(), Some(&*name));
        prop_assert_eq!(page.entries.iter().map(|entry| &entry.id).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
        for entry in &page.entries {
            prop_assert_eq!((&*entry.name, &*entry.risk_level, entry.deleted), (&*name, "", true));
        }
    }

    #[test]
    fn removes_an_echoed_token(token in "[!-~]{1,60}", around in "[!-~ é]{0,30}") {
        let echo = format!("{around}{token}{around}{token}");
        let body = serde_json::json!({ "error": { "code": echo, "message": echo } }).to_string().into_bytes();
        let echo = Some(echo);
        let response = Response { status: 400, request_id: echo.clone(), date: echo, body, ..Response::default() };
        let mut secrets = Secrets::default();
        let _kept = secrets.add(Authorization::Bearer(Token::parse(token.clone()).unwrap()));
        let rejection = response.judge(String::new(), &secrets).unwrap_err();
        let error = rejection.error.response.as_ref().unwrap();
        let texts = [Some(&error.code), Some(&error.message), error.request_id.as_ref(), error.date.as_ref()];
        for text in texts.map(|text| text.unwrap().replace("[token]", "\n")) {
            for run in token.as_bytes().windows(token.len().min(24)) {
                prop_assert!(!text.as_bytes().windows(run.len()).any(|part| part == run), "{}", text);
            }
        }
    }
}
