//! The filters that Microsoft Graph understands: comparisons of properties, `and`, `or`, and
//! parentheses.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::vec::IntoIter;

use crate::collection::{Kind, Property};
use crate::entry::PropertyValue;
use crate::lexer::{Token, tokens};
use crate::{Collection, Entry};

/// A parsed `$filter`.
#[derive(Debug)]
pub(crate) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Compare(&'static Property, Operator, Literal),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

/// What a property is compared with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Literal {
    Text(String),
    /// In a form whose order is that of time.
    Time(String),
    Flag(bool),
}

impl Filter {
    /// Parses a filter, or returns the message with which Microsoft Graph rejects it.
    pub(crate) fn parse(collection: Collection, text: &str) -> Result<Filter, String> {
        let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable(), collection, depth: 0 };
        let filter = parser.any()?;
        match parser.tokens.next() {
            None => Ok(filter),
            Some(token) => Err(format!("Syntax error in the filter at {token:?}.")),
        }
    }

    /// Whether an entry passes the filter.
    pub(crate) fn passes(&self, entry: &Entry) -> bool {
        match self {
            Filter::Any(filters) => filters.iter().any(|filter| filter.passes(entry)),
            Filter::All(filters) => filters.iter().all(|filter| filter.passes(entry)),
            Filter::Compare(property, operator, literal) => {
                let order = match (entry.value(property.name), literal) {
                    (PropertyValue::Text(text), Literal::Text(literal)) => Some(text.as_ref().cmp(literal)),
                    (PropertyValue::Text(text), Literal::Time(literal)) => instant(&text).map(|at| at.cmp(literal)),
                    (PropertyValue::Flag(flag), Literal::Flag(literal)) => Some(flag.cmp(literal)),
                    _ => None,
                };
                // Of a value that is absent, only `ne` is true.
                order.map_or(*operator == Operator::Ne, |order| operator.holds(order))
            }
        }
    }
}

impl Operator {
    fn parse(text: &str) -> Option<Operator> {
        Some(match text {
            "eq" => Operator::Eq,
            "ne" => Operator::Ne,
            "gt" => Operator::Gt,
            "ge" => Operator::Ge,
            "lt" => Operator::Lt,
            "le" => Operator::Le,
            _ => return None,
        })
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Operator::Eq => order.is_eq(),
            Operator::Ne => order.is_ne(),
            Operator::Gt => order.is_gt(),
            Operator::Ge => order.is_ge(),
            Operator::Lt => order.is_lt(),
            Operator::Le => order.is_le(),
        }
    }
}

/// Parentheses in parentheses.
const MAX_DEPTH: usize = 100;

struct Parser {
    tokens: Peekable<IntoIter<Token>>,
    collection: Collection,
    depth: usize,
}

impl Parser {
    fn any(&mut self) -> Result<Filter, String> {
        let mut filters = vec![self.all()?];
        while self.takes("or") {
            filters.push(self.all()?);
        }
        Ok(Filter::Any(filters))
    }

    fn all(&mut self) -> Result<Filter, String> {
        let mut filters = vec![self.one()?];
        while self.takes("and") {
            filters.push(self.one()?);
        }
        Ok(Filter::All(filters))
    }

    fn takes(&mut self, word: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Word(text) if text == word)).is_some()
    }

    fn one(&mut self) -> Result<Filter, String> {
        if self.tokens.next_if_eq(&Token::Open).is_none() {
            return self.comparison();
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("The filter is nested too deeply.".into());
        }
        let filter = self.any()?;
        self.depth -= 1;
        match self.tokens.next() {
            Some(Token::Close) => Ok(filter),
            token => Err(format!("')' expected in the filter, found {token:?}.")),
        }
    }

    fn comparison(&mut self) -> Result<Filter, String> {
        let Some(Token::Word(name)) = self.tokens.next() else {
            return Err("A property is expected in the filter.".into());
        };
        let property = self.collection.properties().iter().find(|property| property.name == name);
        let property = property.ok_or_else(|| {
            format!("Could not find a property named '{name}' on type '{}'.", self.collection.entry_type())
        })?;
        if !property.filters {
            return Err(format!("Invalid filter clause: the property '{name}' cannot be filtered."));
        }
        let Some(Token::Word(word)) = self.tokens.next() else {
            return Err("An operator is expected in the filter.".into());
        };
        let operator = Operator::parse(&word).ok_or(format!("Invalid filter clause: the operator '{word}'."))?;
        if property.kind != Kind::Time && !matches!(operator, Operator::Eq | Operator::Ne) {
            return Err(format!("Invalid filter clause: the operator '{word}' for the property '{name}'."));
        }
        let literal = match (property.kind, self.tokens.next()) {
            (Kind::Text, Some(Token::Quoted(text))) => Some(Literal::Text(text)),
            (Kind::Member(members), Some(Token::Quoted(text))) => {
                members.contains(&text.as_str()).then_some(Literal::Text(text))
            }
            (Kind::Time, Some(Token::Word(text))) => instant(&text).map(Literal::Time),
            (Kind::Flag, Some(Token::Word(text))) => text.parse().ok().map(Literal::Flag),
            _ => None,
        };
        let literal = literal.ok_or(format!("Invalid filter clause: the value for the property '{name}'."))?;
        Ok(Filter::Compare(property, operator, literal))
    }
}

