//! Parses and judges a response. The input has six lines: status, `retry-after`, `date`,
//! `www-authenticate`, `request-id`, and the body, which may contain more lines. Nothing panics,
//! only 204 is success, the token never appears in the result, and dates agree with the crate
//! `httpdate`.

use std::time::{Duration, SystemTime};

use entra_risk_engine::contract::token::{Authorization, Secrets, Token};
use entra_risk_engine::http::response::{BodyEnd, Response, retry_after};
use entra_risk_engine::http::{challenge, date};

const TOKEN: &str = "eyJ0-canary";

pub fn run(data: &[u8]) {
    let mut lines = data.splitn(6, |&byte| byte == b'\n');
    let mut line = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (status, wait, now, challenge, request_id) = (line(), line(), line(), line(), line());
    let response = Response {
        status: status.parse().unwrap_or_default(),
        request_is_complete: true,
        retry_after: vec![wait.clone()],
        date: Some(now.clone()),
        www_authenticate: vec![challenge],
        request_id: Some(request_id),
        body: lines.next().unwrap_or_default().to_vec(),
        body_end: BodyEnd::Complete,
    };

    if let (Some(seconds), Ok(time)) = (date::parse(&now), httpdate::parse_http_date(&now)) {
        assert_eq!(time, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    }
    if let Some(claims) = challenge::claims(&response.www_authenticate) {
        assert!(claims.trim_ascii().starts_with('{'));
    }
    let asked = retry_after(&wait, Some(&now));

    let status = response.status;
    let mut secrets = Secrets::default();
    let _kept = secrets.add(Authorization::Bearer(Token::parse(TOKEN.to_owned()).unwrap()));
    match response.judge("id".to_owned(), &secrets) {
        Ok(receipt) => {
            assert_eq!(status, 204);
            assert!(!format!("{receipt:?}").contains(TOKEN));
        }
        Err(rejection) => {
            assert_ne!(status, 204);
            assert_eq!(rejection.retry_after, asked);
            assert!(!format!("{:?}", rejection.error).contains(TOKEN));
            let error = rejection.error.response.as_ref().unwrap();
            assert_eq!(error.status, status);
            assert!(error.message.len() <= 512);
            for text in [Some(&error.code), error.request_id.as_ref(), error.date.as_ref()] {
                assert!(text.is_none_or(|text| text.len() <= 128));
            }
        }
    }
}
