//! JSON without fractions, which neither tokens nor claims have: a third of what serde_json's own type would take.

use std::fmt::{self, Write};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How serde_json gives a number that does not fit 64 bits, where its feature `arbitrary_precision` keeps the code that
/// reads fractions out of the component.
const NOT_AN_INTEGER: &str = "$serde_json::private::Number";

/// A JSON value.
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a JSON text.
    pub(crate) fn parse(text: &[u8]) -> Option<Json> {
        serde_json::from_slice(text).ok()
    }

    /// A member of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().find(|(member, _)| member == name).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn number(&self) -> Option<u64> {
        if let Json::Number(number) = self { (*number).try_into().ok() } else { None }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: &str| serde_json::to_string(text).map_err(|_| fmt::Error);
        let mut comma = "";
        match self {
            Json::Null => out.write_str("null"),
            Json::Bool(bool) => write!(out, "{bool}"),
            Json::Number(number) => write!(out, "{number}"),
            Json::Text(value) => out.write_str(&text(value)?),
            Json::List(values) => {
                out.write_char('[')?;
                for value in values {
                    write!(out, "{comma}{value}")?;
                    comma = ",";
                }
                out.write_char(']')
            }
            Json::Object(members) => {
                out.write_char('{')?;
                for (name, value) in members {
                    write!(out, "{comma}{}:{value}", text(name)?)?;
                    comma = ",";
                }
                out.write_char('}')
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        value.try_into().map(Json::Number).map_err(|_| E::custom("a number beyond 64 bits"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Err(E::custom("a fraction"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Json>()? {
            if name == NOT_AN_INTEGER {
                return Err(A::Error::custom("a fraction"));
            }
            members.push((name, value));
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_written_again() {
        for text in ["null", "true", "-7", "9007199254740993", r#""a\n\"ü""#, r#"[[],{},{"a":[1,"b"],"c":null}]"#] {
            assert_eq!(Json::parse(text.as_bytes()).map(|json| json.to_string()).as_deref(), Some(text));
        }
        for text in ["", "{", "1.5", "18446744073709551615", "<html>", "{}x"] {
            assert!(Json::parse(text.as_bytes()).is_none(), "{text}");
        }
    }
}
