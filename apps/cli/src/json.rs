//! JSON with ids: arrays of strings or objects, pages of Microsoft Graph, a value on each line, and
//! the logs and reports of this command. It is read as a stream: only the ids are kept.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::rc::Rc;

use entra_risk_engine::contract::printable::quoted;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::column::{doubt, ids_of, known, list};
use crate::ids::{Ids, Place, is_placeholder};
use crate::input::Wanted;
use crate::table::position;
use crate::text::Text;

/// The lists of a report, and the outcome of the ids in each.
const LISTS: [(&str, &str); 4] =
    [("accepted", "accepted"), ("refused", "refused"), ("notApplied", "not-applied"), ("unknown", "unknown")];

/// Maximum arrays in each other: the stack is small, and nobody has more than two.
const MAX_DEPTH: usize = 16;

/// Adds the ids in the JSON values of a text.
pub(crate) fn read_json(text: Text<'_>, wanted: &Wanted<'_>, ids: &mut Ids, source: &str) -> Result<(), String> {
    let line = text.line();
    let mut reader = serde_json::Deserializer::from_reader(text);
    let mut state = State {
        wanted,
        ids,
        source,
        line,
        names: Vec::new(),
        id: None,
        is_found: false,
        empty: 0,
        depth: 0,
        error: None,
    };
    // At the end there is nothing but white space.
    while reader.end().is_err() {
        if let Err(error) = Node::new(&mut state, Role::Element).deserialize(&mut reader) {
            return Err(state.error.unwrap_or_else(|| message(error, source)));
        }
    }
    state.finish()
}

/// Whether a text is one whole JSON value.
pub(crate) fn is_whole(text: &[u8]) -> bool {
    let Ok(text) = Text::new(text) else { return false };
    let mut reader = serde_json::Deserializer::from_reader(text);
    IgnoredAny::deserialize(&mut reader).and_then(|_| reader.end()).is_ok()
}

fn message(error: serde_json::Error, source: &str) -> String {
    let line = error.line();
    if error.is_io() {
        return io::Error::from(error).to_string();
    }
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    format!("{source}:{line}: is not valid JSON: {reason}")
}

struct State<'a> {
    wanted: &'a Wanted<'a>,
    ids: &'a mut Ids,
    source: &'a str,
    line: Rc<Cell<u64>>,
    /// The members of the first record.
    names: Vec<String>,
    /// The member with ids.
    id: Option<String>,
    /// A record has this member.
    is_found: bool,
    /// Elements and records without an id.
    empty: usize,
    /// Arrays around the value that is read.
    depth: usize,
    /// Why reading ended, if it was not the JSON.
    error: Option<String>,
}

/// A member of an object, as far as it matters.
#[derive(Debug)]
enum Member {
    Text(String),
    Null,
    /// An array of strings, with the line of each.
    Texts(Vec<(String, u64)>),
    /// What was read already.
    Read,
    /// Something else.
    Other,
}

