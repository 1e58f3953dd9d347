//! A page of a collection. serde_json reads it without keeping what is not needed, so that a large
//! page takes little memory besides its text.

use std::{fmt, mem, str};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::contract::token::{HIDDEN_RUN_BYTES, Secrets};

/// A user, a sign-in or a service principal with a risk. Absent texts are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The id that the actions take.
    pub id: String,
    /// The user principal name, or else the display name.
    pub name: String,
    display_name: String,
    /// `riskLevel`, or `riskLevelAggregated` of a sign-in.
    pub risk_level: String,
    /// `riskState`
    pub risk_state: String,
    /// `riskDetail`
    pub risk_detail: String,
    /// `riskLastUpdatedDateTime`, or `createdDateTime` of a sign-in.
    pub last_updated: String,
    /// `isDeleted`
    pub deleted: bool,
    /// `isProcessing`
    pub processing: bool,
}

/// A page, as far as it matters.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The entries, in the order of the page.
    pub entries: Vec<Entry>,
    /// Where the next page is.
    pub next_link: Option<String>,
}

impl Page {
    /// Parses the body of a response. None: it is no page. No text of the entries contains a
    /// secret.
    pub fn parse(body: &[u8], secrets: &Secrets) -> Option<Page> {
        let text = str::from_utf8(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)).ok()?;
        let mut json = serde_json::Deserializer::from_str(text);
        let mut draft = Draft::default();
        let is_read = Part::Page(&mut draft).deserialize(&mut json).ok()?.is_read();
        json.end().ok()?;
        if !is_read || !draft.has_list || draft.is_damaged {
            return None;
        }
        let mut page = draft.page;
        let secrets = secrets.long();
        for entry in &mut page.entries {
            let Entry { id, name, display_name, risk_level, risk_state, risk_detail, last_updated, .. } = entry;
            let display_name = mem::take(display_name);
            if name.is_empty() {
                *name = display_name;
            }
            let texts = [id, name, risk_level, risk_state, risk_detail, last_updated];
            for text in texts.into_iter().filter(|text| text.len() >= HIDDEN_RUN_BYTES) {
                *text = secrets.sanitize(text, MAX_TEXT_BYTES);
            }
        }
        Some(page)
    }
}

/// A value of which only a short text or a boolean matters.
enum Value {
    /// The beginning of a text.
    Text(String),
    Bool(bool),
    Null,
    /// The list or the object that was asked for, which was read.
    Read,
    Other,
}

impl Value {
    fn text(self) -> String {
        match self {
            Value::Text(text) => text,
            _ => String::new(),
        }
    }

    fn is_true(&self) -> bool {
        matches!(self, Value::Bool(true))
    }

    fn is_read(&self) -> bool {
        matches!(self, Value::Read)
    }
}

/// A page while it is read.
#[derive(Default)]
struct Draft {
    page: Page,
    has_list: bool,
    /// Whether something in the page is not as documented.
    is_damaged: bool,
}

