//! Lists: a request for a page of a collection, and the page.

use std::hash::{DefaultHasher, Hash, Hasher};

use form_urlencoded::{Serializer, parse};
use serde_json::{Map, Value};

use crate::collection::Property;
use crate::filter::Filter;
use crate::{Collection, Entry, Request, Settings};

/// A request for a page.
#[derive(Debug)]
pub(crate) struct PageRequest {
    collection: Collection,
    /// The options of the query as they were sent, without that of the position.
    options: Vec<(String, String)>,
    filter: Option<Filter>,
    select: Vec<&'static Property>,
    top: usize,
    start: Position,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Position {
    /// Places that were read before. Each entry of the collection has one, whether it passes the
    /// filter or not, so that an entry that changes does not move the others. If pages shift, only
    /// entries that pass have one.
    read: usize,
    /// Empty pages since the last one that was read.
    empty_pages: usize,
}

/// A page.
#[derive(Debug)]
pub(crate) struct Page {
    /// The body of the response.
    pub(crate) body: String,
    /// The ids of its entries.
    pub(crate) ids: Vec<String>,
}

impl PageRequest {
    /// Parses the query of a request, or returns the message with which Microsoft Graph rejects it.
    pub(crate) fn parse(collection: Collection, query: Option<&str>) -> Result<PageRequest, String> {
        let properties = collection.properties();
        let mut page = PageRequest {
            collection,
            options: Vec::new(),
            filter: None,
            select: properties.iter().collect(),
            top: collection.default_page(),
            start: Position::default(),
        };
        let mut position = None;
        for (name, value) in parse(query.unwrap_or_default().as_bytes()).into_owned() {
            if page.options.iter().any(|(known, _)| *known == name) {
                return Err(format!(
                    "Query option '{name}' was specified more than once, but it must be specified at most once."
                ));
            }
            match name.as_str() {
                "$filter" => page.filter = Some(Filter::parse(collection, &value)?),
                "$select" => {
                    let find = |name: &str| properties.iter().find(|property| property.name == name.trim());
                    let unknown =
                        format!("Could not find a property of '{}' on type '{}'.", value, collection.entry_type());
                    page.select = value.split(',').map(find).collect::<Option<_>>().ok_or(unknown)?;
                }
                "$top" => {
                    let (max, top) = (collection.max_page(), value.parse().ok());
                    page.top = top.filter(|top| (1..=max).contains(top)).ok_or_else(|| {
                        format!("The value '{value}' of the query option '$top' is not from 1 to {max}.")
                    })?;
                }
                "$skiptoken" => {
                    position = Some(value);
                    continue;
                }
                name if name.starts_with('$') => return Err(format!("The query option '{name}' is not supported.")),
                _ => {}
            }
            page.options.push((name, value));
        }
        if let Some(token) = position {
            page.start = page.position(&token).ok_or("The skip token is not valid for this request.")?;
        }
        Ok(page)
    }

    /// The page that follows in these entries, which are all of the collection.
    pub(crate) fn page(&self, entries: &[Entry], settings: &Settings, request: &Request) -> Page {
        let passes = |entry: &&Entry| self.filter.as_ref().is_none_or(|filter| filter.passes(entry));
        let places = entries.iter().map(|entry| Some(entry).filter(passes));
        let places: Vec<Option<&Entry>> = places.filter(|entry| entry.is_some() || !settings.pages_shift).collect();
        let mut next = self.start;
        let mut found: Vec<&Entry> = Vec::new();
        if next.empty_pages < settings.empty_pages {
            next.empty_pages += 1;
        } else {
            next.empty_pages = 0;
            while let Some(place) = places.get(next.read).filter(|_| found.len() < self.top) {
                found.extend(place);
                next.read += 1;
            }
        }
        let uri = request.uri();
        let own =
            || format!("{}://{}", uri.scheme_str().unwrap_or_default(), uri.authority().map_or("", |own| own.as_str()));
        let root = settings.link_root.clone().unwrap_or_else(own);
        let version = uri.path().trim_start_matches('/').split('/').next().unwrap_or_default();
        let path = self.collection.path();
        let mut body = Map::new();
        body.insert("@odata.context".into(), format!("{root}/{version}/$metadata#{path}").into());
        if next.read < places.len() {
            let options = Serializer::new(String::new())
                .extend_pairs(&self.options)
                .append_pair("$skiptoken", &self.token(next))
                .finish();
            body.insert("@odata.nextLink".into(), format!("{root}/{version}/{path}?{options}").into());
        }
        body.insert("value".into(), found.iter().map(|entry| entry.to_json(&self.select)).collect());
        let ids = found.iter().map(|entry| entry.id.to_string()).collect();
        Page { body: Value::Object(body).to_string(), ids }
    }

    /// A token for a position in this list. It has characters that mean something else unless they
    /// are encoded.
    fn token(&self, position: Position) -> String {
        let mut digest = DefaultHasher::new();
        (self.collection, &self.options).hash(&mut digest);
        format!("{}+{}/{:016x}==", position.read, position.empty_pages, digest.finish())
    }

    fn position(&self, token: &str) -> Option<Position> {
        let (read, rest) = token.split_once('+')?;
        let empty_pages = rest.split('/').next()?.parse().ok()?;
        let position = Position { read: read.parse().ok()?, empty_pages };
        (self.token(position) == token).then_some(position)
    }
}
