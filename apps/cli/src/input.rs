//! A source of ids, whose format is recognized by its content.

use entra_risk_engine::contract::id::Id;
use entra_risk_engine::contract::printable::quoted;

use crate::column::{doubt, ids_of, known, list};
use crate::hint::Hint;
use crate::ids::{Ids, Place, is_placeholder};
use crate::json::read_json;
use crate::plain_list::{items, read_list};
use crate::table::{Columns, Header, headers, position, read_columns};
use crate::text::Text;
use crate::wanted::Wanted;

/// Adds the ids of a source, and returns whether it is a list without anything else. The error is
/// one of the source, not of an id.
pub(crate) fn read(mut text: Text<'_>, wanted: &Wanted<'_>, ids: &mut Ids, source: &str) -> Result<bool, String> {
    let head = text.head();
    if is_workbook(head) {
        return Err(format!("{source}: is an Excel file or an archive: save the sheet as CSV, and read that"));
    }
    if is_json(head) {
        return read_json(text, wanted, ids, source).map(|()| false);
    }
    let start = String::from_utf8_lossy(head).into_owned();
    if is_powershell_table(&start) {
        return Err(format!(
            "{source}: is a table as PowerShell prints it, in which ids may be cut: write the ids with Select-Object \
             -ExpandProperty Id | Set-Content FILE"
        ));
    }
    match find_columns(head, &start, wanted).map_err(|message| format!("{source}: {message}"))? {
        Some((header, columns)) => {
            if let Some(doubt) = doubt(wanted.action, &header.names, columns.id) {
                ids.doubt(format!("{source}: {doubt}"));
            }
            read_table(&mut text, &header, columns, ids, source).map(|()| false)
        }
        None => read_list(&mut text, ids, source).map(|()| true),
    }
}

fn read_table(
    text: &mut Text<'_>,
    header: &Header,
    columns: Columns,
    ids: &mut Ids,
    source: &str,
) -> Result<(), String> {
    let empty = read_columns(text, header, columns, source, is_placeholder, |value| {
        ids.add(value.id, value.label, Place { source, line: Some(value.line) });
    })?;
    if empty > 0 {
        let name = header.names.get(columns.id).map(|name| quoted(name)).unwrap_or_default();
        ids.note(format!("{empty} records of {source} have no {name}"));
    }
    Ok(())
}

/// Whether a file begins as those of Excel do, and other archives.
fn is_workbook(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"\xd0\xcf\x11\xe0")
}

/// Whether a text begins as JSON does. An id may be in braces, and is not JSON.
fn is_json(head: &[u8]) -> bool {
    let head = head.trim_ascii_start();
    let after = head.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    head.starts_with(b"[") || after.is_some_and(|after| after.starts_with(b"\"") || after.starts_with(b"}"))
}

/// Whether a text is what PowerShell shows of objects: names over lines of hyphens, or a name and a
/// value in each line.
fn is_powershell_table(start: &str) -> bool {
    let mut lines = start.lines().map(str::trim).filter(|line| !line.is_empty());
    let (first, second) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let is_underline = second.starts_with("--") && second.chars().all(|c| c == '-' || c == ' ');
    let is_list = first.split_whitespace().nth(1) == Some(":");
    is_underline && !first.starts_with('#') || is_list
}

/// The columns to read, if a text is a table: a list has an id in its first line, or nothing that
/// is the name of a column.
fn find_columns(head: &[u8], start: &str, wanted: &Wanted<'_>) -> Result<Option<(Header, Columns)>, String> {
    let mut others = Header::default();
    for header in headers(head) {
        let id = match wanted.column {
            Some(column) => position(&header.names, column)?,
            None => known(wanted.action, &header.names),
        };
        let Some(id) = id else {
            others = if header.names.len() > others.names.len() { header } else { others };
            continue;
        };
        // The name of a known column must be unique too.
        let name = header.names.get(id).map(String::as_str).unwrap_or_default();
        position(&header.names, name)?;
        let label = match wanted.label {
            Some(label) => {
                position(&header.names, label)?.ok_or_else(|| unknown_column(label, &header.names)).map(Some)?
            }
            None => None,
        };
        return Ok(Some((header, Columns { id, label })));
    }
    let first = start.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if first.is_empty() || items(first).any(is_value) {
        return Ok(None);
    }
    match wanted.column {
        Some(_) if others.names.is_empty() => Err("expected a header".to_owned()),
        Some(column) => Err(unknown_column(column, &others.names)),
        None if others.names.len() < 2 || first.starts_with('#') && !first.starts_with("#TYPE ") => Ok(None),
        None => {
            let needed = ids_of(wanted.action);
            let names = list(&others.names);
            Err(format!("no column is known to hold {needed}: name one with --column; the header has {names}"))
        }
    }
}

/// Whether a text is one that a list contains, rather than a name of a column.
fn is_value(text: &str) -> bool {
    let plain = text.trim_matches(['{', '}']);
    Id::parse(plain).is_some() || Hint::of(plain).is_some()
}

fn unknown_column(column: &str, names: &[String]) -> String {
    format!("unknown column {}; the header has {}", quoted(column), list(names))
}
