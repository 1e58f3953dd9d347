//! CSV files: the values of one column, and perhaps of a second one with labels.

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};
use entra_risk_engine::contract::printable::quoted;

use crate::text::{HEAD_BYTES, Text};

/// Delimiters between fields. Spreadsheets use the semicolon where the comma separates decimals.
const DELIMITERS: [u8; 3] = *b",;\t";

/// Bytes of a value that are kept: more than an id or a label has.
const MAX_VALUE_BYTES: usize = 4 << 10;

/// How a CSV file begins.
#[derive(Debug, Default)]
pub(crate) struct Header {
    /// The names of the columns.
    pub(crate) names: Vec<String>,
    delimiter: u8,
    /// Bytes before the header.
    preamble: usize,
}

/// The columns to read, by their positions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    pub(crate) id: usize,
    pub(crate) label: Option<usize>,
}

/// A field of the column with ids, without white space around it.
pub(crate) struct Value<'a> {
    pub(crate) id: &'a str,
    pub(crate) label: Option<&'a str>,
    /// The line that the id begins in.
    pub(crate) line: u64,
}

/// The header at the beginning of a text, as each possible delimiter divides it: that of a first
/// line such as `sep=;`, or else each of three.
pub(crate) fn headers(text: &[u8]) -> Vec<Header> {
    let end = text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| end.saturating_add(1));
    let (first, after) = text.split_at_checked(end).unwrap_or((text, &[]));
    let named = first.strip_prefix(b"sep=").and_then(|delimiter| delimiter.first().copied());
    // Export-Csv of Windows PowerShell writes the type of the records before the header.
    let has_preamble = named.is_some() || first.starts_with(b"#TYPE ");
    let (preamble, records) = if has_preamble { (end, after) } else { (0, text) };
    let delimiters = named.map_or(DELIMITERS.to_vec(), |delimiter| vec![delimiter]);
    let header = |delimiter| Header { names: first_record(records, delimiter), delimiter, preamble };
    delimiters.into_iter().map(header).filter(|header| !header.names.is_empty()).collect()
}

/// The position of the column with this name, in any case. The error is that there are several.
pub(crate) fn position(names: &[String], column: &str) -> Result<Option<usize>, String> {
    let is_column = |name: &String| name.eq_ignore_ascii_case(column.trim());
    match names.iter().filter(|name| is_column(name)).count() {
        0 | 1 => Ok(names.iter().position(is_column)),
        count => Err(format!("the header has {count} columns {}: rename all but one", quoted(column))),
    }
}

/// Calls `add` with the values in a column, from the beginning of a text with this header. Fields
/// that `is_empty` says are empty are left out; it returns their number.
pub(crate) fn read_columns(
    text: &mut Text<'_>,
    header: &Header,
    columns: Columns,
    source: &str,
    is_empty: impl Fn(&str) -> bool,
    mut add: impl FnMut(Value<'_>),
) -> Result<usize, String> {
    text.consume(header.preamble);
    let mut table = Table::new(text, header.delimiter, source);
    let mut record = Record::default();
    let mut empty = 0_usize;
    let expected = table.read(columns, &mut record)?.unwrap_or_default();
    while let Some(fields) = table.read(columns, &mut record)? {
        let line = record.line;
        if fields > expected {
            return Err(format!(
                "{source}:{line}: expected at most {expected} fields, as in the header; got {fields}: a field \
                 that contains a delimiter must be quoted"
            ));
        }
        if fields <= columns.id {
            // A line end or a delimiter in the wrong place causes it.
            let least = columns.id.saturating_add(1);
            let column = header.names.get(columns.id).map(|name| quoted(name)).unwrap_or_default();
            return Err(format!("{source}:{line}: expected at least {least} fields, up to {column}; got {fields}"));
        }
        let (id, label) = (String::from_utf8_lossy(&record.id), String::from_utf8_lossy(&record.label));
        if is_empty(&id) {
            empty = empty.saturating_add(1);
        } else {
            let label = columns.label.map(|_| label.trim());
            add(Value { id: id.trim(), label, line: record.id_line });
        }
    }
    Ok(empty)
}

/// The fields of the first record, without white space around them; none if it does not end in this
/// text.
fn first_record(text: &[u8], delimiter: u8) -> Vec<String> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
    let (mut input, mut buffer, mut names, mut name) = (text, [0; 256], Vec::new(), Vec::new());
    loop {
        let is_whole = !input.is_empty() || text.len() < HEAD_BYTES;
        let (result, read, written) = reader.read_field(input, &mut buffer);
        input = input.get(read..).unwrap_or_default();
        name.extend_from_slice(buffer.get(..written).unwrap_or_default());
        match result {
            ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => {}
            ReadFieldResult::Field { record_end } => {
                names.push(String::from_utf8_lossy(&name).trim().to_owned());
                if record_end {
                    return if is_whole { names } else { Vec::new() };
                }
                name.clear();
            }
            ReadFieldResult::End => return Vec::new(),
        }
    }
}