/// What is read next. One type for all parts of a page takes the least code, and so does a flag in
/// place of serde's errors.
enum Part<'a> {
    /// A text, at most this many bytes of it, or a boolean. Anything else is skipped.
    Scalar(usize),
    Page(&'a mut Draft),
    List(&'a mut Draft),
    Entry(&'a mut Entry),
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Value;

    fn expecting(&self, _: &mut fmt::Formatter) -> fmt::Result {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        let Part::Scalar(max) = self else { return Ok(Value::Other) };
        Ok(Value::Text(text.get(..text.floor_char_boundary(max)).unwrap_or_default().to_owned()))
    }

    fn visit_bool<E>(self, is_true: bool) -> Result<Value, E> {
        Ok(Value::Bool(is_true))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        while let Some(name) = map.next_key_seed(Part::Scalar(MAX_NAME_BYTES))? {
            let name = name.text();
            match &mut self {
                Part::Page(draft) if name == "value" => {
                    draft.page.entries.clear();
                    draft.has_list = map.next_value_seed(Part::List(draft))?.is_read();
                }
                Part::Page(draft) if name == "@odata.nextLink" => {
                    match map.next_value_seed(Part::Scalar(MAX_LINK_BYTES))? {
                        Value::Text(link) => draft.page.next_link = Some(link),
                        Value::Null => {}
                        // Otherwise the list would end here as if it were complete.
                        _ => draft.is_damaged = true,
                    }
                }
                Part::Entry(entry) => {
                    let value = map.next_value_seed(Part::Scalar(MAX_TEXT_BYTES))?;
                    entry.set(&name, value);
                }
                _ => drop(map.next_value_seed(Part::Scalar(0))?),
            }
        }
        Ok(if matches!(self, Part::Page(_) | Part::Entry(_)) { Value::Read } else { Value::Other })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let Part::List(draft) = self else {
            while list.next_element_seed(Part::Scalar(0))?.is_some() {}
            return Ok(Value::Other);
        };
        let mut entry = Entry::default();
        while let Some(value) = list.next_element_seed(Part::Entry(&mut entry))? {
            draft.is_damaged |= !value.is_read() || entry.id.is_empty() || draft.page.entries.len() >= MAX_ENTRIES;
            let entry = mem::take(&mut entry);
            if !draft.is_damaged {
                draft.page.entries.push(entry);
            }
        }
        Ok(Value::Read)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }
}

impl Entry {
    /// Sets the field with this name in Microsoft Graph. The user principal name comes before the
    /// display name.
    fn set(&mut self, name: &str, value: Value) {
        let field = match name {
            "id" => &mut self.id,
            "userPrincipalName" => &mut self.name,
            "userDisplayName" | "displayName" => &mut self.display_name,
            "riskLevel" | "riskLevelAggregated" => &mut self.risk_level,
            "riskState" => &mut self.risk_state,
            "riskDetail" => &mut self.risk_detail,
            "riskLastUpdatedDateTime" | "createdDateTime" => &mut self.last_updated,
            "isDeleted" => return self.deleted = value.is_true(),
            "isProcessing" => return self.processing = value.is_true(),
            _ => return,
        };
        *field = value.text();
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The most entries of a page: five times what any collection has.
const MAX_ENTRIES: usize = 5_000;

/// The most bytes of a text of an entry. Source: the contract.
const MAX_TEXT_BYTES: usize = 256;

/// The most bytes of the name of a field. A longer one is cut, and so it is none of those that
/// matter.
const MAX_NAME_BYTES: usize = 64;

/// The most bytes of a next link. One that is cut does not lead anywhere.
pub(crate) const MAX_LINK_BYTES: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Option<Page> {
        Page::parse(body.as_bytes(), &Secrets::default())
    }

    #[test]
    fn reads_the_fields_of_each_collection() {
        let page = parse(
            r#"{"@odata.context":"…","value":[
                {"id":"u","userPrincipalName":"a@b","userDisplayName":"A","riskLevel":"high","riskState":"atRisk",
                 "riskDetail":"none","riskLastUpdatedDateTime":"t","isDeleted":true,"isProcessing":true},
                {"id":"s","userPrincipalName":null,"userDisplayName":"A","riskLevelAggregated":"low",
                 "createdDateTime":"t","isDeleted":false,"location":{"city":[1,2.5,-3,{}]}},
                {"id":"p","displayName":"P","riskLevel":"levelOfNextYear","riskState":5}
            ],"@odata.nextLink":"https://x/y?z"}"#,
        )
        .unwrap();
        let text = str::to_owned;
        let [user, sign_in, principal] = page.entries.as_slice() else { panic!("{page:?}") };
        let expected = Entry {
            id: text("u"),
            name: text("a@b"),
            display_name: String::new(),
            risk_level: text("high"),
            risk_state: text("atRisk"),
            risk_detail: text("none"),
            last_updated: text("t"),
            deleted: true,
            processing: true,
        };
        assert_eq!(*user, expected);
        assert_eq!((&*sign_in.name, &*sign_in.risk_level, &*sign_in.last_updated), ("A", "low", "t"));
        assert!(!sign_in.deleted && !sign_in.processing);
        assert_eq!((&*principal.name, &*principal.risk_level, &*principal.risk_state), ("P", "levelOfNextYear", ""));
        assert_eq!(page.next_link.as_deref(), Some("https://x/y?z"));
    }

    #[test]
    fn a_byte_order_mark_and_a_null_link_are_accepted() {
        let page = parse("\u{feff}{\"value\":[],\"@odata.nextLink\":null}");
        assert_eq!(page, Some(Page::default()));
    }

    #[test]
    fn what_is_no_page_is_rejected() {
        let ids = r#"{"id":"a"},"#.repeat(MAX_ENTRIES);
        let too_many = format!(r#"{{"value":[{ids}{{"id":"a"}}]}}"#);
        let nested = format!(r#"{{"value":{}}}"#, "[".repeat(100_000));
        for body in [
            "",
            "null",
            "[]",
            "\"value\"",
            "<html>",
            "{}",
            r#"{"error":{}}"#,
            r#"{"value":null}"#,
            r#"{"value":{}}"#,
            r#"{"value":[1]}"#,
            r#"{"value":["a"]}"#,
            r#"{"value":[{}]}"#,
            r#"{"value":[{"id":""}]}"#,
            r#"{"value":[{"id":7}]}"#,
            r#"{"value":[],"@odata.nextLink":5}"#,
            r#"{"value":[],"@odata.nextLink":{}}"#,
            r#"{"value":[]"#,
            r#"{"value":[]}x"#,
            &too_many,
            &nested,
        ] {
            assert_eq!(parse(body), None, "{}", body.get(..80).unwrap_or(body));
        }
        assert_eq!(Page::parse(b"{\"value\":[{\"id\":\"\xff\"}]}", &Secrets::default()), None);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        let name = "é".repeat(1_000);
        let page = parse(&format!(r#"{{"value":[{{"id":"a","displayName":"x{name}"}}]}}"#)).unwrap();
        assert_eq!(page.entries[0].name, format!("x{}", "é".repeat(127)));
    }

    #[test]
    fn no_text_contains_a_token() {
        use crate::contract::token::{Authorization, Token};
        let mut secrets = Secrets::default();
        for token in ["a-token-of-more-than-24-characters", "b"] {
            secrets.add(Authorization::Bearer(Token::parse(token.to_owned()).unwrap()));
        }
        let body = r#"{"value":[{"id":"b","displayName":"is a-token-of-more-than-24-characters and b"}]}"#;
        let page = Page::parse(body.as_bytes(), &secrets).unwrap();
        assert_eq!((&*page.entries[0].id, &*page.entries[0].name), ("b", "is [token] and b"));
    }
}
