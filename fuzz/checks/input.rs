//! Reads a file of ids as the command does: the first line is the column of a CSV file, or empty for a list, and the
//! rest is the file. Nothing panics. A second parser, which only knows the rules, finds the same ids, each once, or
//! an error too: no id is lost, and none comes from another column.

use std::collections::HashSet;

use uuid::Uuid;

use crate::ids::Ids;

pub fn run(data: &[u8]) {
    let (column, file) = data.split_at(data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len()));
    let Ok(column) = str::from_utf8(column) else { return };
    let file = file.get(1..).unwrap_or_default();
    let mut ids = Ids::default();
    let added = if column.is_empty() {
        ids.add_lines(file, "file");
        Ok(())
    } else {
        ids.add_csv(file, column, "file")
    };
    let found = added.ok().and_then(|()| ids.finish().ok()).map(|(ids, _)| ids);

    // Other encodings are replaced, and rows before the header are not described here.
    let Ok(text) = str::from_utf8(file) else { return };
    let text = text.trim_start_matches('\u{feff}');
    if column.is_empty() {
        assert_eq!(found, distinct(list(text)));
    } else if !text.starts_with("sep=") && !text.starts_with("#TYPE ") {
        let Some(tables) =
            [',', ';', '\t'].map(|delimiter| table(text, delimiter)).into_iter().collect::<Option<Vec<_>>>()
        else {
            assert!(found.is_none() || text.contains('"'));
            return;
        };
        assert_eq!(found, values(&tables, column.trim()).and_then(distinct));
    }
}

/// What a list contains besides comments.
fn list(text: &str) -> Vec<String> {
    let lines = text.split(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']);
    let items = lines.map(|line| line.split_once('#').map_or(line, |(item, _)| item).trim());
    items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// The values in a column that are not empty; none if the column is not found, or a record has too few or too many
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
    values.map(|values| values.into_iter().filter(|value| !value.is_empty()).collect())
}

/// The records of a CSV file, without empty lines; none if a field begins with a quote and does not end with one.
fn table(text: &str, delimiter: char) -> Option<Vec<Vec<String>>> {
    let mut records = Vec::new();
    let mut rest = text.trim_start_matches(['\n', '\r']);
    while !rest.is_empty() {
        let mut record = Vec::new();
        loop {
            let end = |text: &str| text.find([delimiter, '\n', '\r']).unwrap_or(text.len());
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

/// Each id once, as spelled first, without braces; none if one is not an id.
fn distinct(items: Vec<String>) -> Option<Vec<String>> {
    let mut seen = HashSet::new();
    let mut ids = Vec::new();
    for item in items {
        let id = item.strip_prefix('{').and_then(|item| item.strip_suffix('}')).unwrap_or(&item);
        let number = Uuid::try_parse(id).ok().filter(|number| id.len() == 36 && !number.is_nil())?;
        if seen.insert(number) {
            ids.push(id.to_owned());
        }
    }
    Some(ids)
}
