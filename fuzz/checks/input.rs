//! Reads a file of ids as the command does: the first line is the column or member with ids, or
//! empty, and the rest is the file. Nothing panics. A second parser, which only knows the rules,
//! finds the same ids, each once, or an error too: no id is lost, and none comes from another
//! column.

use std::collections::HashSet;

use entra_risk_engine::contract::action::ACTIONS;
use serde_json::{Deserializer, Value};
use uuid::Uuid;

use crate::ids::Ids;
use crate::input::read;
use crate::text::Text;
use crate::wanted::Wanted;

pub fn run(data: &[u8]) {
    let (column, file) = data.split_at(data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len()));
    let Ok(column) = str::from_utf8(column) else { return };
    let file = file.get(1..).unwrap_or_default();
    let action = &ACTIONS[3];
    let mut ids = Ids::new(action);
    let wanted = Wanted { action, column: Some(column).filter(|column| !column.is_empty()), label: None };
    let text = Text::new(Box::new(file)).expect("memory can be read");
    let found = read(text, &wanted, &mut ids, "file").ok().and_then(|_| ids.finish(&[]).ok()).map(|input| input.ids);

    // Other encodings are replaced, and what comes before a header is not described here.
    let Ok(text) = str::from_utf8(file) else { return };
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    if text.starts_with("sep=") || text.starts_with("#TYPE ") || text.starts_with("PK") || is_shown_by_powershell(&text)
    {
        return;
    }
    let trimmed = text.trim_ascii_start();
    let inner = trimmed.strip_prefix('{').map(str::trim_ascii_start);
    if trimmed.starts_with('[') || inner.is_some_and(|inner| inner.starts_with(['"', '}'])) {
        let values: Result<Vec<Value>, _> = Deserializer::from_str(trimmed).into_iter().collect();
        match values {
            Err(_) => assert!(found.is_none()),
            Ok(values) => {
                if let Some(items) = strings(&values, 0) {
                    assert_eq!(found, distinct(items));
                }
            }
        }
        return;
    }
    let Some(tables) =
        [',', ';', '\t'].map(|delimiter| table(&text, delimiter)).into_iter().collect::<Option<Vec<_>>>()
    else {
        assert!(found.is_none() || text.contains('"'));
        return;
    };
    let headers = || tables.iter().filter_map(|table| table.first());
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if headers().flatten().any(|name| !column.is_empty() && name.eq_ignore_ascii_case(column.trim())) {
        assert_eq!(found, values(&tables, column.trim()).and_then(distinct));
    } else if column.is_empty() && headers().flatten().any(|name| is_known(name)) {
        // Which of several known columns is read, is not described here.
    } else if first.is_empty()
        || list(first).iter().any(|item| is_value(item))
        || column.is_empty() && (first.starts_with('#') || headers().all(|header| header.len() < 2))
    {
        assert_eq!(found, distinct(list(&text)));
    } else {
        assert_eq!(found, None);
    }
}

