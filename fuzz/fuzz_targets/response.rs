//! Parses and judges a response. The input has six lines: status, `retry-after`, `date`, `www-authenticate`,
//! `request-id`, and the body, which may contain more lines. Nothing panics, only 204 is success, the token never
//! appears in the result, and dates agree with the crate `httpdate`.

#![no_main]

use std::time::{Duration, SystemTime};

use entra_risk_engine::response::{Answer, retry_after};
use entra_risk_engine::token::{Authorization, Token};
use entra_risk_engine::{challenge, date};
use libfuzzer_sys::fuzz_target;

const TOKEN: &str = "eyJ0-canary";

fuzz_target!(|data: &[u8]| {
    let mut lines = data.splitn(6, |&byte| byte == b'\n');
    let mut line = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (status, wait, now, challenge, request_id) = (line(), line(), line(), line(), line());
    let answer = Answer {
        status: status.parse().unwrap_or_default(),
        retry_after: Some(wait.clone()),
        date: Some(now.clone()),
        www_authenticate: vec![challenge],
        request_id: Some(request_id),
        body: lines.next().unwrap_or_default().to_vec(),
    };

    if let (Some(seconds), Ok(time)) = (date::parse(&now), httpdate::parse_http_date(&now)) {
        assert_eq!(time, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    }
    if let Some(claims) = challenge::claims(&answer.www_authenticate) {
        assert!(claims.trim_ascii().starts_with('{'));
    }
    let asked = retry_after(&wait, Some(&now));

    let (status, authorization) = (answer.status, Authorization::Bearer(Token::parse(TOKEN.to_owned()).unwrap()));
    match answer.judge("id".to_owned(), &authorization) {
        Ok(accepted) => {
            assert_eq!(status, 204);
            assert!(!format!("{accepted:?}").contains(TOKEN));
        }
        Err(error) => {
            assert_ne!(status, 204);
            assert_eq!((error.status, error.retry_after), (status, asked));
            for text in [Some(&error.code), Some(&error.message), error.request_id.as_ref(), error.date.as_ref()] {
                assert!(!text.is_some_and(|text| text.contains(TOKEN)));
            }
        }
    }
});
