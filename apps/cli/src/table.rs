//! CSV files: the values of one column.

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};
use entra_risk_engine::contract::printable::quoted;

/// Delimiters between fields. Spreadsheets use the semicolon where the comma separates decimals.
const DELIMITERS: [u8; 3] = *b",;\t";

/// Calls `add` with the values in the column with this name (in any case) in the header, and the
/// line of each. Empty fields are left out; it returns their number. The delimiter is the one with
/// which the header has the column, or the one that a first line such as `sep=;` names.
pub(crate) fn read_column(
    text: &str,
    column: &str,
    source: &str,
    mut add: impl FnMut(&str, u64),
) -> Result<usize, String> {
    let (first, after) = text.split_once('\n').unwrap_or((text, ""));
    let named = first.strip_prefix("sep=").and_then(|delimiter| delimiter.bytes().next());
    // Export-Csv of Windows PowerShell writes the type of the records before the header.
    let has_preamble = named.is_some() || first.starts_with("#TYPE ");
    let (line, records) = if has_preamble { (2, after) } else { (1, text) };
    let mut headers = Vec::new();
    for delimiter in named.map_or(DELIMITERS.to_vec(), |delimiter| vec![delimiter]) {
        let mut table = Table::new(records, delimiter, line);
        let names = table.record().ok_or_else(|| format!("{source}: expected a header"))?;
        let is_column = |name: &&Field| name.value.eq_ignore_ascii_case(column.trim());
        match names.iter().filter(is_column).count() {
            0 => headers.push(names),
            1 => {
                if let Some(line) = misplaced_quote(records, delimiter, line) {
                    return Err(format!(
                        "{source}:{line}: a field begins with a quote here, but does not end with one"
                    ));
                }
                let position = names.iter().take_while(|name| !is_column(name)).count();
                let mut empty = 0_usize;
                while let Some(record) = table.record() {
                    if record.len() > names.len() {
                        return Err(long_record(source, &record, names.len()));
                    }
                    match record.get(position) {
                        Some(field) if field.value.is_empty() => empty = empty.saturating_add(1),
                        Some(field) => add(&field.value, field.line),
                        None => return Err(short_record(source, &record, column, position)),
                    }
                }
                return Ok(empty);
            }
            count => {
                return Err(format!("{source}: the header has {count} columns {}: rename all but one", quoted(column)));
            }
        }
    }
    let header = headers.iter().max_by_key(|names| names.len()).into_iter().flatten();
    let names: Vec<String> = header.map(|name| quoted(&name.value)).collect();
    Err(format!("{source}: unknown column {}; the header has {}", quoted(column), names.join(", ")))
}

/// The error of a record that ends before the column. A line end or a delimiter in the wrong place
/// causes it.
fn short_record(source: &str, record: &[Field], column: &str, position: usize) -> String {
    let line = record.first().map_or(0, |field| field.line);
    let expected = position.saturating_add(1);
    format!("{source}:{line}: expected at least {expected} fields, up to {}; got {}", quoted(column), record.len())
}

/// The error of a record with more fields than the header. A delimiter in a field without quotes
/// causes it, and moves the fields after it into other columns.
fn long_record(source: &str, record: &[Field], expected: usize) -> String {
    let line = record.first().map_or(0, |field| field.line);
    let got = record.len();
    format!(
        "{source}:{line}: expected at most {expected} fields, as in the header; got {got}: a field that contains a delimiter must be quoted"
    )
}

/// A table that is read record by record.
struct Table<'a> {
    input: &'a [u8],
    reader: Reader,
}

/// A field, without white space around it, and the line that it begins in.
struct Field {
    value: String,
    line: u64,
}

impl<'a> Table<'a> {
    fn new(input: &'a str, delimiter: u8, line: u64) -> Self {
        let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
        reader.set_line(line);
        Table { input: input.as_bytes(), reader }
    }

