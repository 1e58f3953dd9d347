//! A page of a collection. serde_json reads it without keeping what is not needed, so that a large
//! page takes little memory besides its text.

use std::{fmt, str};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::contract::token::Secrets;

/// A user, a sign-in or a service principal with a risk. Absent texts are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// What the actions take.
    pub id: String,
    /// The user principal name, or else the display name.
    pub name: String,
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
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    pub(crate) next_link: Option<String>,
}

impl Page {
    /// Parses the body of a response. None: it is no page. No text of the entries contains a secret.
    pub(crate) fn parse(body: &[u8], secrets: &Secrets) -> Option<Page> {
        let text = str::from_utf8(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)).ok()?;
        let mut json = serde_json::Deserializer::from_str(text);
        let mut page = PageSeed.deserialize(&mut json).ok()?;
        json.end().ok()?;
        let secrets = secrets.long();
        for entry in &mut page.entries {
            let Entry { id, name, risk_level, risk_state, risk_detail, last_updated, .. } = entry;
            for text in [id, name, risk_level, risk_state, risk_detail, last_updated] {
                *text = secrets.sanitize(text, MAX_TEXT_BYTES);
            }
        }
        Some(page)
    }
}

/// A value of which only a short text or a boolean matters.
enum Scalar {
    /// The beginning of a text.
    Text(String),
    Bool(bool),
    Null,
    Other,
}

impl Scalar {
    fn text(self) -> String {
        match self {
            Scalar::Text(text) => text,
            _ => String::new(),
        }
    }

    fn is_true(&self) -> bool {
        matches!(self, Scalar::Bool(true))
    }
}

/// Reads a value, of a text at most this many bytes.
#[derive(Clone, Copy)]
struct ScalarSeed(usize);

impl<'de> DeserializeSeed<'de> for ScalarSeed {
    type Value = Scalar;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ScalarSeed {
    type Value = Scalar;

    fn expecting(&self, _: &mut fmt::Formatter) -> fmt::Result {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.get(..text.floor_char_boundary(self.0)).unwrap_or_default().to_owned()))
    }

    fn visit_bool<E>(self, is_true: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(is_true))
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }
}

/// Reads a page.
struct PageSeed;

impl<'de> DeserializeSeed<'de> for PageSeed {
    type Value = Page;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Page, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PageSeed {
    type Value = Page;

    fn expecting(&self, _: &mut fmt::Formatter) -> fmt::Result {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Page, A::Error> {
        let (mut entries, mut next_link) = (None, None);
        while let Some(name) = map.next_key_seed(ScalarSeed(MAX_NAME_BYTES))? {
            match &*name.text() {
                "value" => entries = Some(map.next_value_seed(EntriesSeed)?),
                "@odata.nextLink" => {
                    next_link = match map.next_value_seed(ScalarSeed(MAX_LINK_BYTES))? {
                        Scalar::Text(link) => Some(link),
                        Scalar::Null => None,
                        // Otherwise the list would end here as if it were complete.
                        _ => return Err(A::Error::custom("")),
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Page { entries: entries.ok_or_else(|| A::Error::custom(""))?, next_link })
    }
}

/// Reads the list of a page.
struct EntriesSeed;

impl<'de> DeserializeSeed<'de> for EntriesSeed {
    type Value = Vec<Entry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Entry>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for EntriesSeed {
    type Value = Vec<Entry>;

    fn expecting(&self, _: &mut fmt::Formatter) -> fmt::Result {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Entry>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element_seed(EntrySeed)? {
            if entry.id.is_empty() || entries.len() >= MAX_ENTRIES {
                return Err(A::Error::custom(""));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

/// Reads an entry.
struct EntrySeed;

impl<'de> DeserializeSeed<'de> for EntrySeed {
    type Value = Entry;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Entry, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EntrySeed {
    type Value = Entry;

    fn expecting(&self, _: &mut fmt::Formatter) -> fmt::Result {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let mut entry = Entry::default();
        let mut display_name = String::new();
        while let Some(name) = map.next_key_seed(ScalarSeed(MAX_NAME_BYTES))? {
            let value = map.next_value_seed(ScalarSeed(MAX_TEXT_BYTES))?;
            match &*name.text() {
                "id" => entry.id = value.text(),
                "userPrincipalName" => entry.name = value.text(),
                "userDisplayName" | "displayName" => display_name = value.text(),
                "riskLevel" | "riskLevelAggregated" => entry.risk_level = value.text(),
                "riskState" => entry.risk_state = value.text(),
                "riskDetail" => entry.risk_detail = value.text(),
                "riskLastUpdatedDateTime" | "createdDateTime" => entry.last_updated = value.text(),
                "isDeleted" => entry.deleted = value.is_true(),
                "isProcessing" => entry.processing = value.is_true(),
                _ => {}
            }
        }
        if entry.name.is_empty() {
            entry.name = display_name;
        }
        Ok(entry)
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
