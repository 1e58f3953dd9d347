//! Draws how an attempt ends.

use std::mem;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use entra_risk_engine::http::response::{BodyEnd, Response};
use entra_risk_engine::http::transport_error::{TransportError, TransportErrorKind};

use crate::sequences::host::Host;
use crate::sequences::nanos::{Nanos, SECOND};
use crate::sequences::verdict::Verdict;

pub enum Event {
    Response(Response),
    Failure(TransportError),
}

/// Part of what Microsoft Graph says if the cloud or the version lacks an action.
const SEGMENT: &str = "resource not found for the segment";

/// The latest tokens of a call, which a text must not contain.
const RECENT_TOKENS: usize = 40;

impl Host {
    /// What becomes of a request, and what the contract says about it.
    pub fn event(&mut self) -> (Event, Verdict) {
        // Texts contain parts of a token of the call.
        let recent = self.tokens.len().min(RECENT_TOKENS);
        let recent = &self.tokens[self.tokens.len() - recent..];
        let echoed = if recent.is_empty() { String::new() } else { self.random.pick(recent).clone() };
        let latest = mem::replace(&mut self.token, echoed);
        let event = self.draw_event();
        self.token = latest;
        event
    }

    fn draw_event(&mut self) -> (Event, Verdict) {
        if self.random.chance(self.percent_accepted) {
            self.mood = 0;
            return self.response(204, true);
        }
        if self.mood == 0 || self.random.chance(30) {
            self.mood = self.random.below(12);
        }
        match self.mood {
            0 | 1 => self.response(429, true),
            2 => {
                let status = *self.random.pick(&[408, 421, 500, 502, 503, 503, 504, 509]);
                self.response(status, true)
            }
            3 => self.response(503, true),
            4 => {
                let status = *self.random.pick(&[400, 404, 404, 409, 413, 422, 405]);
                self.response(status, true)
            }
            5 => self.response(401, true),
            6 => self.response(204, false),
            7 => {
                let status = *self.random.pick(&[100, 200, 202, 302, 307, 0, 99, 600, 999]);
                self.response(status, true)
            }
            8 => {
                let status = self.random.below(1_000) as u16;
                let is_complete = self.random.chance(50);
                self.response(status, is_complete)
            }
            mood => {
                use TransportErrorKind::*;
                let kinds = [Unreachable, Tls, NoResponse, Unreadable, Other, Certificate, RejectedByHost, Denied];
                let kind = match mood {
                    9 => Unreachable,
                    10 => NoResponse,
                    _ => *self.random.pick(&kinds),
                };
                let verdict = Verdict::of_transport_error(kind, self.check.instance_has_accepted());
                (Event::Failure(TransportError { kind, cause: self.text() }), verdict)
            }
        }
    }

    fn response(&mut self, status: u16, request_is_complete: bool) -> (Event, Verdict) {
        let (retry_after, date, asked) = self.retry_after();
        let (www_authenticate, claims) = self.challenge();
        let (body, message) = self.body();
        let request_id = self.random.chance(50).then(|| self.text());
        let is_of_graph = request_id.is_some() || message.is_some();
        let is_about_a_segment = message.is_some_and(|message| message.to_lowercase().contains(SEGMENT));
        let date = date.or_else(|| self.random.chance(10).then(|| self.text()));
        let body_end = BodyEnd::default();
        let response =
            Response { status, request_is_complete, request_id, date, retry_after, www_authenticate, body, body_end };
        (
            Event::Response(response),
            Verdict::of_response(status, is_of_graph, is_about_a_segment, request_is_complete, asked, claims),
        )
    }

