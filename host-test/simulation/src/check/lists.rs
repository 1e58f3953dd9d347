//! Lists: what the pages contain, when a list ends and why, how often and when it sends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use graph_model::{Arrival, Collection, Entry, FaultKind, Limit};
use host_test::reader::queries::{self, ErrorKind, Event};

use crate::attempt::MARGIN;
use crate::check::rate::{Send, kept};
use crate::check::text::{Text, check_texts};
use crate::list_plan::ListPlan;
use crate::list_run::{ListNext, ListRecord};
use crate::token_log::TokenAnswer;
use crate::violation::Violations;

pub(crate) fn check(plan: &ListPlan, lists: &[ListRecord], violations: &mut Violations) {
    for list in lists {
        if let Err(why) = &list.result {
            violations.add("every call returns", || why.clone());
            return;
        }
        check_entries(plan, list, violations);
        list.nexts.iter().for_each(|next| check_next(list, next, violations));
        check_end(list, lists, violations);
        check_attempts(list, violations);
        check_rate(list, lists, violations);
        check_tokens(list, violations);
    }
}

/// Each entry once, none missing, and all as Microsoft Graph has them.
fn check_entries(plan: &ListPlan, list: &ListRecord, violations: &mut Violations) {
    let all = plan.graph.entries.get(&list.list.collection).map(Vec::as_slice).unwrap_or_default();
    let expected: BTreeMap<String, queries::Entry> = all
        .iter()
        .filter(|entry| list.list.contains(entry))
        .map(|entry| (entry.id.to_string(), as_listed(list.list.collection, entry)))
        .collect();
    let mut listed = BTreeSet::new();
    for entry in list.nexts.iter().filter_map(|next| page(&next.event)).flatten() {
        if !listed.insert(&entry.id) {
            violations.add("no entry is listed twice", || entry.id.clone());
        }
        if expected.get(&entry.id) != Some(entry) {
            violations.add("an entry is as Microsoft Graph has it", || format!("{entry:?}"));
        }
    }
    if list.result == Ok(None) && !list.is_abandoned && listed.len() < expected.len() {
        violations.add("a complete list misses nothing", || format!("{} of {}", listed.len(), expected.len()));
    }
}

fn page(event: &Event) -> Option<&[queries::Entry]> {
    match event {
        Event::Page(entries) => Some(entries),
        _ => None,
    }
}

/// What the reader must say about an entry.
fn as_listed(collection: Collection, entry: &Entry) -> queries::Entry {
    queries::Entry {
        id: entry.id.to_string(),
        name: entry.name.clone(),
        risk_level: entry.level.clone(),
        risk_state: entry.state.clone(),
        risk_detail: entry.detail.clone(),
        last_updated: entry.last_updated.clone(),
        deleted: entry.is_deleted && collection == Collection::RiskyUsers,
        processing: entry.is_processing && collection != Collection::SignIns,
    }
}

/// A `next` returns in time, and what it says is no longer than stated and shows no token.
fn check_next(list: &ListRecord, next: &ListNext, violations: &mut Violations) {
    let took = (next.ended - next.began).saturating_sub(asking(list, next.began, next.ended));
    let wait = next.wait_ms.map(|ms| Duration::from_millis(ms.into()));
    if wait.is_some_and(|wait| if wait.is_zero() { !took.is_zero() } else { took > wait + MARGIN }) {
        violations.add("next returns in time", || format!("{took:?} of {wait:?}, began at {:?}", next.began));
    }
    let error = match &next.event {
        Event::Waiting(progress) => progress.error.as_ref(),
        Event::Over(end) => end.as_ref(),
        Event::Page(_) => None,
    };
    if let Some(error) = error {
        let (max, short) = (Text::MAX_MESSAGE_BYTES, Text::MAX_TEXT_BYTES);
        let mut texts = vec![Text(&error.message, max)];
        if let Some(response) = &error.response {
            texts.extend([Text(&response.message, max), Text(&response.code, short)]);
            texts.push(Text(&response.client_request_id, short));
            texts.extend([&response.request_id, &response.date].into_iter().flatten().map(|text| Text(text, short)));
        }
        let knows_token = list.tokens.first().is_some_and(|token| token.answer == TokenAnswer::Usable);
        check_texts(&texts, knows_token, &format!("{:?}", error.kind), violations);
    }
}

/// The time in which the token provider was asked.
fn asking(list: &ListRecord, from: Duration, until: Duration) -> Duration {
    let overlap = |(asked, answered): (Duration, Duration)| answered.min(until).saturating_sub(asked.max(from));
    list.tokens.iter().map(|token| overlap((token.asked, token.answered))).sum()
}

