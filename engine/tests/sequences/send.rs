//! Checks the requests to Microsoft Graph and to the token provider.

use entra_risk_engine::call::AttemptId;
use entra_risk_engine::contract::token::TokenRequest;
use entra_risk_engine::http::request::Request;

use crate::sequences::attempt::{Attempt, Id};
use crate::sequences::check::{BACKOFF, Check, require};
use crate::sequences::nanos::{Nanos, SECOND};
use crate::sequences::verdict::Kind;

/// A request that is not written after this time does not keep others waiting.
const MAX_UPLOAD: Nanos = 10 * SECOND;

impl Check {
    pub fn get_token(&mut self, request: &TokenRequest, uploading: Option<AttemptId>, now: Nanos) {
        let uploading = self.attempts.iter().find(|attempt| Some(attempt.id) == uploading);
        let is_waited_for = uploading.is_some_and(|attempt| now < attempt.sent + MAX_UPLOAD);
        require("requests are written before a token is requested", !is_waited_for, String::new);
        require("no token is requested after the end", self.end.is_none(), || format!("{:?}", self.end));
        require("a token is requested for something to send", self.next_send(now).is_some(), String::new);
        require("one token is requested for each attempt", self.tokens.ready.is_none(), String::new);
        let settings = &self.settings;
        let expected = TokenRequest {
            tenant: settings.tenant.clone(),
            audience: settings.audience.clone(),
            endpoint: settings.endpoint.clone(),
            refresh: self.tokens.rejected.is_some(),
            claims: self.tokens.rejected.clone().flatten(),
        };
        require("a rejected token is refreshed once, with its claims", *request == expected, || {
            format!("{request:?}, expected {expected:?}")
        });
    }

    pub fn send(&mut self, id: AttemptId, request: &Request, now: Nanos) {
        require("nothing is sent after the end", self.end.is_none(), || format!("{:?}", self.end));
        let ids = self.carried_ids(request);
        let in_flight = self.in_flight().count();
        require("max-in-flight", in_flight < self.settings.max_in_flight, || format!("{in_flight}"));
        if self.circuit.is_open {
            require("one request in flight during an outage", in_flight == 0, || format!("{in_flight}"));
            require("probes wait 3 s", now >= self.circuit.failed_at + BACKOFF, || format!("{now}"));
            self.check_rotation(&ids, now);
        }
        self.check_rate(now);
        self.check_token(request);
        self.check_size(&ids);
        for &position in &ids {
            self.check_retry(position, now);
            let index = self.attempts.len();
            let id = &mut self.ids[position];
            require("an outcome is final", !id.has_ended, || format!("{position}"));
            id.attempts += 1;
            id.counted += 1;
            id.last = Some(index);
        }
        let client_request_id = header(request, "client-request-id");
        let is_fresh = self.client_request_ids.insert(client_request_id.clone());
        require("each attempt has a fresh client-request-id", is_fresh, || client_request_id.clone());
        let (generation, timeout) = (self.tokens.generation, now + self.settings.attempt_timeout);
        self.attempts.push(Attempt { id, ids, sent: now, client_request_id, generation, timeout, end: None });
    }

    /// No other ids that could be sent have had fewer attempts.
    fn check_rotation(&self, ids: &[usize], now: Nanos) {
        let attempts = self.ids[ids[0]].counted;
        let is_due = |id: &Id| match id.last.map(|last| &self.attempts[last].end) {
            None => true,
            Some(Some((ended, verdict))) if verdict.kind == Kind::Transient => {
                let wait = verdict.retry_after.unwrap_or(60 * SECOND).max(SECOND);
                id.counted < self.settings.max_attempts && now > ended.saturating_add(wait).saturating_add(wait / 4)
            }
            Some(Some((_, verdict))) => matches!(verdict.kind, Kind::Throttled | Kind::TokenRejected),
            Some(None) => false,
        };
        let other = self.ids.iter().find(|id| id.counted < attempts && is_due(id));
        require("probes rotate over the ids", other.is_none(), || format!("{attempts}: {other:?}"));
    }

