//! Ids as people keep them: arguments, lists of lines, columns of CSV; each taken once, in the order given.

use std::collections::HashSet;
use std::fmt::Display;

use csv_core::{ReadFieldResult, Reader};
use entra_risk_account::is_guid;

/// The ids to act on.
#[derive(Default)]
pub(crate) struct Ids {
    /// Each id once, as it was spelled first.
    pub(crate) list: Vec<String>,
    /// How many more were given, of which each was in the list already.
    pub(crate) repeated: usize,
    seen: HashSet<String>,
}

impl Ids {
    /// Adds an id found at `place`, which the error names.
    pub(crate) fn add(&mut self, id: &str, place: impl Display) -> Result<(), String> {
        if !is_guid(id) {
            // What stands there may be long, or anything: enough of it to be found again, and nothing that a terminal
            // would act on.
            let shown: String = id.chars().take(60).collect();
            return Err(format!("{place}: {shown:?} is not an id (a GUID with hyphens)"));
        }
        if self.seen.insert(id.to_ascii_lowercase()) {
            self.list.push(id.to_owned());
        } else {
            self.repeated += 1;
        }
        Ok(())
    }

    /// Adds the ids of a list, one a line; `#` starts a comment, blank lines count for nothing.
    pub(crate) fn add_lines(&mut self, input: &[u8], source: &str) -> Result<(), String> {
        for (number, line) in (1..).zip(decode(input).lines()) {
            let id = line.split('#').next().unwrap_or_default().trim();
            if !id.is_empty() {
                self.add(id, format_args!("{source}:{number}")).map_err(|error| {
                    if id.contains([',', ';', '"']) { format!("{error}; for CSV, give --column") } else { error }
                })?;
            }
        }
        Ok(())
    }

    /// Adds the ids of the column with this name in its header, whatever the case. Empty fields count for nothing.
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
                    return Err(format!("{source}: no column {column:?}; there are {names:?}"));
                }
            }
        }
        if header.is_some() { Err(format!("{source}: no header")) } else { Ok(()) }
    }
}

/// Text as files have it: UTF-8 with or without a byte order mark, or what Windows PowerShell writes, UTF-16. What is
/// neither turns into characters that no id has.
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
    fn comments_blank_lines_and_windows_endings_count_for_nothing() {
        let ids = lines(&format!("\u{feff}# users\r\n{A}\r\n\r\n   \n  {B}  # Ann\n#{A}"));
        assert_eq!(ids.map(|ids| ids.list), Ok(vec![A.to_owned(), B.to_owned()]));
    }

    #[test]
    fn what_windows_powershell_writes_is_read() {
        let utf16: Vec<u8> = format!("\u{feff}{A}\r\n{B}\r\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut ids = Ids::default();
        assert_eq!(ids.add_lines(&utf16, "ids.txt"), Ok(()));
        assert_eq!(ids.list, [A, B]);
    }

    #[test]
    fn an_id_given_again_is_taken_once_as_spelled_first() {
        let upper = A.to_ascii_uppercase();
        let ids = lines(&format!("{upper}\n{B}\n{A}\n")).unwrap();
        assert_eq!((ids.list, ids.repeated), (vec![upper, B.to_owned()], 1));
    }

    #[test]
    fn what_is_no_id_is_named_with_its_place() {
        let told = lines(&format!("{A}\n\x1b[31mred\n")).err().unwrap();
        assert_eq!(told, r#"ids.txt:2: "\u{1b}[31mred" is not an id (a GUID with hyphens)"#);
        let told = lines("id,name\n").err().unwrap();
        assert_eq!(told, r#"ids.txt:1: "id,name" is not an id (a GUID with hyphens); for CSV, give --column"#);
    }

    #[test]
    fn a_column_is_found_by_name_behind_quotes_and_line_ends() {
        let long = "x".repeat(1000);
        let text = format!(
            "\u{feff}\"User\",\"Request ID\",note\r\n\"Ann, \"\"A\"\"\",\"{A}\",\"two\nlines\"\r\n{long},{B}\r\nshort\r\n,,\r\n"
        );
        assert_eq!(csv(&text, "request id"), Ok(vec![A.to_owned(), B.to_owned()]));
    }

    #[test]
    fn a_missing_column_is_told_with_those_there_are() {
        assert_eq!(csv("a,b\n1,2\n", "id"), Err(r#"ids.csv: no column "id"; there are ["a", "b"]"#.to_owned()));
        assert_eq!(csv("", "id"), Err("ids.csv: no header".to_owned()));
        assert!(csv("id\nfoo\n", "id").unwrap_err().starts_with("ids.csv:2: \"foo\""));
    }
}
