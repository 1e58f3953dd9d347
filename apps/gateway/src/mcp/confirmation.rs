//! Confirmations outside the model. The gateway keeps nothing: the client carries `requestState`,
//! which proves that this gateway has asked this question. It does not prove who answered.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write;

use entra_risk_common::Action;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::body::parse_id;
use crate::effect::effect;

/// The minimum length of a secret in bytes: 256 bits if every byte is random.
const MIN_SECRET_BYTES: usize = 32;

/// How long an answer is accepted in seconds: five minutes.
const VALID_S: u64 = 300;

/// The name of the question in the protocol, and that of its only member.
pub(crate) const CONFIRM: &str = "confirm";

/// The maximum number of ids in the text of a question.
const MAX_SHOWN_IDS: usize = 10;

/// The secret under which questions are signed. It cannot be printed.
pub(crate) struct Secret(Hmac<Sha256>);

/// What is to be confirmed.
pub(crate) struct Question<'a> {
    /// The name of the caller's key.
    pub(crate) key: &'a str,
    /// The action.
    pub(crate) action: &'static Action,
    /// The ids, without repetitions.
    pub(crate) ids: &'a [String],
    /// The reason of the call.
    pub(crate) reason: Option<&'a str>,
}

/// What the client answers.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// The call was confirmed.
    Confirmed,
    /// The call was not confirmed, whatever the client says instead.
    Declined,
    /// The client did not answer.
    Missing,
}

impl Secret {
    /// The secret with this text, if it is long enough.
    pub(crate) fn parse(text: &str) -> Option<Secret> {
        let is_long = text.len() >= MIN_SECRET_BYTES;
        Hmac::new_from_slice(text.as_bytes()).ok().filter(|_| is_long).map(Secret)
    }

    /// The state of a question that is asked now. The random number distinguishes it from the same
    /// question at the same time.
    ///
    /// It consists of the time, of that number, and of the code over everything that an answer
    /// confirms, each part with its length before it.
    pub(crate) fn state(&self, question: &Question<'_>, now: u64, random: u64) -> String {
        let mut numbers = BTreeSet::new();
        for id in question.ids {
            numbers.extend(parse_id(id).map(|id| id.number()));
        }
        let mut ids = Sha256::new();
        for number in numbers {
            ids.update(number.to_be_bytes());
        }
        let (key, action) = (question.key.as_bytes(), question.action.definition.name.as_bytes());
        let reason = question.reason.unwrap_or_default().as_bytes();
        let mut code = self.0.clone();
        for part in [key, action, &ids.finalize(), reason, &now.to_be_bytes(), &random.to_be_bytes()] {
            code.update(&(part.len() as u64).to_be_bytes());
            code.update(part);
        }
        let mut state = format!("{now}.{random}.");
        for byte in code.finalize().into_bytes() {
            let _ = write!(state, "{byte:02x}");
        }
        state
    }

    /// Whether this secret signed exactly this question at most five minutes ago. The time of the
    /// comparison does not depend on the code.
    pub(crate) fn verify(&self, question: &Question<'_>, state: &str, now: u64) -> bool {
        let mut parts = state.split('.').map(|part| part.parse().ok());
        let (Some(Some(time)), Some(Some(random))) = (parts.next(), parts.next()) else { return false };
        let expected = self.state(question, time, random);
        now.saturating_sub(time) <= VALID_S && bool::from(state.as_bytes().ct_eq(expected.as_bytes()))
    }
}

impl Question<'_> {
    /// The question for a person. The reason is the client's own text, and it is printable.
    pub(crate) fn text(&self) -> String {
        let count = self.ids.len();
        let mut text = format!("{} Ids ({count}):", effect(self.action));
        for id in self.ids.iter().take(MAX_SHOWN_IDS) {
            let _ = write!(text, " {id}");
        }
        if count > MAX_SHOWN_IDS {
            let _ = write!(text, " and {} more", count.saturating_sub(MAX_SHOWN_IDS));
        }
        if let Some(reason) = self.reason {
            let _ = write!(text, ". The given reason: \"{reason}\"");
        }
        text.push('.');
        text
    }
}

impl Answer {
    /// The answer in the member `inputResponses` of a call.
    pub(crate) fn of(responses: Option<&Value>) -> Answer {
        let Some(answer) = responses.and_then(|responses| responses.get(CONFIRM)) else {
            return Answer::Missing;
        };
        let is_accepted = answer.get("action").and_then(Value::as_str) == Some("accept");
        let content = answer.get("content").and_then(|content| content.get(CONFIRM));
        if is_accepted && content == Some(&Value::Bool(true)) { Answer::Confirmed } else { Answer::Declined }
    }
}

thread_local! {
    /// The states that were used, and when each of them was.
    static USED: RefCell<Vec<(String, u64)>> = const { RefCell::new(Vec::new()) };
}

