//! Tests of reading JSON.

use entra_risk_engine::contract::action::ACTIONS;

use super::*;
use crate::ids::Input;

const A: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11";
const B: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d22";

fn wanted() -> Wanted<'static> {
    Wanted { action: &ACTIONS[3], column: None, label: None }
}

/// Reads this text, in which A and B stand for ids.
fn read(text: &str, wanted: Wanted<'_>) -> Result<Input, Vec<String>> {
    let text = text.replace("<A>", A).replace("<B>", B);
    let mut ids = Ids::new(wanted.action);
    let read = Text::new(Box::new(text.as_bytes())).unwrap();
    read_json(read, &wanted, &mut ids, "t.json").map_err(|error| vec![error])?;
    ids.finish(&["not-applied", "unknown"])
}

#[track_caller]
fn is(text: &str, wanted: Wanted<'_>, ids: &[&str], notes: &[&str]) {
    let input = read(text, wanted).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    assert_eq!((input.ids.as_slice(), input.notes.as_slice()), (&owned(ids)[..], &owned(notes)[..]), "{text}");
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn ids_are_found_in_every_shape() {
    for text in [
        r#"["<A>", "<B>"]"#,
        "\"<A>\"\n\"<B>\"",
        r#"[{"id": "<A>", "n": 1.5}, {"n": {"id": 3}, "ID": "<B>"}]"#,
        "{\"Id\": \"<A>\"}\r\n\n{\"Id\": \"<B>\"}\n",
        r#"{"@odata.context": "x", "value": [{"id": "<A>"}, {"id": "<B>"}]} "#,
        r#"{"value": [{"id": "<A>"}]}{"value": ["<B>"], "Count": 1}"#,
        r#"[{"userId": "<A>", "id": "x"}, {"id": "y", "userId": "<B>"}]"#,
    ] {
        is(text, wanted(), &[A, B], &[]);
    }
    is("[]", wanted(), &[], &[]);
    let more = ["t.json has an @odata.nextLink: it is one page of several"];
    is(r#"{"@odata.nextLink": "https://x", "value": ["<A>"]}"#, wanted(), &[A], &more);
}

#[test]
fn a_member_is_named_like_a_column() {
    let column = || Wanted { column: Some("Guid"), ..wanted() };
    let note = ["3 records of t.json have no \"Guid\""];
    is(
        r#"[{"id": "x", "guid": "<A>"}, {"guid": null}, {"guid": "N/A"}, {}, {"guid": "<B>"}]"#,
        column(),
        &[A, B],
        &note,
    );
    let missing = read(r#"[{"id": "<A>", "b": 1}]"#, column());
    let message = r#"t.json: no record has a member "Guid"; the first one has "id", "b""#;
    assert_eq!(missing, Err(owned(&[message])));
    let label = Wanted { label: Some("name"), ..wanted() };
    let labels = read(r#"[{"name": "Ann", "id": "<A>"}, {"id": "<B>", "name": 3}]"#, label).unwrap().labels;
    assert_eq!(labels.into_values().collect::<Vec<_>>(), ["Ann"]);
}

#[test]
fn the_last_line_of_an_id_counts_in_logs_and_reports() {
    let line = |outcome: &str, ids: &str| {
        format!(
            "{{\"time\":\"t\",\"action\":\"dismiss-risky-users\",\"outcome\":\"{outcome}\",\"ids\":[{ids}],\"requestId\":\"x\"}}\n"
        )
    };
    let log = line("unknown", r#""<A>","<B>""#) + &line("accepted", r#""<A>""#);
    let others = ["1 ids of earlier runs have another outcome than not-applied or unknown"];
    is(&log, wanted(), &[B], &others);
    let report = r#"{"action":"dismiss-risky-users","ids":{"accepted":1},"cause":null,"accepted":[{"ids":["<A>"],"attempts":1}],
        "refused":[],"notApplied":[{"ids":["<B>"],"attempts":0,"error":{"kind":"x","message":"m"}}],"unknown":[]}"#;
    is(report, wanted(), &[B], &others);
    let other = "t.json:2: is about the action \"dismiss-risky-users\", not about dismiss-sign-ins";
    for text in [format!("\n{}", line("unknown", "")), format!("{{\n{}", report.replace('\n', "").split_off(1))] {
        let wanted = Wanted { action: &ACTIONS[0], ..wanted() };
        assert_eq!(read(&text, wanted), Err(owned(&[other])), "{text}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let cases = [
        ("[\"<A>\",\n\n\"x\"]", "t.json:3: expected an id (a hyphenated GUID, not all zeros); got \"x\""),
        ("[{\"id\":\"<A>\"},\n{\"id\":7}]", "t.json:2: expected a string as \"id\""),
        ("[\n\"<A>\"", "t.json:2: is not valid JSON: EOF while parsing a list"),
        ("{\"id\":\"<A>\"}\n{\"id\"", "t.json:2: is not valid JSON: EOF while parsing an object"),
        ("[\"<A>\"]\n]", "t.json:2: is not valid JSON: expected value"),
        ("[7]", "t.json:1: is not valid JSON: expected an id, an object or an array"),
        (&"[".repeat(1_000), "t.json:1: is not valid JSON: arrays in too many arrays"),
        (
            "{\"guid\":\"<A>\",\"n\":1}",
            "t.json:1: no member is known to hold object ids of users: name one with --column; there are \"guid\", \"n\"",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(read(text, wanted()), Err(owned(&[message])), "{text}");
    }
}