/// What a list contains besides comments.
fn list(text: &str) -> Vec<String> {
    let lines = text.split(['\n', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']);
    let lines = lines.map(|line| line.split_once('#').map_or(line, |(item, _)| item));
    let items = lines.flat_map(|line| line.split(|c: char| c == ',' || c == ';' || c.is_whitespace()));
    let items = items.map(|item| item.trim_matches(['"', '\'']));
    items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// The strings in values and arrays; none if there is an object or a number, or an array in many
/// arrays.
fn strings(values: &[Value], depth: usize) -> Option<Vec<String>> {
    let items = values.iter().map(|value| match value {
        Value::Null => Some(Vec::new()),
        Value::String(text) => Some(vec![text.trim().to_owned()]),
        Value::Array(values) if depth < 16 => strings(values, depth.saturating_add(1)),
        _ => None,
    });
    items.collect::<Option<Vec<_>>>().map(|items| items.concat())
}

fn is_shown_by_powershell(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    first.split_whitespace().nth(1) == Some(":") || lines.next().is_some_and(|second| second.starts_with("--"))
}

/// Whether a list contains an item like this, rather than a table the name of a column.
fn is_value(item: &str) -> bool {
    let item = item.trim_matches(['{', '}']);
    let is_number = matches!(item.len(), 32 | 64) && item.chars().all(|c| c.is_ascii_hexdigit());
    is_number || item.contains('@') || (item.len() == 36 && Uuid::try_parse(item).is_ok_and(|id| !id.is_nil()))
}

fn is_known(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| !c.is_whitespace() && *c != '_' && *c != '-').collect();
    ["id", "userid", "objectid", "accountobjectid", "aaduserid"].contains(&plain.to_ascii_lowercase().as_str())
}

fn is_placeholder(text: &str) -> bool {
    ["", "-", "n/a", "null", "nan", "none", "\\n"].contains(&text.trim().to_ascii_lowercase().as_str())
}

/// The values in a column; none if the column is not found, or a record has too few or too many
/// fields.
fn values(tables: &[Vec<Vec<String>>], column: &str) -> Option<Vec<String>> {
    let is_column = |name: &String| name.eq_ignore_ascii_case(column);
    let has_column = |table: &&Vec<Vec<String>>| table.first().is_some_and(|header| header.iter().any(is_column));
    let (header, records) = tables.iter().find(has_column)?.split_first()?;
    let position = header.iter().position(is_column)?;
    if header.iter().filter(|name| is_column(name)).count() > 1
        || records.iter().any(|record| record.len() > header.len())
    {
        return None;
    }
    let values: Option<Vec<_>> = records.iter().map(|record| record.get(position).cloned()).collect();
    values
}

/// The records of a CSV file, without empty lines; none if a field begins with a quote and does not
/// end with one.
fn table(text: &str, delimiter: char) -> Option<Vec<Vec<String>>> {
    let mut records = Vec::new();
    let mut rest = text.trim_start_matches(['\n', '\r']);
    while !rest.is_empty() {
        let mut record = Vec::new();
        loop {
            let end = |text: &str| text.find([delimiter, '\n']).unwrap_or(text.len());
            let (field, after) = match rest.strip_prefix('"') {
                Some(quoted) => {
                    let end = (0..quoted.len()).find(|&at| {
                        let quotes = |text: &str| text.chars().rev().take_while(|&c| c == '"').count();
                        let (field, after) = (quoted.get(..at), quoted.get(at..));
                        after.is_some_and(|after| after.starts_with('"') && !after.starts_with("\"\""))
                            && field.is_some_and(|field| quotes(field) % 2 == 0)
                    })?;
                    let (field, after) = quoted.split_at(end);
                    let after = after.strip_prefix('"')?;
                    if !after.is_empty() && !after.starts_with([delimiter, '\n', '\r']) {
                        return None;
                    }
                    (field.replace("\"\"", "\""), after)
                }
                None => (rest.get(..end(rest))?.to_owned(), rest.get(end(rest)..)?),
            };
            record.push(field.trim().to_owned());
            match after.strip_prefix(delimiter) {
                Some(next) => rest = next,
                None => {
                    rest = after.trim_start_matches(['\n', '\r']);
                    break;
                }
            }
        }
        records.push(record);
    }
    Some(records)
}

/// Each id once, as spelled first, without braces and placeholders; none if one is not an id.
fn distinct(items: Vec<String>) -> Option<Vec<String>> {
    let mut seen = HashSet::new();
    let mut ids = Vec::new();
    for item in items.into_iter().filter(|item| !is_placeholder(item)) {
        let id = item.strip_prefix('{').and_then(|item| item.strip_suffix('}')).unwrap_or(&item);
        let number = Uuid::try_parse(id).ok().filter(|number| id.len() == 36 && !number.is_nil())?;
        if seen.insert(number) {
            ids.push(id.to_owned());
        }
    }
    Some(ids)
}
