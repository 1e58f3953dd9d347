//! How to see that an action has taken effect: an acceptance means only that Microsoft Graph took
//! the request, and the state changes minutes later, or never.

use std::collections::BTreeMap;
use std::mem;

use crate::contract::action::Action;
use crate::contract::id::Id;
use crate::time::{Duration, Instant};

/// The list that shows whether an action has taken effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verification {
    /// The name of the collection in the contract, such as `risky-users`.
    pub collection: &'static str,
    /// The OData filter of the list.
    pub filter: &'static str,
    /// What it means that an id is in the list.
    pub listed: Listed,
}

/// What it means that an id is in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// It is in the state that the action leads to.
    Done,
    /// Its state has not changed.
    Unchanged,
}

/// What an id that was accepted has become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is in the state that the action leads to.
    Done,
    /// Microsoft Graph says that it is still processing the risk, or a risk that is to be dismissed
    /// was missing from the latest reading alone.
    Processing,
    /// Its state has not changed, or nothing was read about it.
    Unchanged,
}

/// A dismissal is done when the risk is gone, whatever took it away. Two complete readings in a row
/// have to lack it: pages shift when other entries change, so one reading may miss any entry. A
/// confirmation is done when the state is the one that it leads to, because an id without a risk
/// can be confirmed too; to see it once is enough.
///
/// Source: `riskState` of <https://learn.microsoft.com/graph/api/resources/riskyuser>, and of
/// <https://learn.microsoft.com/graph/api/resources/signin>.
static VERIFICATIONS: [(&str, Verification); 8] = [
    ("dismiss-sign-ins", gone("sign-ins")),
    ("confirm-sign-ins-safe", safe("sign-ins")),
    ("confirm-sign-ins-compromised", compromised("sign-ins")),
    ("dismiss-risky-users", gone("risky-users")),
    ("confirm-risky-users-safe", safe("risky-users")),
    ("confirm-risky-users-compromised", compromised("risky-users")),
    ("dismiss-risky-service-principals", gone("risky-service-principals")),
    ("confirm-risky-service-principals-compromised", compromised("risky-service-principals")),
];

const fn gone(collection: &'static str) -> Verification {
    Verification { collection, filter: "riskState eq 'atRisk'", listed: Listed::Unchanged }
}

const fn safe(collection: &'static str) -> Verification {
    Verification { collection, filter: "riskState eq 'confirmedSafe'", listed: Listed::Done }
}

const fn compromised(collection: &'static str) -> Verification {
    Verification { collection, filter: "riskState eq 'confirmedCompromised'", listed: Listed::Done }
}

impl Verification {
    /// How to see that an action has taken effect. None: agents cannot be listed.
    pub fn of(action: &Action) -> Option<Verification> {
        VERIFICATIONS.iter().find(|(name, _)| *name == action.name).map(|(_, verification)| *verification)
    }
}

/// How long a state is awaited unless the caller chooses, in milliseconds. People report 5 to 10
/// minutes for some ids.
pub const DEFAULT_VERIFY_MS: u32 = 300_000;

/// The accepted ids whose state is awaited, and when the list is to be read again.
///
/// While [`next`](Verifier::next) returns a time, read the whole list at that time: call
/// [`begin`](Verifier::begin), [`saw`](Verifier::saw) for each entry, and [`end`](Verifier::end). A
/// list that was not read to its end proves nothing.
#[derive(Debug)]
pub struct Verifier {
    verification: Verification,
    time: Duration,
    started: Instant,
    /// The ids that are not done, by their number.
    pending: BTreeMap<u128, Pending>,
    /// How often the list was read.
    readings: u32,
    /// When the latest reading began and ended.
    reading: (Instant, Instant),
}

#[derive(Debug, Default)]
struct Pending {
    /// Whether the current reading has seen the id, and whether it was being processed.
    seen: Option<bool>,
    /// Whether the latest reading that ended lacked the id.
    is_missing: bool,
    is_processing: bool,
}