/// Whether the reader certainly saw the whole response to a request: it did not wait too long for
/// it.
fn is_seen(list: &ListRecord, arrival: &Arrival) -> bool {
    let timeout = Duration::from_millis(list.list.options.attempt_timeout_ms.unwrap_or(30_000).into());
    let is_in_time = |settled: Duration| settled + MARGIN < arrival.sent + timeout && settled <= list.ended;
    !arrival.stalls && arrival.settled.is_some_and(is_in_time)
}

/// The requests since the latest page.
fn since_the_latest_page(list: &ListRecord) -> &[Arrival] {
    let is_page = |arrival: &Arrival| arrival.status.is_some_and(|status| status == 200) && arrival.fault.is_none();
    let after = list.arrivals.iter().rposition(|arrival| is_page(arrival) && is_seen(list, arrival));
    &list.arrivals[after.map_or(0, |position| position + 1)..]
}

/// A list ends with something that happened, and not before it must.
fn check_end(list: &ListRecord, lists: &[ListRecord], violations: &mut Violations) {
    if list.nexts.len() > 1
        && let [.., before, last] = list.nexts.as_slice()
        && matches!((&before.event, &last.event), (Event::Over(one), Event::Over(other)) if one != other)
    {
        violations.add("a call that is over stays so", || format!("{:?}, then {:?}", before.event, last.event));
    }
    let deadline = list.list.options.deadline_ms.map(|ms| list.started + Duration::from_millis(ms.into()));
    if let Some(deadline) = deadline {
        let late = list.nexts.iter().filter(|next| next.began <= deadline && next.ended > deadline + MARGIN);
        let mut late = late.filter(|next| next.ended - deadline > MARGIN + asking(list, next.began, next.ended));
        if let Some(next) = late.next() {
            violations.add("the call returns by its deadline", || format!("{deadline:?}, {:?}", next.ended));
        }
    }
    let Ok(Some(error)) = &list.result else { return };
    let failed = since_the_latest_page(list);
    let shared = lists.iter().filter(|other| shares_limit(list, other)).flat_map(|other| &other.arrivals);
    let is_token = list.tokens.iter().any(|token| token.answer != TokenAnswer::Usable);
    let has_happened = failed.iter().chain(shared).any(|arrival| explains(error.kind, arrival))
        || match error.kind {
            ErrorKind::NoToken => is_token,
            ErrorKind::DeadlineExceeded => deadline.is_some(),
            // A response of which nobody waited for the end.
            ErrorKind::NoResponse => failed.iter().any(|arrival| !is_seen(list, arrival)),
            _ => false,
        };
    if !has_happened {
        violations.add("a list ends with what happened", || format!("{error:?}"));
    }
    check_reason(list, failed, deadline.is_some() || is_token, violations);
}

/// A list whose latest request may succeed another time ends once its attempts or its patience are
/// used up.
fn check_reason(list: &ListRecord, failed: &[Arrival], has_other_reason: bool, violations: &mut Violations) {
    let (Some(first), Some(last)) = (failed.first(), failed.last()) else { return };
    let transient = [408, 421, 500, 502, 503, 504, 509];
    let is_transient = last.status.is_some_and(|status| transient.contains(&status.as_u16()));
    let options = &list.list.options;
    // A response that comes too late counts, whatever its status is.
    let is_free = |arrival: &&Arrival| matches!(status(arrival), Some(401 | 403 | 429)) && is_seen(list, arrival);
    let counted = failed.iter().filter(|arrival| !is_free(arrival)).count();
    let is_used_up = counted >= options.max_attempts.unwrap_or(10) as usize;
    let window = Duration::from_millis(list.list.rate_limit().window_ms.into());
    let patience = Duration::from_millis(options.patience_ms.unwrap_or(180_000).into()).max(window * 2);
    // The wait for the next attempt may be what exceeds the patience.
    let wait = last.retry_after.unwrap_or_default().mul_f64(1.5) + Duration::from_secs(15) + window * 2;
    let may_be_impatient = list.ended + wait >= first.sent + patience;
    if is_transient && is_seen(list, last) && !has_other_reason && !is_used_up && !may_be_impatient {
        violations.add("a list does not end without a reason", || format!("{:?}, {last}", list.result));
    }
}

fn status(arrival: &Arrival) -> Option<u16> {
    arrival.status.map(|status| status.as_u16())
}

