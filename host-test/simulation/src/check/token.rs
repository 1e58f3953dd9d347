//! Token requests: one before each attempt, with the call's own fields, and one refresh for each
//! rejected token.

use std::collections::BTreeSet;

use graph_model::{CLAIMS, FaultKind};

use crate::attempt::{Attempt, Disposition};
use crate::attempts::Attempts;
use crate::token_log::{TokenAnswer, TokenRecord};
use crate::violation::Violations;

pub(crate) fn check(attempts: &Attempts<'_>, violations: &mut Violations) {
    let call = attempts.call;
    for token in call.tokens.iter().filter(|token| token.answer != TokenAnswer::Store) {
        let request = &token.request;
        let fields = (request.tenant.as_deref(), request.audience.as_str(), request.endpoint.as_str());
        if fields != (call.call.options.tenant.as_deref(), call.call.audience(), call.call.endpoint().as_str()) {
            violations.add("token requests contain the call's tenant, audience and endpoint", || format!("{fields:?}"));
        }
        check_claims(attempts, token, violations);
    }
    let usable: Vec<_> = call.tokens.iter().filter(|token| token.answer == TokenAnswer::Usable).collect();
    for (index, attempt) in attempts.all.iter().enumerate() {
        if usable.get(index).is_none_or(|token| token.answered > attempt.sent()) {
            violations.add("a token is requested before each attempt", || attempt.arrival.to_string());
        }
    }
    check_refreshes(attempts, violations);
}

/// Claims are those of a challenge, and only with a refresh.
fn check_claims(attempts: &Attempts<'_>, token: &TokenRecord, violations: &mut Violations) {
    let challenged = |attempt: &Attempt<'_>| {
        let kind = attempt.kind();
        matches!(attempt.disposition, Disposition::TokenRejected | Disposition::Unclear)
            && matches!(kind, Some(FaultKind::Challenged) | None)
    };
    let is_possible = token.request.refresh && attempts.all.iter().any(challenged);
    if let Some(claims) = &token.request.claims
        && (claims != CLAIMS || !is_possible)
    {
        violations.add("claims are those of the challenge", || claims.clone());
    }
}

fn check_refreshes(attempts: &Attempts<'_>, violations: &mut Violations) {
    let call = attempts.call;
    let rejected: BTreeSet<_> = attempts
        .all
        .iter()
        .filter(|attempt| matches!(attempt.disposition, Disposition::TokenRejected | Disposition::Unclear))
        .filter_map(|attempt| attempt.arrival.token)
        .collect();
    let refreshes =
        call.tokens.iter().filter(|token| token.request.refresh && token.answer == TokenAnswer::Usable).count();
    let has_tokens = attempts.all.iter().all(|attempt| attempt.arrival.token.is_some());
    if has_tokens && refreshes > rejected.len() {
        violations.add("one refresh for each rejected token", || {
            format!("{refreshes} refreshes, {} rejected tokens", rejected.len())
        });
    }
    // Tokens that were ready are used, except those that a rejection made useless and the last one.
    let usable = call.tokens.iter().filter(|token| token.answer == TokenAnswer::Usable).count();
    if usable > attempts.all.len() + refreshes + 1 {
        violations.add("one token request for each attempt", || format!("{usable} for {}", attempts.all.len()));
    }
    for attempt in &attempts.all {
        let is_rejected = |other: &&Attempt<'_>| {
            other.disposition == Disposition::TokenRejected
                && other.arrival.token == attempt.arrival.token
                && other.read(call).is_some_and(|read| read < attempt.sent())
        };
        if attempt.arrival.token.is_some() && attempts.all.iter().any(|other| is_rejected(&other)) {
            violations.add("a rejected token is not sent again", || attempt.arrival.to_string());
        }
    }
}