impl<'a> State<'a> {
    fn place(&self) -> Place<'a> {
        Place { source: self.source, line: Some(self.line.get()) }
    }

    fn add(&mut self, id: &str, label: Option<&str>) {
        if is_placeholder(id) {
            self.empty = self.empty.saturating_add(1);
        } else {
            let place = self.place();
            self.ids.add(id.trim(), label, place);
        }
    }

    /// Ends reading with this message.
    fn fail<E: Error>(&mut self, message: String) -> E {
        self.error = Some(message);
        E::custom("")
    }

    /// Checks that a log or a report is one of this action.
    fn check_action(&self, action: &str) -> Result<(), String> {
        let wanted = self.wanted.action.name;
        if action == wanted {
            return Ok(());
        }
        let (place, action) = (self.place(), quoted(action));
        Err(format!("{place}: is about the action {action}, not about {wanted}"))
    }

    /// Adds ids of a log or a report.
    fn add_outcome(&mut self, ids: &[(String, u64)], outcome: &str) {
        for (id, line) in ids {
            self.ids.add_outcome(id, outcome, Place { source: self.source, line: Some(*line) });
        }
    }

    /// Whether a member of a record matters. All names of the first record do.
    fn keeps(&self, name: &str) -> bool {
        let is_named = |wanted: Option<&str>| wanted.is_some_and(|wanted| name.eq_ignore_ascii_case(wanted.trim()));
        self.names.is_empty() || is_named(self.id.as_deref()) || is_named(self.wanted.label)
    }

    /// Adds the id of a record.
    fn add_record(&mut self, members: &[(String, Member)]) -> Result<(), String> {
        let names: Vec<String> = members.iter().map(|(name, _)| name.clone()).collect();
        if self.names.is_empty() {
            self.names.clone_from(&names);
            self.choose(&names)?;
        }
        let place = self.place();
        let at_place = |message| format!("{place}: {message}");
        let id = self.id.as_deref().map_or(Ok(None), |id| position(&names, id)).map_err(at_place)?;
        let label = self.wanted.label.map_or(Ok(None), |label| position(&names, label)).map_err(at_place)?;
        let text = |position: Option<usize>| match members.get(position?) {
            Some((_, Member::Text(text))) => Some(text.as_str()),
            _ => None,
        };
        match id.and_then(|id| members.get(id)) {
            None | Some((_, Member::Null)) => self.empty = self.empty.saturating_add(1),
            Some((_, Member::Text(id))) => self.add(id, text(label)),
            Some((name, _)) => {
                return Err(format!("{place}: expected a string as {}", quoted(name)));
            }
        }
        self.is_found |= id.is_some();
        Ok(())
    }

    /// Chooses the member with ids at the first record.
    fn choose(&mut self, names: &[String]) -> Result<(), String> {
        let action = self.wanted.action;
        let chosen = match self.wanted.column {
            Some(column) => position(names, column)?,
            None => known(action, names),
        };
        self.id = match self.wanted.column {
            Some(column) => Some(column.to_owned()),
            None => chosen.and_then(|chosen| names.get(chosen)).cloned(),
        };
        if let Some(doubt) = chosen.and_then(|chosen| doubt(action, names, chosen)) {
            self.ids.doubt(format!("{}: {doubt}", self.source));
        }
        if self.id.is_some() {
            return Ok(());
        }
        let (place, needed, names) = (self.place(), ids_of(action), list(names));
        Err(format!("{place}: no member is known to hold {needed}: name one with --column; there are {names}"))
    }

    fn finish(self) -> Result<(), String> {
        let Some(id) = self.id else {
            if self.empty > 0 {
                self.ids.note(format!("{} entries of {} are placeholders without an id", self.empty, self.source));
            }
            return Ok(());
        };
        let (source, id) = (self.source, quoted(&id));
        if !self.is_found {
            return Err(format!("{source}: no record has a member {id}; the first one has {}", list(&self.names)));
        }
        if self.empty > 0 {
            self.ids.note(format!("{} records of {source} have no {id}", self.empty));
        }
        Ok(())
    }
}

/// A value, and what to make of it. One type for all of them keeps the component small.
struct Node<'s, 'a> {
    state: &'s mut State<'a>,
    role: Role<'s>,
}

