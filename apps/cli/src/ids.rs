//! Ids from arguments, lists and CSV columns: each once, in the order given.

use std::collections::HashSet;
use std::fmt::Display;

use entra_risk_engine::contract::id::Id;
use entra_risk_engine::contract::printable::quoted;

use crate::encoding::decode;
use crate::table::read_column;

/// Maximum invalid ids that are listed.
const MAX_LISTED: usize = 20;

/// Line ends that some programs write: vertical tab, form feed, and those of Unicode.
const RARE_LINE_ENDS: [char; 5] = ['\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];

/// The ids to act on, and those that are invalid.
#[derive(Default)]
pub(crate) struct Ids {
    list: Vec<String>,
    repeated: usize,
    /// What the user should know about the input, although it is valid.
    notes: Vec<String>,
    seen: HashSet<u128>,
    /// A message for each of the first invalid ids.
    errors: Vec<String>,
    /// Number of invalid ids.
    invalid: usize,
}

impl Ids {
    /// Adds an id, which may be in braces. `place` is where it comes from.
    pub(crate) fn add(&mut self, id: &str, place: impl Display) {
        self.add_from(id, place, "");
    }

    /// Adds the ids of a list, one a line. `#` starts a comment; blank lines are ignored.
    pub(crate) fn add_lines(&mut self, input: &[u8], source: &str) {
        for (number, line) in (1..).zip(decode(input).lines()) {
            // A comment does not hide what an editor may show on a line of its own.
            for id in line.split(RARE_LINE_ENDS).map(without_comment).filter(|id| !id.is_empty()) {
                let hint = if id.contains([',', ';', '\t', '"']) { "; for CSV, add --column" } else { "" };
                self.add_from(id, format_args!("{source}:{number}"), hint);
            }
        }
    }

    /// Adds the ids in the column with this name. The error is one of the file, not of an id.
    pub(crate) fn add_csv(&mut self, input: &[u8], column: &str, source: &str) -> Result<(), String> {
        let text = decode(input);
        let empty = read_column(&text, column, source, |id, line| self.add(id, format_args!("{source}:{line}")))?;
        if empty > 0 {
            self.notes.push(format!("{empty} records of {source} have no {}", quoted(column)));
        }
        Ok(())
    }

    /// Each id once, in its first spelling, and notes for the user. The error is a line for each
    /// invalid id.
    pub(crate) fn finish(mut self) -> Result<(Vec<String>, Vec<String>), Vec<String>> {
        if self.invalid == 0 {
            if self.repeated > 0 {
                self.notes.push(format!("{} repeated ids are sent once", self.repeated));
            }
            return Ok((self.list, self.notes));
        }
        let unlisted = self.invalid.saturating_sub(self.errors.len());
        if unlisted > 0 {
            self.errors.push(format!("and {unlisted} more invalid ids"));
        }
        Err(self.errors)
    }

    fn add_from(&mut self, id: &str, place: impl Display, hint: &str) {
        let plain = id.strip_prefix('{').and_then(|id| id.strip_suffix('}')).unwrap_or(id);
        match Id::parse(plain) {
            Some(id) if self.seen.insert(id.number()) => self.list.push(plain.to_owned()),
            Some(_) => self.repeated = self.repeated.saturating_add(1),
            None => {
                self.invalid = self.invalid.saturating_add(1);
                if self.errors.len() < MAX_LISTED {
                    let shown = quoted(id);
                    self.errors
                        .push(format!("{place}: expected an id (a hyphenated GUID, not all zeros); got {shown}{hint}"));
                }
            }
        }
    }
}

/// A line of a list without its comment.
fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

/// Which of these ids are not among the others, whatever the case of their letters.
pub(crate) fn without(ids: Vec<String>, others: &mut dyn Iterator<Item = &str>) -> Vec<String> {
    let number = |id: &str| Id::parse(id).map(|id| id.number());
    let others: HashSet<u128> = others.filter_map(number).collect();
    ids.into_iter().filter(|id| number(id).is_none_or(|number| !others.contains(&number))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11";
    const B: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d22";

    fn lines(input: &str) -> Result<(Vec<String>, Vec<String>), Vec<String>> {
        let mut ids = Ids::default();
        ids.add_lines(input.as_bytes(), "ids.txt");
        ids.finish()
    }

    #[test]
    fn comments_blank_lines_and_windows_line_ends_are_ignored() {
        let ids = lines(&format!("\u{feff}# users\r\n{A}\r\n\r\n   \n  {B}  # Ann\n#{A}"));
        assert_eq!(ids, Ok((vec![A.to_owned(), B.to_owned()], Vec::new())));
    }

    #[test]
    fn every_line_end_ends_a_comment() {
        for end in ["\n", "\r\n", "\r", "\n\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
            let ids = lines(&format!("# users{end}{A}{end}{B} # Ann{end}"));
            assert_eq!(ids, Ok((vec![A.to_owned(), B.to_owned()], Vec::new())), "{end:?}");
        }
    }

    #[test]
    fn a_repeated_id_is_kept_once_in_its_first_spelling() {
        let upper = A.to_ascii_uppercase();
        let ids = lines(&format!("{upper}\n{B}\n{{{A}}}\n"));
        assert_eq!(ids, Ok((vec![upper, B.to_owned()], vec!["1 repeated ids are sent once".to_owned()])));
    }

    #[test]
    fn braces_are_removed() {
        assert_eq!(lines(&format!("{{{A}}}")), Ok((vec![A.to_owned()], Vec::new())));
        assert!(lines(&format!("{{{A}")).is_err());
    }

    #[test]
    fn invalid_ids_are_reported_with_their_places() {
        let message = lines(&format!("{A}\n\x1b[31mred\n{B}\nid,name")).unwrap_err();
        let expected = [
            "ids.txt:2: expected an id (a hyphenated GUID, not all zeros); got \"\u{fffd}[31mred\"",
            "ids.txt:4: expected an id (a hyphenated GUID, not all zeros); got \"id,name\"; for CSV, add --column",
        ];
        assert_eq!(message, expected);
    }

    #[test]
    fn the_id_of_zeros_is_invalid() {
        assert!(lines("00000000-0000-0000-0000-000000000000").is_err());
    }

    #[test]
    fn at_most_20_invalid_ids_are_listed() {
        let message = lines(&"x\n".repeat(25)).unwrap_err();
        let last = "ids.txt:20: expected an id (a hyphenated GUID, not all zeros); got \"x\"";
        assert_eq!(message.get(19..), Some([last, "and 5 more invalid ids"].map(str::to_owned).as_slice()));
    }

    #[test]
    fn ids_come_from_a_column() {
        let mut ids = Ids::default();
        assert_eq!(ids.add_csv(format!("name;id\r\nAnn;{{{A}}}\r\n").as_bytes(), "ID", "ids.csv"), Ok(()));
        assert_eq!(ids.finish(), Ok((vec![A.to_owned()], Vec::new())));
        let mut ids = Ids::default();
        assert_eq!(ids.add_csv(b"id\nfoo\n", "id", "ids.csv"), Ok(()));
        assert_eq!(
            ids.finish(),
            Err(vec![r#"ids.csv:2: expected an id (a hyphenated GUID, not all zeros); got "foo""#.to_owned()])
        );
    }

    #[test]
    fn records_without_an_id_are_noted() {
        let mut ids = Ids::default();
        assert_eq!(ids.add_csv(format!("id,name\n{A},Ann\n,Bob\n,Carl\n").as_bytes(), "id", "t.csv"), Ok(()));
        assert_eq!(ids.finish(), Ok((vec![A.to_owned()], vec!["2 records of t.csv have no \"id\"".to_owned()])));
    }
}