impl Verifier {
    /// Awaits the state of these ids for this time.
    pub fn new(verification: Verification, ids: &[Id], time: Duration, now: Instant) -> Verifier {
        let pending = ids.iter().map(|id| (id.number(), Pending::default())).collect();
        Verifier { verification, time, started: now, pending, readings: 0, reading: (now, now) }
    }

    /// When the list is to be read next. None: every id is done, or the time is over.
    ///
    /// The first readings follow each other quickly. The last two begin early enough to end in
    /// time.
    pub fn next(&self) -> Option<Instant> {
        if self.pending.is_empty() {
            return None;
        }
        if self.readings == 0 {
            return Some(self.started);
        }
        let (began, ended) = self.reading;
        let (took, first) = (ended.since(began), self.time.part(FIRST_PARTS));
        let doubled = first.saturating_mul(1 << (self.readings.saturating_sub(1)).min(16));
        let wanted = began.saturating_add(doubled.min(self.time.part(PARTS))).max(ended);
        let last = self.started.saturating_add(self.time).saturating_sub(took);
        // The last but one may take somewhat longer than the one before.
        let last_but_one = last.saturating_sub(took).saturating_sub(first);
        let is_time_for_two = last_but_one >= ended && last_but_one > began;
        let next = wanted.min(if is_time_for_two { last_but_one } else { last });
        (next >= ended && next > began && self.readings < MAX_READINGS).then_some(next)
    }

    /// A reading begins.
    pub fn begin(&mut self, now: Instant) {
        self.pending.values_mut().for_each(|pending| pending.seen = None);
        self.reading = (now, now);
    }

    /// The list contains this id.
    pub fn saw(&mut self, id: &str, is_processing: bool) {
        if let Some(pending) = Id::parse(id).and_then(|id| self.pending.get_mut(&id.number())) {
            pending.seen = Some(is_processing);
        }
    }

    /// The list was read to its end.
    pub fn end(&mut self, now: Instant) {
        self.readings = self.readings.saturating_add(1);
        self.reading.1 = now;
        let listed = self.verification.listed;
        self.pending.retain(|_, pending| {
            let was_missing = mem::replace(&mut pending.is_missing, pending.seen.is_none());
            match listed {
                Listed::Done => {
                    pending.is_processing = pending.seen == Some(true);
                    pending.seen != Some(false)
                }
                Listed::Unchanged => {
                    pending.is_processing = pending.seen != Some(false);
                    !(was_missing && pending.is_missing)
                }
            }
        });
    }

    /// How many ids are not done.
    pub fn left(&self) -> usize {
        self.pending.len()
    }

    /// What an id was when the list was last read to its end.
    pub fn status(&self, id: &Id) -> Status {
        match self.pending.get(&id.number()) {
            None => Status::Done,
            Some(pending) if pending.is_processing => Status::Processing,
            Some(_) => Status::Unchanged,
        }
    }
}

/// The first two readings begin one of this many parts of the time apart, which is 2 s of 5
/// minutes. The distance doubles from one reading to the next.
const FIRST_PARTS: u32 = 150;

/// Two readings begin at most one of this many parts of the time apart.
const PARTS: u32 = 15;