    /// The next record; none at the end.
    fn record(&mut self) -> Option<Vec<Field>> {
        let mut record = Vec::new();
        let mut buffer = [0; 256];
        let mut bytes = Vec::new();
        // The reader skips empty lines, but would report the next field with the line of the first
        // one.
        while let Some(rest) = self.input.strip_prefix(b"\n") {
            self.input = rest;
            self.reader.set_line(self.reader.line().saturating_add(1));
        }
        let mut line = self.reader.line();
        loop {
            let (result, read, written) = self.reader.read_field(self.input, &mut buffer);
            self.input = self.input.get(read..).unwrap_or_default();
            bytes.extend_from_slice(buffer.get(..written).unwrap_or_default());
            let is_last = match result {
                ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => continue,
                ReadFieldResult::Field { record_end } => record_end,
                ReadFieldResult::End => return None,
            };
            record.push(Field { value: String::from_utf8_lossy(&bytes).trim().to_owned(), line });
            if is_last {
                return Some(record);
            }
            bytes.clear();
            line = self.reader.line();
        }
    }
}

/// The line of the first field that begins with a quote and does not end with one. The reader
/// accepts it, and takes what follows up to the next quote, records with ids among it, for a part
/// of the field.
fn misplaced_quote(text: &str, delimiter: u8, mut line: u64) -> Option<u64> {
    let mut bytes = text.bytes().peekable();
    let mut is_start = true;
    while let Some(byte) = bytes.next() {
        if byte == b'"' && is_start {
            let begin = line;
            loop {
                match bytes.next() {
                    None => return Some(begin),
                    Some(b'\n') => line = line.saturating_add(1),
                    Some(b'"') => match bytes.peek() {
                        Some(b'"') => drop(bytes.next()),
                        Some(b'\n' | b'\r') | None => break,
                        Some(next) if *next == delimiter => break,
                        Some(_) => return Some(begin),
                    },
                    Some(_) => {}
                }
            }
        }
        is_start = byte == delimiter || byte == b'\n' || byte == b'\r';
        if byte == b'\n' {
            line = line.saturating_add(1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, column: &str) -> Result<Vec<(String, u64)>, String> {
        let mut values = Vec::new();
        read_column(text, column, "t.csv", |value, line| values.push((value.to_owned(), line))).map(|_| values)
    }

    #[track_caller]
    fn is(text: &str, column: &str, expected: &[(&str, u64)]) {
        let expected: Vec<_> = expected.iter().map(|(value, line)| ((*value).to_owned(), *line)).collect();
        assert_eq!(read(text, column), Ok(expected), "{text:?}");
    }

    #[test]
    fn a_column_is_found_by_name_after_quotes_and_line_ends() {
        let long = "x".repeat(1000);
        let text = format!(
            "\"User\",\"Request ID\",note\n\"Ann, \"\"A\"\"\",\"1\",\"two\nlines\"\n{long},2\n\n,,\n,{long},\n"
        );
        is(&text, "request id", &[("1", 2), ("2", 4), (&long, 7)]);
    }

    #[test]
    fn the_delimiter_is_that_of_the_header() {
        for delimiter in [",", ";", "\t"] {
            let text = "name|id\n\"A|B\"|1\n2,5;3|4\n".replace("2,5;3", "x").replace('|', delimiter);
            is(&text, "id", &[("1", 2), ("4", 3)]);
        }
        is("sep=|\na,b|id\nx|1\n", "ID", &[("1", 3)]);
        is("sep=;\nid\n1", "id", &[("1", 3)]);
        is("id\n1", " id", &[("1", 2)]);
    }

    #[test]
    fn a_type_before_the_header_is_ignored() {
        is("#TYPE Microsoft.Graph.RiskyUser\n\"Id\",\"Name\"\n\"1\",\"Ann\"\n", "id", &[("1", 3)]);
    }

    #[test]
    fn no_text_panics_or_loses_the_end() {
        let mut state = 1_u32;
        for _ in 0..5_000 {
            let mut text = String::from("id,b\n");
            for _ in 0..state % 24 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.extend(b"\"\"\",;\t\n\n\r\0 1a".get(state as usize >> 16 & 15).map(|byte| char::from(*byte)));
            }
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Either the last record is found, or the text is an error.
            text.push_str("\nlast,\n");
            if let Ok(values) = read(&text, "id") {
                assert_eq!(values.last().map(|(value, _)| value.as_str()), Some("last"), "{text:?}");
            }
        }
    }

    #[test]
    fn a_quote_in_the_wrong_place_is_an_error() {
        let message = |line| Err(format!("t.csv:{line}: a field begins with a quote here, but does not end with one"));
        assert_eq!(read("id,name\n1,x\n2,\"Ann\n3,y\n4,z\n", "id"), message(3));
        assert_eq!(read("id,\"name\n1,x\n", "id"), message(1));
        assert_eq!(read("id\n\"1", "id"), message(2));
        assert_eq!(read("id,name\n1,\"Ann\n2,Bob\n3,\"Carl\"\n", "id"), message(2));
        assert_eq!(read("id;name\n1;\"Ann\";\n2;\"a\"\"\nb\"\n3;\"c\" \n", "id"), message(5));
        is("id,name\n1,\"x\"\n2,y\"z\n", "id", &[("1", 2), ("2", 3)]);
    }

    #[test]
    fn a_record_that_ends_before_the_column_is_an_error() {
        let message = |line, got| Err(format!("t.csv:{line}: expected at least 2 fields, up to \"id\"; got {got}"));
        assert_eq!(read("name,id\nAnn,1\nBob\nCarl,3\n", "id"), message(3, 1));
        assert_eq!(read("name,id\n\n  \nAnn,1\n", "id"), message(3, 1));
        is("name,id,note\nAnn,1\n", "id", &[("1", 2)]);
    }

    #[test]
    fn a_record_with_more_fields_than_the_header_is_an_error() {
        let message = |line, expected, got| {
            Err(format!(
                "t.csv:{line}: expected at most {expected} fields, as in the header; got {got}: a field that contains a delimiter must be quoted"
            ))
        };
        assert_eq!(read("name,id,manager\nAnn,1,2\nDoe, Jane,3,4\n", "id"), message(3, 3, 4));
        assert_eq!(read("id\n1\n2,3\n", "id"), message(3, 1, 2));
        assert_eq!(read("id;name\n1;\"two\nlines\"\n2;b;\n", "id"), message(4, 2, 3));
        let long = format!("id,name\n1{}\n", ",".repeat(100_000));
        assert_eq!(read(&long, "id"), message(2, 2, 100_001));
        is("name,id\n\"Doe, Jane\",3\n", "id", &[("3", 2)]);
    }

    #[test]
    fn records_with_an_empty_field_are_counted() {
        let mut values = 0;
        let empty = read_column("name,id\nAnn,1\nBob,\nCarl, \n,\n\n", "id", "t.csv", |_, _| values += 1);
        assert_eq!((empty, values), (Ok(3), 1));
    }

    #[test]
    fn a_missing_or_repeated_column_is_reported() {
        let unknown = r#"t.csv: unknown column "id"; the header has "a", "b""#;
        assert_eq!(read("a,b\n1,2\n", "id"), Err(unknown.to_owned()));
        assert_eq!(read("a;b\n1;2\n", "id"), Err(unknown.to_owned()));
        for empty in ["", "\n", "sep=;"] {
            assert_eq!(read(empty, "id"), Err("t.csv: expected a header".to_owned()));
        }
        let repeated = r#"t.csv: the header has 2 columns "id": rename all but one"#;
        assert_eq!(read("id,ID\n1,2\n", "id"), Err(repeated.to_owned()));
    }
}
