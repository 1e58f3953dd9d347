//! Tests of collecting ids.

use entra_risk_engine::contract::action::ACTIONS;

use super::*;

const A: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11";
const B: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d22";

fn place(line: u64) -> Place<'static> {
    Place { source: "ids.txt", line: Some(line) }
}

fn ids() -> Ids {
    Ids::new(&ACTIONS[3])
}

#[test]
fn a_repeated_id_is_kept_once_in_its_first_spelling_without_braces() {
    let mut ids = ids();
    let upper = A.to_ascii_uppercase();
    for id in [upper.as_str(), B, &format!("{{{A}}}")] {
        assert!(ids.add(id, None, place(1)));
    }
    let input = ids.finish(&[]).unwrap();
    assert_eq!((input.ids, input.notes), (vec![upper, B.to_owned()], vec!["1 repeated ids are sent once".to_owned()]));
}

#[test]
fn an_id_keeps_its_first_label() {
    let mut ids = ids();
    for label in [None, Some(""), Some("Ann"), Some("Bob")] {
        ids.add(A, label, place(1));
    }
    assert_eq!(ids.finish(&[]).unwrap().labels, Labels::from([(number(A), "Ann".to_owned())]));
}

#[test]
fn invalid_ids_are_reported_with_their_places() {
    let mut ids = ids();
    for (line, id) in (1..).zip([A, "\x1b[31mred", "00000000-0000-0000-0000-000000000000", &format!("{{{A}")]) {
        ids.add(id, None, place(line));
    }
    let expected = [
        "ids.txt:2: expected an id (a hyphenated GUID, not all zeros); got \"\u{fffd}[31mred\"",
        "ids.txt:3: line 3 has \"00000000-0000-0000-0000-000000000000\", which stands for a missing id",
        "ids.txt:4: expected an id (a hyphenated GUID, not all zeros); got \"{8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11\"",
    ];
    assert_eq!(ids.finish(&[]).unwrap_err(), expected);
}

#[test]
fn at_most_20_invalid_ids_are_listed_and_a_hint_once() {
    let mut ids = ids();
    for line in 1..=25 {
        ids.add("ann@contoso.example", None, place(line));
    }
    let message = ids.finish(&[]).unwrap_err();
    assert_eq!(message[20], "and 5 more invalid ids");
    assert!(message.len() == 22 && message[21].contains("az ad user show"), "{message:?}");
}

#[test]
fn the_last_outcome_of_an_id_counts() {
    let mut ids = ids();
    for (id, outcome) in [(A, "accepted"), (B, "unknown"), (A, "unknown"), (B, "accepted")] {
        ids.add_outcome(id, outcome, place(1));
    }
    let input = ids.finish(&["not-applied", "unknown"]).unwrap();
    let note = "1 ids of earlier runs have another outcome than not-applied or unknown";
    assert_eq!((input.ids, input.notes), (vec![A.to_owned()], vec![note.to_owned()]));
}

#[test]
fn what_stands_for_no_id_is_known() {
    for text in ["", " ", "N/A", "-", "null", "NaN", "None", "\\N"] {
        assert!(is_placeholder(text), "{text:?}");
    }
    for text in [A, "x", "--", "0"] {
        assert!(!is_placeholder(text), "{text:?}");
    }
}
