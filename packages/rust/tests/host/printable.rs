//! Texts from outside that would control a terminal, end a line of a log or reorder text.

use std::fmt::Write;
use std::io;

use entra_risk_engine::contract::printable::is_printable;
use entra_risk_host::{AccessToken, Action, CallError, EntraRisk, Options, Settings, TokenError};
use graph_model::{Response, Server};
use http::HeaderValue;

use crate::service::{Recorder, failed, fast, ids, response, risk, risk_with, settings};
use crate::tokens::Failing;

/// What a terminal executes, what ends a line, and what changes the order of text.
const NASTY: &str = "\u{1b}[31m\r\n\t\0\u{7f}\u{85}\u{9b}\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}\u{feff}";

/// A text in escapes of JSON, which hide it from who does not read them.
pub fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        write!(escaped, "\\u{:04x}", u32::from(c)).unwrap();
        escaped
    })
}

/// A response with [`NASTY`] wherever it has text.
pub fn nasty(status: u16) -> Response {
    let escaped = escaped(NASTY);
    let body =
        format!(r#"{{"error":{{"code":"c{escaped}","message":"m{escaped}","innerError":{{"date":"d{escaped}"}}}}}}"#);
    let mut response = response(status, body);
    let in_header: String = NASTY.chars().filter(|c| !c.is_ascii()).collect();
    let id = HeaderValue::from_bytes(format!("r{in_header}").as_bytes()).unwrap();
    response.headers_mut().insert("request-id", id);
    response
}

/// Fails if a line contains a character that is not printable.
pub fn assert_printable(text: &str) {
    for line in text.lines() {
        assert_eq!(line.chars().find(|c| !is_printable(*c)), None, "{line:?}");
    }
}

/// Fails unless the text is printable and one line.
fn assert_one_line(text: &str) {
    assert_printable(text);
    assert!(!text.contains('\n'), "{text:?}");
}

#[tokio::test]
async fn texts_are_printable() {
    let server = Server::start(Recorder::new(|_| nasty(400)), 0).await.unwrap();
    let reachable = settings(server.endpoint());
    let (report, _) = failed(risk(reachable.clone()).dismiss_risky_users(&ids(1, 1), &fast())).await;
    let response = report.cause.as_ref().unwrap().response.as_ref().unwrap();
    assert!(response.message.starts_with("m\u{fffd}[31m"), "{response:?}");
    for text in [
        &response.code,
        &response.message,
        response.request_id.as_ref().unwrap(),
        response.date.as_ref().unwrap(),
        &report.cause.as_ref().unwrap().message,
        &report.cause.as_ref().unwrap().to_string(),
        &report.to_string(),
        &format!("{report:?}"),
        &report.clone().into_result().unwrap_err().to_string(),
    ] {
        assert_one_line(text);
    }

    let denying = risk_with(Failing(|| TokenError::Denied(NASTY.to_owned())), reachable.clone());
    let (report, _) = failed(denying.dismiss_risky_users(&ids(1, 1), &fast())).await;
    assert_one_line(&report.cause.as_ref().unwrap().message);
    let failing = risk_with(Failing(|| TokenError::failed(io::Error::other(NASTY))), reachable.clone());
    let error = failing.dismiss_risky_users(&ids(1, 1), &fast()).await.unwrap_err();
    assert!(matches!(error, CallError::TokenSource(_)));
    assert_one_line(&error.to_string());

    let risk = risk(reachable.clone());
    let nasty_tenant = Options { tenant: Some(NASTY.to_owned()), ..fast() };
    assert_one_line(&risk.start(Action::DismissRiskyUsers, &ids(1, 1), &nasty_tenant).unwrap_err().to_string());
    assert_one_line(&risk.start(Action::DismissRiskyUsers, &[NASTY], &fast()).unwrap_err().to_string());
    assert_one_line(&NASTY.parse::<Action>().unwrap_err().to_string());
    for settings in [
        Settings { endpoint: Some(NASTY.to_owned()), ..reachable.clone() },
        Settings { audience: Some(NASTY.to_owned()), ..reachable.clone() },
        Settings { allowed_endpoints: vec![NASTY.to_owned()], ..reachable.clone() },
        Settings { extra_roots: NASTY.into(), ..reachable.clone() },
    ] {
        let token = AccessToken::new("token").unwrap();
        assert_one_line(&EntraRisk::new(token, settings).unwrap_err().to_string());
    }
}