/// A time such as `2026-01-01T00:00:00Z`, with the same number of digits whatever the spelling.
fn instant(text: &str) -> Option<String> {
    let text = text.strip_suffix('Z')?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fits = |(own, pattern): (char, char)| if pattern == '0' { own.is_ascii_digit() } else { own == pattern };
    let pattern = "0000-00-00T00:00:00";
    let is_time = seconds.len() == pattern.len() && seconds.chars().zip(pattern.chars()).all(fits);
    let is_fraction = fraction.len() <= 9 && fraction.chars().all(|digit| digit.is_ascii_digit());
    (is_time && is_fraction).then(|| format!("{seconds}.{fraction:0<9}"))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn entry() -> Entry {
        Entry {
            last_updated: "2026-02-01T10:00:00.5Z".into(),
            ..Entry::at_risk(Uuid::from_u128(1), "o'neil@contoso.example")
        }
    }

    #[track_caller]
    fn passes(text: &str) -> bool {
        Filter::parse(Collection::RiskyUsers, text).unwrap_or_else(|error| panic!("{text}: {error}")).passes(&entry())
    }

    #[test]
    fn comparisons_hold_as_in_odata() {
        for (text, expected) in [
            ("riskState eq 'atRisk'", true),
            ("riskState ne 'atRisk'", false),
            ("riskLevel eq 'low'", false),
            ("isDeleted eq false", true),
            ("isDeleted ne false", false),
            ("userPrincipalName eq 'o''neil@contoso.example'", true),
            ("riskDetail eq 'none'", true),
            ("riskLastUpdatedDateTime gt 2026-02-01T10:00:00Z", true),
            ("riskLastUpdatedDateTime le 2026-02-01T10:00:00Z", false),
            ("riskLastUpdatedDateTime ge 2026-02-01T10:00:00.500Z", true),
            ("riskLastUpdatedDateTime lt 2026-02-01T10:00:00.5Z", false),
        ] {
            assert_eq!(passes(text), expected, "{text}");
        }
    }

    #[test]
    fn and_binds_before_or_and_parentheses_before_both() {
        let (yes, no) = ("riskState eq 'atRisk'", "riskLevel eq 'low'");
        assert!(passes(&format!("{yes} or {yes} and {no}")));
        assert!(!passes(&format!("({yes} or {yes}) and {no}")));
        assert!(passes(&format!("(({yes}))and({no} or {yes})")));
    }

    #[test]
    fn a_value_that_is_absent_equals_nothing() {
        let filter = |text| Filter::parse(Collection::RiskyUsers, text).unwrap();
        let unnamed = Entry { name: "Nobody".into(), ..entry() };
        assert!(!filter("userPrincipalName eq 'Nobody'").passes(&unnamed));
        assert!(filter("userPrincipalName ne 'Nobody'").passes(&unnamed));
    }

    #[test]
    fn anything_else_is_rejected() {
        for text in [
            "",
            "riskState",
            "riskState eq",
            "riskState eq atRisk",
            "riskState eq \"atRisk\"",
            "riskState eq 'atrisk'",
            "riskState eq 'atRisk",
            "riskState Eq 'atRisk'",
            "riskState gt 'atRisk'",
            "riskState in ('atRisk')",
            "startswith(userPrincipalName,'a')",
            "not (isDeleted eq true)",
            "isDeleted eq 'true'",
            "isDeleted eq true isDeleted eq true",
            "id eq '1'",
            "createdDateTime gt 2026-02-01T10:00:00Z",
            "riskLastUpdatedDateTime gt '2026-02-01T10:00:00Z'",
            "riskLastUpdatedDateTime gt 2026-02-01",
            "(isDeleted eq true",
            "isDeleted eq true)",
            "isDeleted eq true and",
        ] {
            assert!(Filter::parse(Collection::RiskyUsers, text).is_err(), "{text}");
        }
        let deep = format!("{}isDeleted eq true{}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(Filter::parse(Collection::RiskyUsers, &deep).is_err());
    }
}