/// How often a list is read at most.
const MAX_READINGS: u32 = 20;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::contract::action::ACTIONS;

    /// What the implementations in other languages are tested with as well.
    fn truth() -> Value {
        serde_json::from_str(include_str!("../../tests/verification.json")).unwrap()
    }

    fn ids() -> Vec<Id> {
        let id = |number| Id::parse(&format!("{number:08x}-0000-0000-0000-000000000000"));
        (1..=3).filter_map(id).collect()
    }

    fn verifier(action: &str) -> Verifier {
        let verification = Verification::of(Action::named(action).unwrap()).unwrap();
        Verifier::new(verification, &ids(), Duration::from_millis(DEFAULT_VERIFY_MS), Instant::ORIGIN)
    }

    fn at(secs: u64) -> Instant {
        Instant::ORIGIN.saturating_add(Duration::from_secs(secs))
    }

    /// Reads a list with these entries.
    fn read(verifier: &mut Verifier, entries: &[(Id, bool)]) -> Vec<Status> {
        let now = verifier.next().unwrap();
        verifier.begin(now);
        entries.iter().for_each(|(id, is_processing)| verifier.saw(&id.as_str().to_uppercase(), *is_processing));
        verifier.end(now);
        ids().iter().map(|id| verifier.status(id)).collect()
    }

    #[test]
    fn every_action_on_what_can_be_listed_is_verified() {
        let rules: Vec<Value> = ACTIONS
            .iter()
            .map(|action| match Verification::of(action) {
                Some(Verification { collection, filter, listed }) => {
                    let listed = if listed == Listed::Done { "done" } else { "unchanged" };
                    json!({ "action": action.name, "collection": collection, "filter": filter, "listed": listed })
                }
                None => json!({ "action": action.name, "collection": null }),
            })
            .collect();
        let expected = truth();
        let expected = expected["rules"].as_array().unwrap();
        assert_eq!(rules.len(), expected.len());
        assert!(rules.iter().all(|rule| expected.contains(rule)), "{rules:#?}");
    }

    #[test]
    fn an_id_is_done_in_the_state_that_the_action_leads_to() {
        let truth = truth();
        for case in truth["cases"].as_array().unwrap() {
            let mut verifier = verifier(case["action"].as_str().unwrap());
            let [id, other, _] = ids()[..] else { panic!("three ids") };
            assert_eq!(verifier.status(&id), Status::Unchanged);
            for (reading, status) in case["readings"].as_array().unwrap().iter().zip(case["status"].as_array().unwrap())
            {
                let entry = (reading != "absent").then_some((id, reading == "processing"));
                // With the others, there is always something left.
                let entries: Vec<_> = entry.into_iter().chain([(other, false)]).collect();
                let now = read(&mut verifier, &entries)[0];
                assert_eq!(format!("{now:?}").to_lowercase(), *status, "{case}");
            }
        }
    }

    #[test]
    fn ids_become_what_they_are_one_by_one() {
        let mut verifier = verifier("dismiss-risky-users");
        let ids = ids();
        read(&mut verifier, &[(ids[0], true), (ids[1], false)]);
        let statuses = read(&mut verifier, &[(ids[0], true), (ids[1], false)]);
        assert_eq!((statuses, verifier.left()), (vec![Status::Processing, Status::Unchanged, Status::Done], 2));
        read(&mut verifier, &[]);
        assert_eq!((read(&mut verifier, &[]), verifier.left(), verifier.next()), (vec![Status::Done; 3], 0, None));
    }

    #[test]
    fn a_list_that_was_not_read_to_its_end_proves_nothing() {
        let mut verifier = verifier("dismiss-risky-users");
        verifier.begin(at(0));
        assert_eq!((verifier.left(), verifier.next()), (3, Some(at(0))));
    }

    #[test]
    fn readings_end_in_time_whatever_they_take() {
        for secs in [0, 1, 10, 100, 299] {
            let mut verifier = verifier("dismiss-risky-users");
            let ids = ids();
            let mut begins = Vec::new();
            while let Some(next) = verifier.next() {
                begins.push(next);
                verifier.begin(next);
                verifier.saw(ids[0].as_str(), false);
                verifier.end(next.saturating_add(Duration::from_secs(secs)));
            }
            let last = *begins.last().unwrap();
            assert_eq!(last, at(300 - secs).min(last), "{secs} s");
            assert!(last >= at(300 - secs).saturating_sub(Duration::from_secs(secs)), "{secs} s: {begins:?}");
            // Two of them show what changed before, even if the last but one takes a second longer.
            let last_but_one = begins[begins.len().saturating_sub(2)];
            assert!(last_but_one >= at(297_u64.saturating_sub(3 * secs)), "{secs} s: {begins:?}");
            assert!(begins.len() <= 20, "{secs} s: {begins:?}");
        }
        let mut impatient = verifier("dismiss-risky-users");
        impatient.time = Duration::ZERO;
        assert_eq!(impatient.next(), Some(at(0)));
        impatient.begin(at(0));
        impatient.end(at(1));
        assert_eq!(impatient.next(), None);
    }
}
