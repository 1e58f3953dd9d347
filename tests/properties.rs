//! Properties of the pure parts, and where a crate exists that does the same, that both agree.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use entra_risk::bindings::exports::entra::risk::actions::Pace;
use entra_risk::input::Endpoint;
use entra_risk::json::Json;
use entra_risk::pace::Pacer;
use entra_risk::response::{Answer, retry_after};
use entra_risk::token::{Authorization, Token};
use entra_risk::{challenge, date, guid};
use proptest::prelude::*;

/// 31 December 9999, the last day that an HTTP date can have.
const LAST_SECOND: u64 = 253_402_300_799;

/// From then on a year of two digits is another.
const LAST_SECOND_OF_2069: u64 = 3_155_759_999;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_guid_is_read_as_the_crate_reads_it(bits: u128) {
        let guid = uuid::Uuid::from_u128(bits);
        prop_assert_eq!(guid::parse(&guid.to_string()), Some(bits));
        prop_assert_eq!(guid::parse(&guid.to_string().to_uppercase()), Some(bits));
        prop_assert_eq!(guid::parse(&guid.simple().to_string()), None);
    }

    #[test]
    fn what_is_no_guid_to_the_crate_is_none(text in "[0-9a-fA-Fg{}-]{34,38}|.{36}") {
        let by_crate = uuid::Uuid::try_parse(&text).ok().filter(|_| text.len() == 36);
        prop_assert_eq!(guid::parse(&text), by_crate.map(|guid| guid.as_u128()));
    }

    #[test]
    fn a_random_guid_is_of_version_4(bits: u128) {
        let guid = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
        prop_assert_eq!(guid::random(bits), guid.to_string());
    }

    #[test]
    fn a_date_is_read_as_the_crate_writes_it(seconds in 0..=LAST_SECOND) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        prop_assert_eq!(date::parse(&httpdate::fmt_http_date(time)), Some(seconds));
    }

    #[test]
    fn the_older_forms_of_a_date_say_the_same(seconds in 0..LAST_SECOND_OF_2069) {
        let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let pieces: Vec<&str> = date.split([',', ' ']).filter(|piece| !piece.is_empty()).collect();
        let [weekday, day, month, year, time, zone] = pieces[..] else { panic!("{date}") };
        let rfc_850 = format!("{weekday}day, {day}-{month}-{} {time} {zone}", &year[2..]);
        let asctime = format!("{weekday} {month} {:>2} {time} {year}", day.trim_start_matches('0'));
        prop_assert_eq!(date::parse(&rfc_850), Some(seconds), "{}", rfc_850);
        prop_assert_eq!(date::parse(&asctime), Some(seconds), "{}", asctime);
    }

    #[test]
    fn claims_are_decoded_from_either_alphabet_with_or_without_padding(value in ".{0,40}") {
        let claims = serde_json::json!({ "access_token": value }).to_string();
        let encodings = [&BASE64_STANDARD, &BASE64_STANDARD_NO_PAD, &BASE64_URL_SAFE, &BASE64_URL_SAFE_NO_PAD];
        for encoding in encodings {
            let header = format!("Bearer error=\"insufficient_claims\", claims=\"{}\"", encoding.encode(&claims));
            prop_assert_eq!(challenge::claims(&[header]), Some(claims.clone()));
        }
    }

    #[test]
    fn whatever_others_write_is_read_without_a_panic(text in ".{0,80}", bytes: Vec<u8>) {
        let _ = (Endpoint::parse(&text), guid::parse(&text), date::parse(&text), Json::parse(&bytes));
        let _ = (retry_after(&text, Some(&text)), challenge::claims(&[text]));
    }

    #[test]
    fn json_texts_are_those_the_crate_reads(code in ".{0,30}", number: f64, list: Vec<i64>) {
        let body = serde_json::json!({ "n": number, "list": [list, { "a": null }], "error": { "code": code, "b": true } });
        let json = Json::parse(body.to_string().as_bytes());
        let read = json.get("error").and_then(|error| error.get("code")).and_then(Json::text);
        prop_assert_eq!(read, Some(code.as_str()));
    }

    #[test]
    fn a_token_that_an_answer_echoes_does_not_survive(token in "[!-~]{1,12}", around in "[!-~ é]{0,12}") {
        let echo = format!("{around}{token}{around}{token}");
        let body = serde_json::json!({ "error": { "code": echo, "message": echo } }).to_string().into_bytes();
        let echo = Some(echo);
        let answer = Answer { status: 400, request_id: echo.clone(), date: echo, body, ..Answer::default() };
        let authorization = Authorization::Bearer(Token::parse(token.clone()).unwrap());
        let error = answer.judge(String::new(), &authorization).unwrap_err();
        for text in [error.code, error.message, error.request_id.unwrap(), error.date.unwrap()] {
            prop_assert!(!text.replace("[token]", "").contains(&token), "{}", text);
        }
    }

    #[test]
    fn no_window_holds_more_sends_than_the_pace_allows(
        requests in 1..20_u32, window_ms in 1..5_000_u32, waits in prop::collection::vec(0..2_000_u64, 1..200),
    ) {
        let pace = Pace { requests, window_ms };
        let window = Duration::from_millis(window_ms.into());
        let (mut pacer, mut now, mut sent) = (Pacer::new(), Duration::ZERO, Vec::new());
        for wait in waits {
            now = (now + Duration::from_millis(wait)).max(pacer.earliest(&pace));
            pacer.sent(&pace, now);
            sent.push(now);
        }
        for first in &sent {
            let in_window = sent.iter().filter(|&&time| time >= *first && time < *first + window).count();
            prop_assert!(in_window <= requests as usize);
        }
    }
}