    /// Values of `Retry-After`, a `Date`, and what they ask for.
    fn retry_after(&mut self) -> (Vec<String>, Option<String>, Option<Nanos>) {
        let most = if self.random.chance(90) { 100 } else { 1_000_000 };
        let seconds = self.random.log_uniform(most) - 1;
        let now = 1_700_000_000 + self.now / SECOND;
        let date = |seconds| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
        let text = self.text();
        let (values, asked) = match self.random.below(12) {
            0 => (vec![seconds.to_string()], Some(seconds)),
            1 => (vec!["soon".to_owned(), format!(" {seconds} "), "7".to_owned()], Some(seconds)),
            2 => (vec![date(now + seconds)], Some(seconds)),
            3 => (vec![date(now - seconds)], Some(0)),
            4 => (vec!["-1".to_owned(), text], None),
            5 => return (vec![date(now + seconds)], None, None),
            6 => (vec!["99999999999999999999999".to_owned()], Some(u64::MAX)),
            _ => (Vec::new(), None),
        };
        (values, Some(date(now)), asked.map(|seconds| seconds.saturating_mul(SECOND)))
    }

    /// Values of `www-authenticate`, and the claims that they ask for, if any can be read.
    fn challenge(&mut self) -> (Vec<String>, Option<Option<String>>) {
        let claims = format!(r#"{{"access_token":{{"nbf":{}}}}}"#, self.random.below(3));
        let encoded = match self.random.chance(50) {
            true => BASE64_STANDARD.encode(&claims),
            false => BASE64_URL_SAFE_NO_PAD.encode(&claims),
        };
        match self.random.below(6) {
            0 => (vec![format!(r#"Bearer error="insufficient_claims", claims="{encoded}""#)], Some(Some(claims))),
            1 => (
                vec!["Negotiate".to_owned(), format!("bearer Claims={encoded}, error=insufficient_claims")],
                Some(Some(claims)),
            ),
            2 => (vec![format!(r#"Bearer error="invalid_token", claims="{encoded}""#), self.text()], None),
            3 => (vec![r#"Bearer error="insufficient_claims", claims="?""#.to_owned()], Some(None)),
            _ => (Vec::new(), None),
        }
    }

    /// A body, and its `error.message` if it has an `error`.
    fn body(&mut self) -> (Vec<u8>, Option<String>) {
        let text = self.text();
        let body = match self.random.below(9) {
            0 => text.into_bytes(),
            1 => (0..self.random.below(200)).map(|_| self.random.next() as u8 & 0x5f).collect(),
            2..=4 => {
                let message = self.message();
                let body = format!(r#"{{"error":{{"code":"{text}","message":"{message}"}}}}"#);
                return (body.into_bytes(), Some(message));
            }
            5 => format!(r#"{{"error":{{"message":"{text}\ud800","innererror":{{"date":"{text}"}}}}}}"#).into_bytes(),
            6 => format!(r#"{{"error":"{text}"}}"#).into_bytes(),
            _ => Vec::new(),
        };
        (body, None)
    }

    /// A message that may name ids of the call, whether or not they were sent, or say that a
    /// segment was not found.
    fn message(&mut self) -> String {
        let text = self.text();
        let ids = &self.check.settings.ids;
        match self.random.below(10) {
            0 => format!("{text} Resource Not found for the segment 'x'"),
            1..=4 if !ids.is_empty() => {
                let named = (0..=self.random.below(3)).map(|_| self.random.pick(ids).to_uppercase());
                format!("{text} {}", named.collect::<Vec<_>>().join(","))
            }
            _ => text,
        }
    }

    /// A text that may be long, and may contain parts of the token.
    pub fn text(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..self.random.below(4) {
            let unit = *self.random.pick(&["é", "x", " ", "é x"]);
            text.push_str(&unit.repeat(self.random.log_uniform(200) as usize - 1));
            if !self.token.is_empty() {
                let start = self.random.below(self.token.len() as u64) as usize;
                let length = self.random.log_uniform((self.token.len() - start) as u64) as usize;
                text.push('.');
                text.push_str(&self.token[start..start + length]);
                text.push('.');
            }
        }
        text
    }
}