    /// Groups become smaller while the service fails on them.
    fn check_size(&self, ids: &[usize]) {
        let most = ids.iter().filter_map(|position| self.ids[*position].part_of).min();
        require("a part is sent with no others", most.is_none_or(|most| ids.len() <= most), || format!("{ids:?}"));
        let splits = self.settings.isolates && self.settings.max_attempts > 1;
        if splits && self.circuit.is_failing() && ids.iter().any(|position| self.ids[*position].attempts == 0) {
            let most = (self.settings.ids_per_request / 2).max(1);
            require("new groups are smaller while the service fails", ids.len() <= most, || format!("{ids:?}"));
        }
    }

    fn check_rate(&mut self, now: Nanos) {
        let (rate_limit, call) = (self.settings.rate_limit, self.number);
        let instance = &mut *self.instance.borrow_mut();
        let limit = instance.limits.entry(self.settings.key.clone()).or_default();
        let (free, _) = limit.free(rate_limit);
        require("the rate limit", now >= free, || format!("{rate_limit:?}: at {now}, not before {free}"));
        let (held, _) = limit.held(call);
        require("a 429, or a 503 with Retry-After, holds every request", now >= held, || {
            format!("sent at {now}, held until {held}")
        });
        limit.send(&self.settings, now);
    }

    fn check_token(&mut self, request: &Request) {
        let Some(token) = self.tokens.ready.take() else { panic!("a token is requested before each attempt") };
        let expected = token.map(|token| format!("Bearer {token}")).unwrap_or_default();
        require("the token returned last is sent", header(request, "authorization") == expected, || expected.clone());
        require("a rejected token is not sent", self.tokens.rejected.is_none(), String::new);
    }

    /// The positions of the ids in the body of a request.
    fn carried_ids(&self, request: &Request) -> Vec<usize> {
        let body = str::from_utf8(request.body.as_deref().unwrap()).unwrap();
        let ids: Vec<&str> = body.split('"').skip(3).step_by(2).collect();
        let expected = format!("{{\"{}\":[\"{}\"]}}", self.settings.action.id_field, ids.join("\",\""));
        require("the body contains the ids and nothing else", body == expected, || body.to_owned());
        let mut positions: Vec<usize> = ids.iter().filter_map(|id| self.positions.get(*id).copied()).collect();
        require("the ids are those of the call", positions.len() == ids.len(), || body.to_owned());
        require("ids-per-request", ids.len() <= self.settings.ids_per_request, || format!("{}", ids.len()));
        positions.sort_unstable();
        positions.dedup();
        require("a request carries an id once", positions.len() == ids.len(), || body.to_owned());
        positions
    }

    fn check_retry(&self, position: usize, now: Nanos) {
        let id = &self.ids[position];
        let Some(last) = id.last else { return };
        let Some((ended, verdict)) = &self.attempts[last].end else { panic!("an id is in flight twice") };
        let may_pass = match verdict.kind {
            Kind::Throttled | Kind::Transient => true,
            Kind::TokenRejected => id.had_fresh_token,
            Kind::Refused => !self.is_at_fault(position),
            Kind::TooLarge => self.settings.isolates,
            _ => false,
        };
        require("only what may pass is sent again", may_pass, || format!("{verdict:?}"));
        require("max-attempts", id.counted < self.settings.max_attempts, || format!("{}", id.counted));
        if verdict.kind == Kind::Transient {
            let wait = verdict.retry_after.unwrap_or(BACKOFF);
            require("a retry waits for Retry-After, or 3 s", now >= ended.saturating_add(wait), || {
                format!("{verdict:?} at {ended}, sent at {now}")
            });
        }
    }
}

fn header(request: &Request, name: &str) -> String {
    let value = request.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.clone());
    String::from_utf8(value.unwrap_or_default()).unwrap()
}
