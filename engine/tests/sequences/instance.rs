//! What the calls of an instance share, as the contract states it: the sends and the holds of each
//! limit.

use std::collections::HashMap;

use entra_risk_engine::contract::action::RateLimit;

use crate::sequences::arguments::{Key, Settings};
use crate::sequences::nanos::{Nanos, SECOND, from_ms};
use crate::sequences::verdict::{Kind, Verdict};

/// A hold lasts so long for other calls than the one whose response asked for it.
const MAX_HOLD: Nanos = 3_600 * SECOND;

/// The most by which the first request of an instance is taken to arrive late.
const MAX_LATENESS: Nanos = SECOND / 4;

#[derive(Default)]
pub struct Instance {
    pub has_accepted: bool,
    pub limits: HashMap<Key, Limit>,
}

#[derive(Default)]
pub struct Limit {
    pub has_accepted: bool,
    /// Every send, oldest first.
    sent: Vec<Nanos>,
    /// The longest window of a send so far.
    longest_window: Nanos,
    /// Sends before may be forgotten.
    forgotten_before: Nanos,
    pub holds: Vec<Hold>,
}

/// A time during which no request is sent. Because of its jitter, when it ends is a span.
pub struct Hold {
    /// The call whose response asked for it.
    by: usize,
    /// When it ends: not before, and by then at the latest.
    least: Nanos,
    most: Nanos,
    /// The same for other calls.
    least_for_others: Nanos,
    most_for_others: Nanos,
    label: String,
    effect: Effect,
}

/// Whether a hold lasts longer than those before.
#[derive(PartialEq)]
enum Effect {
    Certain,
    Unsure,
    None,
}

/// The holds that a call has not seen yet.
#[derive(Default)]
pub struct Unseen {
    /// The errors that may be its failure.
    pub labels: Vec<String>,
    /// When the last of them ends, not before and by then at the latest.
    pub least: Nanos,
    pub most: Nanos,
    /// Whether one of them lasts is certain.
    pub is_certain: bool,
}

impl Unseen {
    /// Until when it is not clear whether one of them lasts, or lasts beyond the deadline.
    pub fn unclear_until(&self, deadline: Option<Nanos>) -> Option<Nanos> {
        let may_pass = deadline.is_some_and(|deadline| self.least < deadline && deadline <= self.most);
        (!self.labels.is_empty() && (!self.is_certain || may_pass)).then_some(self.most)
    }
}

impl Limit {
    pub fn send(&mut self, settings: &Settings, now: Nanos) {
        let window = from_ms(settings.rate_limit.window_ms).max(settings.documented_window);
        self.longest_window = self.longest_window.max(window);
        self.forgotten_before = self.forgotten_before.max(now.saturating_sub(self.longest_window));
        self.sent.push(now);
    }

    /// When a call may send, as far as its rate limit goes: not before, and by then at the latest.
    pub fn free(&self, rate_limit: RateLimit) -> (Nanos, Nanos) {
        let leaving = self.sent.len().checked_sub(rate_limit.requests as usize).map(|index| self.sent[index]);
        let Some(leaving) = leaving else { return (0, 0) };
        let window = from_ms(rate_limit.window_ms);
        let least = if leaving < self.forgotten_before { 0 } else { leaving + window };
        // The margin never exceeds one window; the first request may be taken to arrive late.
        (least, leaving + 2 * window + MAX_LATENESS)
    }

    /// Until when a call is held: not shorter, and no longer.
    pub fn held(&self, call: usize) -> (Nanos, Nanos) {
        let ends = self.holds.iter().map(|hold| match hold.by == call {
            true => (hold.least, hold.most),
            false => (hold.least_for_others, hold.most_for_others),
        });
        ends.fold((0, 0), |(least, most), (one_least, one_most)| (least.max(one_least), most.max(one_most)))
    }

    /// Takes in a response to a call: a 429, or a 503 with `Retry-After`, holds every request.
    pub fn hold(&mut self, call: usize, settings: &Settings, verdict: &Verdict, now: Nanos) {
        let window = from_ms(settings.rate_limit.window_ms);
        let (least, most) = match (verdict.kind, verdict.retry_after) {
            _ if !verdict.holds() => return,
            (Kind::Throttled, Some(asked)) => (asked, asked.max(SECOND).saturating_add(window / 5)),
            (Kind::Throttled, None) => {
                let windows = if self.has_accepted { 1 } else { 32 };
                let doubled = (windows * window).max(3 * SECOND).min(settings.patience / 4);
                (window, doubled.max(window + window / 5))
            }
            (_, asked) => {
                let asked = asked.unwrap_or_default();
                (asked, asked.max(SECOND).saturating_add(asked.max(SECOND) / 4))
            }
        };
        let (least, most) = (now.saturating_add(least), now.saturating_add(most));
        let (least_for_others, most_for_others) = (least.min(now + MAX_HOLD), most.min(now + MAX_HOLD));
        let earlier = self.holds.iter().filter(|hold| hold.effect != Effect::None);
        let longest = earlier.clone().map(|hold| hold.most_for_others).max().unwrap_or_default();
        let certain = earlier.map(|hold| if hold.effect == Effect::Certain { hold.least_for_others } else { 0 }).max();
        let effect = match () {
            () if least_for_others > longest => Effect::Certain,
            () if most_for_others <= certain.unwrap_or_default() => Effect::None,
            () => Effect::Unsure,
        };
        let label = verdict.label.clone();
        self.holds.push(Hold { by: call, least, most, least_for_others, most_for_others, label, effect });
    }

    /// The holds after the first `seen` ones that a call takes, or may take, for a failure of its
    /// own at `now`.
    pub fn unseen(&self, call: usize, seen: usize, now: Nanos) -> Unseen {
        let others = self.holds.iter().skip(seen).filter(|hold| hold.by != call && hold.effect != Effect::None);
        let lasting = others.clone().filter(|hold| hold.most_for_others > now);
        let mut unseen = Unseen::default();
        for hold in lasting {
            unseen.most = unseen.most.max(hold.most_for_others);
            if !unseen.labels.contains(&hold.label) {
                unseen.labels.push(hold.label.clone());
            }
        }
        unseen.least = self.holds.iter().map(|hold| hold.least_for_others).max().unwrap_or_default();
        let is_new = others.clone().any(|hold| hold.effect == Effect::Certain);
        unseen.is_certain = !unseen.labels.is_empty() && is_new && unseen.least > now;
        unseen
    }
}