/// What a value is.
#[derive(Clone, Copy)]
enum Role<'s> {
    /// An id, a record with one, or an array of these.
    Element,
    /// The value of a member with this name.
    Member(&'s str),
    /// The value of a member with this name of an object that has an action: a log line or a report
    /// of this command.
    OwnMember(&'s str),
    /// A batch of a report, with this outcome.
    Batch(&'static str),
}

impl<'s, 'a> Node<'s, 'a> {
    fn new(state: &'s mut State<'a>, role: Role<'s>) -> Self {
        Node { state, role }
    }

    /// A value that is neither a string, nor an object or an array.
    fn other<E: Error>(self) -> Result<Member, E> {
        match self.role {
            Role::Element => Err(E::custom("expected an id, an object or an array")),
            _ => Ok(Member::Other),
        }
    }

    /// Reads an array of strings.
    fn read_texts<'de, A: SeqAccess<'de>>(self, mut array: A) -> Result<Member, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = array.next_element_seed(Node::new(&mut *self.state, Role::Member("")))? {
            let Member::Text(text) = text else { return Err(A::Error::custom("expected an id")) };
            texts.push((text, self.state.line.get()));
        }
        Ok(Member::Texts(texts))
    }

    /// Reads a record, a page of records, a log line or a report.
    fn read_object<'de, A: MapAccess<'de>>(self, mut object: A) -> Result<Member, A::Error> {
        let state = self.state;
        let mut members: Vec<(String, Member)> = Vec::new();
        let (mut action, mut outcome, mut logged) = (None, None, None);
        let (mut was_read, mut has_more) = (false, false);
        while let Some(name) = object.next_key::<String>()? {
            let role = if action.is_some() { Role::OwnMember(&name) } else { Role::Member(&name) };
            match object.next_value_seed(Node::new(&mut *state, role))? {
                Member::Text(text) if name == "action" => action = Some(text),
                Member::Text(text) if name == "outcome" => outcome = Some(text),
                Member::Texts(ids) => logged = Some(ids),
                Member::Read => was_read = true,
                _ if name == "@odata.nextLink" => has_more = true,
                member if state.keeps(&name) => members.push((name, member)),
                _ => {}
            }
        }
        let logged = outcome.zip(logged);
        if let Some(action) = action.filter(|_| was_read || logged.is_some()) {
            state.check_action(&action).map_err(|message| state.fail(message))?;
        }
        if let Some((outcome, ids)) = logged {
            state.add_outcome(&ids, &outcome);
        } else if !was_read {
            state.add_record(&members).map_err(|message| state.fail(message))?;
        } else if has_more {
            let source = state.source;
            state.ids.note(format!("{source} has an @odata.nextLink: it is one page of several"));
        }
        Ok(Member::Read)
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = Member;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Member, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_> {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id, an object or an array")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Member, E> {
        match self.role {
            Role::Element => self.state.add(text, None),
            _ => return Ok(Member::Text(text.to_owned())),
        }
        Ok(Member::Read)
    }

    fn visit_unit<E: Error>(self) -> Result<Member, E> {
        match self.role {
            Role::Element => self.visit_str(""),
            _ => Ok(Member::Null),
        }
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Member, E> {
        self.other()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Member, E> {
        self.other()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Member, E> {
        self.other()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Member, E> {
        self.other()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Member, A::Error> {
        let list = LISTS.iter().find(|(list, _)| matches!(self.role, Role::OwnMember(name) if name == *list));
        let role = match (self.role, list) {
            (_, Some((_, outcome))) => Role::Batch(outcome),
            (Role::Element | Role::Member("value") | Role::OwnMember("value"), _) => Role::Element,
            (Role::OwnMember("ids"), _) => return self.read_texts(array),
            _ => {
                while array.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(Member::Other);
            }
        };
        self.state.depth = self.state.depth.saturating_add(1);
        if self.state.depth > MAX_DEPTH {
            return Err(A::Error::custom("arrays in too many arrays"));
        }
        while array.next_element_seed(Node::new(&mut *self.state, role))?.is_some() {}
        self.state.depth = self.state.depth.saturating_sub(1);
        Ok(Member::Read)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Member, A::Error> {
        match self.role {
            Role::Element => self.read_object(object),
            Role::Batch(outcome) => {
                while let Some(name) = object.next_key::<String>()? {
                    let value = Node::new(&mut *self.state, Role::OwnMember(&name));
                    if let Member::Texts(ids) = object.next_value_seed(value)? {
                        self.state.add_outcome(&ids, outcome);
                    }
                }
                Ok(Member::Read)
            }
            Role::Member(_) | Role::OwnMember(_) => {
                // This is also how numbers are read.
                while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Member::Other)
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
        let read = Text::new(text.as_bytes()).unwrap();
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
}