/// Remembers that a state is used now. Returns whether this instance had not seen it before.
pub(crate) fn use_once(state: &str, now: u64) -> bool {
    USED.with_borrow_mut(|used| {
        used.retain(|(_, at)| now.saturating_sub(*at) <= VALID_S);
        let is_new = used.iter().all(|(known, _)| known != state);
        if is_new {
            used.push((state.to_owned(), now));
        }
        is_new
    })
}

#[cfg(test)]
mod tests {
    use entra_risk_common::ACTIONS;
    use serde_json::json;

    use super::*;

    const A: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d1a";
    const B: &str = "c3a1f9d2-0b57-4d8e-9c44-5b7f1e2a6d30";
    const NOW: u64 = 1_795_000_000;

    fn secret(byte: &str) -> Secret {
        Secret::parse(&byte.repeat(32)).unwrap()
    }

    /// Whether the state of one question is valid for another, some seconds later.
    fn is_valid(asked: &Question<'_>, answered: &Question<'_>, seconds: u64) -> bool {
        let state = secret("s").state(asked, NOW, 1);
        secret("s").verify(answered, &state, NOW.saturating_add(seconds))
    }

    #[test]
    fn a_state_is_valid_for_five_minutes_and_for_exactly_its_question() {
        let (ids, reversed, upper) =
            ([A, B].map(str::to_owned), [B, A].map(str::to_owned), [A.to_uppercase(), B.to_owned()]);
        let question = || Question { key: "soc", action: &ACTIONS[5], ids: &ids, reason: Some("why") };
        for seconds in [0, 1, 300] {
            assert!(is_valid(&question(), &question(), seconds), "{seconds}");
        }
        for same in [&reversed, &upper] {
            assert!(is_valid(&question(), &Question { ids: same, ..question() }, 0));
        }
        assert!(!is_valid(&question(), &question(), 301));
        let others = [
            Question { key: "soc2", ..question() },
            Question { action: &ACTIONS[4], ..question() },
            Question { ids: &ids[..1], ..question() },
            Question { reason: Some("why not"), ..question() },
            Question { reason: None, ..question() },
            // The same bytes in other parts.
            Question { key: "socconfirm", ..question() },
        ];
        for other in &others {
            assert!(!is_valid(&question(), other, 0) && !is_valid(other, &question(), 0));
        }
    }

    #[test]
    fn a_state_that_was_changed_or_signed_with_another_secret_is_not_valid() {
        let ids = [A.to_owned()];
        let question = Question { key: "soc", action: &ACTIONS[5], ids: &ids, reason: None };
        let state = secret("s").state(&question, NOW, 1);
        assert!(!secret("t").verify(&question, &state, NOW));
        for position in 0..state.len() {
            let mut changed = state.clone().into_bytes();
            changed[position] = if changed[position] == b'1' { b'2' } else { b'1' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(!secret("s").verify(&question, &changed, NOW), "{position}");
        }
        let others =
            ["", "1", "1.1", "1.1.", &state[1..], &format!("+{state}"), &format!("{state}="), &state.repeat(2)];
        for other in others {
            assert!(!secret("s").verify(&question, other, NOW), "{other}");
        }
    }

    #[test]
    fn a_state_is_used_once_in_five_minutes() {
        assert!(use_once("a", NOW) && !use_once("a", NOW + 300) && use_once("b", NOW));
        assert!(use_once("a", NOW + 601), "it is no longer valid anyway");
    }

    #[test]
    fn only_an_accepted_form_with_true_is_a_confirmation() {
        let answer = |responses: Value| Answer::of(Some(&responses));
        let confirm = |answer: Value| json!({ "confirm": answer });
        let accepted = json!({ "action": "accept", "content": { "confirm": true } });
        assert_eq!(answer(confirm(accepted)), Answer::Confirmed);
        for declined in [
            json!({ "action": "accept", "content": { "confirm": false } }),
            json!({ "action": "accept", "content": { "confirm": "true" } }),
            json!({ "action": "accept", "content": {} }),
            json!({ "action": "accept" }),
            json!({ "action": "decline", "content": { "confirm": true } }),
            json!({ "action": "cancel" }),
            json!({ "content": { "confirm": true } }),
            json!(true),
            Value::Null,
        ] {
            assert_eq!(answer(confirm(declined.clone())), Answer::Declined, "{declined}");
        }
        for missing in [json!({}), json!([]), Value::Null, json!({ "other": {} })] {
            assert_eq!(answer(missing), Answer::Missing);
        }
        assert_eq!(Answer::of(None), Answer::Missing);
    }

    #[test]
    fn the_question_names_the_effect_the_ids_and_the_reason() {
        let ids: Vec<String> = (0..12).map(|number| format!("id-{number}")).collect();
        let question = Question { key: "soc", action: &ACTIONS[5], ids: &ids, reason: Some("INC-1") };
        let text = question.text();
        assert!(
            text.starts_with("Confirms users as compromised in Microsoft Entra ID Protection. Warning: "),
            "{text}"
        );
        assert!(text.contains(" Ids (12): id-0 id-1 ") && text.contains("id-9 and 2 more. "), "{text}");
        assert!(text.ends_with("The given reason: \"INC-1\"."), "{text}");
    }
}
