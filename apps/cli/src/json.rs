//! JSON with ids: arrays of strings or objects, pages of Microsoft Graph, a value on each line, and
//! the logs and reports of this command. It is read as a stream: only the ids are kept.

use std::fmt;
use std::io;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::ids::Ids;
use crate::records::{Member, Records};
use crate::text::Text;
use crate::wanted::Wanted;

/// The lists of a report, and the outcome of the ids in each.
const LISTS: [(&str, &str); 4] =
    [("accepted", "accepted"), ("refused", "refused"), ("notApplied", "not-applied"), ("unknown", "unknown")];

/// Maximum arrays in each other: the stack is small, and nobody has more than two.
const MAX_DEPTH: usize = 16;

/// Adds the ids in the JSON values of a text.
pub(crate) fn read_json(text: Text<'_>, wanted: &Wanted<'_>, ids: &mut Ids, source: &str) -> Result<(), String> {
    let mut records = Records::new(wanted, ids, source, text.line());
    let mut reader = serde_json::Deserializer::from_reader(text);
    // At the end there is nothing but white space.
    while reader.end().is_err() {
        if let Err(error) = Node::new(&mut records, Role::Element).deserialize(&mut reader) {
            return Err(records.error.unwrap_or_else(|| message(error, source)));
        }
    }
    records.finish()
}

/// Whether a text is one whole JSON value.
pub(crate) fn is_whole(text: &[u8]) -> bool {
    let Ok(text) = Text::new(Box::new(text)) else { return false };
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

/// A value, and what to make of it. One type for all of them keeps the component small.
struct Node<'s, 'a> {
    records: &'s mut Records<'a>,
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
    fn new(records: &'s mut Records<'a>, role: Role<'s>) -> Self {
        Node { records, role }
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
        while let Some(text) = array.next_element_seed(Node::new(&mut *self.records, Role::Member("")))? {
            let Member::Text(text) = text else { return Err(A::Error::custom("expected an id")) };
            texts.push((text, self.records.line()));
        }
        Ok(Member::Texts(texts))
    }

    /// Reads a record, a page of records, a log line or a report.
    fn read_object<'de, A: MapAccess<'de>>(self, mut object: A) -> Result<Member, A::Error> {
        let records = self.records;
        let mut members: Vec<(String, Member)> = Vec::new();
        let (mut action, mut outcome, mut logged) = (None, None, None);
        let (mut was_read, mut has_more) = (false, false);
        while let Some(name) = object.next_key::<String>()? {
            let role = if action.is_some() { Role::OwnMember(&name) } else { Role::Member(&name) };
            match object.next_value_seed(Node::new(&mut *records, role))? {
                Member::Text(text) if name == "action" => action = Some(text),
                Member::Text(text) if name == "outcome" => outcome = Some(text),
                // What ids have become is not their outcome.
                Member::Text(_) if name == "verification" && action.is_some() => was_read = true,
                Member::Texts(ids) => logged = Some(ids),
                Member::Read => was_read = true,
                _ if name == "@odata.nextLink" => has_more = true,
                member if records.keeps(&name) => members.push((name, member)),
                _ => {}
            }
        }
        let logged = outcome.zip(logged);
        if let Some(action) = action.filter(|_| was_read || logged.is_some()) {
            records.check_action(&action).map_err(|message| records.fail(message))?;
        }
        if let Some((outcome, ids)) = logged {
            records.add_outcome(&ids, &outcome);
        } else if !was_read {
            records.add_record(&members).map_err(|message| records.fail(message))?;
        } else if has_more {
            records.note_next_page();
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
            Role::Element => self.records.add(text, None),
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
        self.records.depth = self.records.depth.saturating_add(1);
        if self.records.depth > MAX_DEPTH {
            return Err(A::Error::custom("arrays in too many arrays"));
        }
        while array.next_element_seed(Node::new(&mut *self.records, role))?.is_some() {}
        self.records.depth = self.records.depth.saturating_sub(1);
        Ok(Member::Read)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Member, A::Error> {
        match self.role {
            Role::Element => self.read_object(object),
            Role::Batch(outcome) => {
                while let Some(name) = object.next_key::<String>()? {
                    let value = Node::new(&mut *self.records, Role::OwnMember(&name));
                    if let Member::Texts(ids) = object.next_value_seed(value)? {
                        self.records.add_outcome(&ids, outcome);
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
// The fuzz target includes this file by its path.
#[path = "json/tests.rs"]
mod tests;
