//! Ids from arguments, lists and CSV columns: each once, in the order given.

use std::collections::HashSet;
use std::fmt::Display;

use csv_core::{ReadFieldResult, Reader};
use entra_risk_engine::guid;

/// The ids to act on.
#[derive(Default)]
pub(crate) struct Ids {
    /// Each id once, in its first spelling.
    pub(crate) list: Vec<String>,
    /// Number of ids that were already in the list when they were added.
    pub(crate) repeated: usize,
    seen: HashSet<u128>,
}

impl Ids {
    /// Adds an id. The error names `place`.
    pub(crate) fn add(&mut self, id: &str, place: impl Display) -> Result<(), String> {
        let Some(number) = guid::parse(id) else {
            // Bounded and escaped: it may be long, and a terminal executes control characters.
            let shown: String = id.chars().take(60).collect();
            return Err(format!("{place}: expected an id (a hyphenated GUID); got {shown:?}"));
        };
        if self.seen.insert(number) {
            self.list.push(id.to_owned());
        } else {
            self.repeated = self.repeated.saturating_add(1);
        }
        Ok(())
    }

    /// Adds the ids of a list, one a line. `#` starts a comment; blank lines are ignored.
    pub(crate) fn add_lines(&mut self, input: &[u8], source: &str) -> Result<(), String> {
        for (number, line) in (1..).zip(decode(input).lines()) {
            let id = line.split('#').next().unwrap_or_default().trim();
            if !id.is_empty() {
                self.add(id, format_args!("{source}:{number}")).map_err(|error| {
                    if id.contains([',', ';', '"']) { format!("{error}; for CSV, add --column") } else { error }
                })?;
            }
        }
        Ok(())
    }

    /// Adds the ids in the column with this name (in any case) in the header. Empty fields are ignored.
    pub(crate) fn add_csv(&mut self, input: &[u8], column: &str, source: &str) -> Result<(), String> {
        let text = decode(input);
        let mut input = text.as_bytes();
        let mut reader = Reader::new();
        let mut buffer = [0; 256];
        let (mut field, mut index, mut wanted) = (Vec::new(), 0_usize, None);
        let mut header: Option<Vec<String>> = Some(Vec::new());
        loop {
            let line = reader.line();
            let (result, read, written) = reader.read_field(input, &mut buffer);
            input = input.get(read..).unwrap_or_default();
            field.extend_from_slice(buffer.get(..written).unwrap_or_default());
            let record_end = match result {
                ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => continue,
                ReadFieldResult::Field { record_end } => record_end,
                ReadFieldResult::End => break,
            };
            let value = String::from_utf8_lossy(&field).trim().to_owned();
            field.clear();
            match &mut header {
                Some(names) => names.push(value),
                None if wanted == Some(index) && !value.is_empty() => {
                    self.add(&value, format_args!("{source}:{line}"))?;
                }
                None => {}
            }
            index = if record_end { 0 } else { index.saturating_add(1) };
            if record_end && let Some(names) = header.take() {
                wanted = names.iter().position(|name| name.eq_ignore_ascii_case(column));
                if wanted.is_none() {
                    return Err(format!("{source}: unknown column {column:?}; the header has {names:?}"));
                }
            }
        }
        if header.is_some() { Err(format!("{source}: expected a header")) } else { Ok(()) }
    }
}

/// Decodes UTF-8 with or without a byte order mark, or little-endian UTF-16 with one, which Windows PowerShell writes.
/// Invalid input becomes replacement characters, which no id contains.
fn decode(input: &[u8]) -> String {
    match input {
        [0xff, 0xfe, rest @ ..] => {
            let units = rest.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(input).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11";
    const B: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d22";

    #[track_caller]
    fn lines(input: &str) -> Result<Ids, String> {
        let mut ids = Ids::default();
        ids.add_lines(input.as_bytes(), "ids.txt").map(|()| ids)
    }

    #[track_caller]
    fn csv(input: &str, column: &str) -> Result<Vec<String>, String> {
        let mut ids = Ids::default();
        ids.add_csv(input.as_bytes(), column, "ids.csv").map(|()| ids.list)
    }

    #[test]
    fn comments_blank_lines_and_windows_line_ends_are_ignored() {
        let ids = lines(&format!("\u{feff}# users\r\n{A}\r\n\r\n   \n  {B}  # Ann\n#{A}"));
        assert_eq!(ids.map(|ids| ids.list), Ok(vec![A.to_owned(), B.to_owned()]));
    }

    #[test]
    fn utf_16_of_windows_powershell_is_read() {
        let utf16: Vec<u8> = format!("\u{feff}{A}\r\n{B}\r\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut ids = Ids::default();
        assert_eq!(ids.add_lines(&utf16, "ids.txt"), Ok(()));
        assert_eq!(ids.list, [A, B]);
    }

    #[test]
    fn a_repeated_id_is_kept_once_in_its_first_spelling() {
        let upper = A.to_ascii_uppercase();
        let ids = lines(&format!("{upper}\n{B}\n{A}\n")).unwrap();
        assert_eq!((ids.list, ids.repeated), (vec![upper, B.to_owned()], 1));
    }

    #[test]
    fn an_invalid_id_is_reported_with_its_place() {
        let message = lines(&format!("{A}\n\x1b[31mred\n")).err().unwrap();
        assert_eq!(message, r#"ids.txt:2: expected an id (a hyphenated GUID); got "\u{1b}[31mred""#);
        let message = lines("id,name\n").err().unwrap();
        assert_eq!(message, r#"ids.txt:1: expected an id (a hyphenated GUID); got "id,name"; for CSV, add --column"#);
    }

    #[test]
    fn a_column_is_found_by_name_after_quotes_and_line_ends() {
        let long = "x".repeat(1000);
        let text = format!(
            "\u{feff}\"User\",\"Request ID\",note\r\n\"Ann, \"\"A\"\"\",\"{A}\",\"two\nlines\"\r\n{long},{B}\r\nshort\r\n,,\r\n"
        );
        assert_eq!(csv(&text, "request id"), Ok(vec![A.to_owned(), B.to_owned()]));
    }

    #[test]
    fn a_missing_column_is_reported_with_the_header() {
        assert_eq!(
            csv("a,b\n1,2\n", "id"),
            Err(r#"ids.csv: unknown column "id"; the header has ["a", "b"]"#.to_owned())
        );
        assert_eq!(csv("", "id"), Err("ids.csv: expected a header".to_owned()));
        assert!(
            csv("id\nfoo\n", "id")
                .unwrap_err()
                .starts_with(r#"ids.csv:2: expected an id (a hyphenated GUID); got "foo""#)
        );
    }
}