/// Whether an error of this kind may be about this request.
fn explains(kind: ErrorKind, arrival: &Arrival) -> bool {
    let fault = arrival.fault.as_ref().map(|fault| fault.kind);
    match kind {
        ErrorKind::Unauthenticated => status(arrival) == Some(401),
        ErrorKind::Forbidden => status(arrival) == Some(403),
        ErrorKind::Throttled => status(arrival) == Some(429),
        ErrorKind::ClientError => matches!(status(arrival), Some(400..=499)),
        ErrorKind::ServerError => matches!(status(arrival), Some(500..=599)),
        ErrorKind::UnexpectedStatus => fault.is_some() && status(arrival).is_some_and(|status| status < 500),
        ErrorKind::DeniedByHost => fault == Some(FaultKind::Denied),
        ErrorKind::Unreachable => {
            matches!(fault, Some(FaultKind::NoConnection | FaultKind::NoName | FaultKind::Tls | FaultKind::Handshake))
        }
        ErrorKind::NoResponse => arrival.status.is_none() || fault == Some(FaultKind::Truncated),
        ErrorKind::NoToken | ErrorKind::DeadlineExceeded | ErrorKind::Other => false,
    }
}

/// How often a page is requested.
fn check_attempts(list: &ListRecord, violations: &mut Violations) {
    let max_attempts = list.list.options.max_attempts.unwrap_or(10) as usize;
    let mut counted = 0;
    for arrival in &list.arrivals {
        match status(arrival) {
            Some(401 | 403 | 429) => {}
            Some(200) if arrival.fault.is_none() => counted = 0,
            _ => counted += 1,
        }
        if counted > max_attempts {
            violations.add("a page has at most max-attempts counted attempts", || arrival.to_string());
            return;
        }
    }
}

fn shares_limit(list: &ListRecord, other: &ListRecord) -> bool {
    let key = |list: &ListRecord| {
        let is_of_sign_ins = list.list.collection == Collection::SignIns;
        (list.list.options.tenant.clone(), list.list.audience().to_owned(), is_of_sign_ins)
    };
    key(list) == key(other)
}

/// The rate limit, and the waits that responses ask for.
fn check_rate(list: &ListRecord, lists: &[ListRecord], violations: &mut Violations) {
    let documented = match list.list.collection {
        Collection::SignIns => Limit::SIGN_INS,
        Collection::RiskyUsers | Collection::RiskyServicePrincipals => Limit::USERS,
    };
    let window = |list: &ListRecord| Duration::from_millis(list.list.rate_limit().window_ms.into());
    let same = lists.iter().filter(|other| shares_limit(list, other));
    let all = same.flat_map(|other| {
        let memory = window(other).max(documented.window);
        other.arrivals.iter().map(move |arrival| Send { at: arrival.sent, memory })
    });
    let own: Vec<Duration> = list.arrivals.iter().map(|arrival| arrival.sent).collect();
    kept(list.list.rate_limit().requests, window(list), &own, all.collect(), violations);
    for (index, arrival) in list.arrivals.iter().enumerate().filter(|(_, arrival)| is_seen(list, arrival)) {
        let wait = match status(arrival) {
            Some(429) => arrival.retry_after.unwrap_or(window(list)),
            Some(503) => arrival.retry_after.unwrap_or_default(),
            _ => continue,
        };
        let settled = arrival.settled.unwrap_or_default();
        let is_held = |next: &&Arrival| settled < next.sent && next.sent < settled + wait;
        if let Some(next) = list.arrivals[index + 1..].iter().find(is_held) {
            violations.add("a 429, and a 503 with Retry-After, hold every request", || format!("{next}, {arrival}"));
        }
    }
}

fn check_tokens(list: &ListRecord, violations: &mut Violations) {
    for token in &list.tokens {
        let request = &token.request;
        let fields = (request.tenant.as_deref(), request.audience.as_str(), request.endpoint.as_str());
        if fields != (list.list.options.tenant.as_deref(), list.list.audience(), list.list.endpoint().as_str()) {
            violations.add("token requests contain the call's tenant, audience and endpoint", || format!("{fields:?}"));
        }
    }
    for (index, arrival) in list.arrivals.iter().enumerate().filter(|(_, arrival)| is_seen(list, arrival)) {
        let is_sent_again = |next: &Arrival| next.token.is_some() && next.token == arrival.token;
        if status(arrival) == Some(401) && list.arrivals[index + 1..].iter().any(is_sent_again) {
            violations.add("a rejected token is not sent again", || arrival.to_string());
        }
    }
}