/// What is kept of a record.
#[derive(Default)]
struct Record {
    id: Vec<u8>,
    label: Vec<u8>,
    /// The line that the record begins in.
    line: u64,
    /// The line that the id begins in.
    id_line: u64,
}

/// A table that is read record by record.
struct Table<'t, 's> {
    text: &'t mut Text<'s>,
    reader: Reader,
    quotes: Quotes,
    source: &'t str,
}

impl<'t, 's> Table<'t, 's> {
    fn new(text: &'t mut Text<'s>, delimiter: u8, source: &'t str) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        let quotes = Quotes { delimiter, place: Place::Start, begin: 0 };
        Table { text, reader, quotes, source }
    }

    /// Reads the next record, and returns the number of its fields; none at the end.
    fn read(&mut self, columns: Columns, record: &mut Record) -> Result<Option<usize>, String> {
        let mut buffer = [0; 1024];
        let number = self.text.line();
        // The reader skips empty lines, but the record begins after them.
        while self.peek()?.starts_with(b"\n") {
            self.consume(1)?;
        }
        *record = Record { line: number.get(), ..Record::default() };
        let mut fields = 0_usize;
        let mut line = number.get();
        loop {
            let (is_id, is_label) = (fields == columns.id, columns.label == Some(fields));
            let input = self.text.peek().map_err(|error| error.to_string())?;
            let (result, read, written) = self.reader.read_field(input, &mut buffer);
            self.consume(read)?;
            for (value, _) in [(&mut record.id, is_id), (&mut record.label, is_label)].into_iter().filter(|(_, is)| *is)
            {
                let room = MAX_VALUE_BYTES.saturating_sub(value.len());
                value.extend_from_slice(buffer.get(..written.min(room)).unwrap_or_default());
            }
            let is_last = match result {
                ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => continue,
                ReadFieldResult::Field { record_end } => record_end,
                ReadFieldResult::End => break,
            };
            fields = fields.saturating_add(1);
            if is_id {
                record.id_line = line;
            }
            if is_last {
                return Ok(Some(fields));
            }
            line = number.get();
        }
        match self.quotes.place {
            Place::Quoted => Err(self.misplaced_quote()),
            _ => Ok(None),
        }
    }

    fn peek(&mut self) -> Result<&[u8], String> {
        self.text.peek().map_err(|error| error.to_string())
    }

    /// Consumes this number of bytes of the text, after a look at the quotes in them.
    fn consume(&mut self, bytes: usize) -> Result<(), String> {
        let mut line = self.text.line().get();
        let part = self.text.peek().map_err(|error| error.to_string())?;
        for byte in part.get(..bytes).unwrap_or_default() {
            if !self.quotes.follow(*byte, line) {
                return Err(self.misplaced_quote());
            }
            line = line.saturating_add((*byte == b'\n').into());
        }
        self.text.consume(bytes);
        Ok(())
    }

    fn misplaced_quote(&self) -> String {
        let (source, line) = (self.source, self.quotes.begin);
        format!("{source}:{line}: a field begins with a quote here, but does not end with one")
    }
}

/// Finds fields that begin with a quote and do not end with one. The reader accepts them, and takes
/// what follows up to the next quote, records with ids among it, for a part of the field.
struct Quotes {
    delimiter: u8,
    place: Place,
    /// The line that the last field with quotes begins in.
    begin: u64,
}

/// Where the next byte stands.
enum Place {
    /// At the start of a field.
    Start,
    /// In a field without quotes.
    Plain,
    /// In a field with quotes.
    Quoted,
    /// After a quote in a field with quotes: its end, or the first of two.
    AfterQuote,
}

impl Quotes {
    /// Follows a byte in this line. False if a quote before it is in the wrong place.
    fn follow(&mut self, byte: u8, line: u64) -> bool {
        let is_end = byte == self.delimiter || byte == b'\n';
        self.place = match self.place {
            Place::Start if byte == b'"' => {
                self.begin = line;
                Place::Quoted
            }
            Place::Quoted if byte == b'"' => Place::AfterQuote,
            Place::Quoted => Place::Quoted,
            Place::AfterQuote if byte == b'"' => Place::Quoted,
            Place::AfterQuote if !is_end => return false,
            _ if is_end => Place::Start,
            _ => Place::Plain,
        };
        true
    }
}

#[cfg(test)]
// The fuzz target includes this file by its path.
#[path = "table/tests.rs"]
mod tests;
