//! Token requests: one before each attempt, with the call's own fields, and one refresh for each rejected token.

use std::collections::BTreeSet;

use graph_model::{CLAIMS, FaultKind};

use super::history::History;
use super::{Class, Violations};
use crate::TokenAnswer;

pub(super) fn check(history: &History<'_>, violations: &mut Violations) {
    let call = history.call;
    for token in call.tokens.iter().filter(|token| token.answer != TokenAnswer::Store) {
        let request = &token.request;
        let fields = (request.tenant.as_deref(), request.audience.as_str(), request.endpoint.as_str());
        if fields != (call.call.options.tenant.as_deref(), call.call.audience(), call.call.endpoint().as_str()) {
            violations.add("token requests contain the call's tenant, audience and endpoint", || format!("{fields:?}"));
        }
        check_claims(history, token, violations);
    }
    let usable: Vec<_> = call.tokens.iter().filter(|token| token.answer == TokenAnswer::Usable).collect();
    for (index, sent) in history.attempts.iter().enumerate() {
        if usable.get(index).is_none_or(|token| token.answered > sent.attempt.sent()) {
            violations.add("a token is requested before each attempt", || sent.attempt.arrival.to_string());
        }
    }
    check_refreshes(history, violations);
}

/// Claims are those of a challenge, and only with a refresh.
fn check_claims(history: &History<'_>, token: &crate::TokenRecord, violations: &mut Violations) {
    let challenged = |sent: &super::history::Sent<'_>| {
        let kind = sent.attempt.kind();
        matches!(sent.attempt.class, Class::TokenRejected | Class::Unclear)
            && matches!(kind, Some(FaultKind::Challenged) | None)
    };
    let is_possible = token.request.refresh && history.attempts.iter().any(challenged);
    if let Some(claims) = &token.request.claims
        && (claims != CLAIMS || !is_possible)
    {
        violations.add("claims are those of the challenge", || claims.clone());
    }
}

fn check_refreshes(history: &History<'_>, violations: &mut Violations) {
    let call = history.call;
    let rejected: BTreeSet<_> = history
        .attempts
        .iter()
        .filter(|sent| matches!(sent.attempt.class, Class::TokenRejected | Class::Unclear))
        .filter_map(|sent| sent.attempt.arrival.token)
        .collect();
    let refreshes =
        call.tokens.iter().filter(|token| token.request.refresh && token.answer == TokenAnswer::Usable).count();
    let has_tokens = history.attempts.iter().all(|sent| sent.attempt.arrival.token.is_some());
    if has_tokens && refreshes > rejected.len() {
        violations.add("one refresh for each rejected token", || {
            format!("{refreshes} refreshes, {} rejected tokens", rejected.len())
        });
    }
    // Tokens that were ready are used, except those that a rejection made useless and the last one.
    let usable = call.tokens.iter().filter(|token| token.answer == TokenAnswer::Usable).count();
    if usable > history.attempts.len() + refreshes + 1 {
        violations.add("one token request for each attempt", || format!("{usable} for {}", history.attempts.len()));
    }
    for sent in &history.attempts {
        let is_rejected = |other: &&super::history::Sent<'_>| {
            other.attempt.class == Class::TokenRejected
                && other.attempt.arrival.token == sent.attempt.arrival.token
                && other.attempt.noticed < sent.attempt.sent()
        };
        if sent.attempt.arrival.token.is_some() && history.attempts.iter().any(|other| is_rejected(&other)) {
            violations.add("a rejected token is not sent again", || sent.attempt.arrival.to_string());
        }
    }
}
