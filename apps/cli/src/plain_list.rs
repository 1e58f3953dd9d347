//! Lists without columns: ids separated by line ends, other white space, commas or semicolons, and
//! perhaps in quotes.

use crate::hint::Hint;
use crate::ids::{Ids, Place, is_placeholder};
use crate::text::Text;

/// Maximum length of a line in bytes, which is kept in memory: over a million ids.
const MAX_LINE_BYTES: usize = 64 << 20;

/// Line ends that some programs write: vertical tab, form feed, and those of Unicode.
const RARE_LINE_ENDS: [char; 5] = ['\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];

/// Adds the ids of a list. `#` starts a comment, which ends with the line; blank lines are ignored.
/// Of a line with invalid ids, the first one is reported.
pub(crate) fn read_list(text: &mut Text<'_>, ids: &mut Ids, source: &str) -> Result<(), String> {
    let mut placeholders = 0_usize;
    let mut buffer = Vec::new();
    let number = text.line();
    loop {
        buffer.clear();
        let line_number = number.get();
        if !text.read_line(&mut buffer, MAX_LINE_BYTES).map_err(|error| error.to_string())? {
            break;
        }
        if buffer.len() >= MAX_LINE_BYTES {
            return Err(format!("{source}:{line_number}: expected a line of less than {MAX_LINE_BYTES} bytes"));
        }
        let line = String::from_utf8_lossy(&buffer);
        for item in items(&line) {
            if is_placeholder(item) {
                placeholders = placeholders.saturating_add(1);
            } else if !ids.add(item, None, Place { source, line: Some(line_number) }) {
                if line_number == 1 || line.contains([',', ';', '\t', '"']) {
                    ids.hint(Hint::Table);
                }
                break;
            }
        }
    }
    if placeholders > 0 {
        ids.note(format!("{placeholders} entries of {source} are placeholders without an id"));
    }
    Ok(())
}

/// What a line contains besides comments, without quotes.
pub(crate) fn items(line: &str) -> impl Iterator<Item = &str> {
    // A comment does not hide what an editor may show on a line of its own.
    let lines = line.split(RARE_LINE_ENDS).map(|line| line.split('#').next().unwrap_or_default());
    let items = lines.flat_map(|line| line.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')));
    items.map(|item| item.trim_matches(['"', '\''])).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use entra_risk_engine::contract::action::ACTIONS;

    use super::*;
    use crate::ids::Input;

    const A: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11";
    const B: &str = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d22";

    fn read(input: &str) -> Result<Input, Vec<String>> {
        let mut ids = Ids::new(&ACTIONS[3]);
        read_list(&mut Text::new(Box::new(input.as_bytes())).unwrap(), &mut ids, "ids.txt").unwrap();
        ids.finish(&[])
    }

    #[track_caller]
    fn are_a_and_b(input: &str) {
        let input = read(input);
        assert_eq!(input, Ok(Input { ids: vec![A.to_owned(), B.to_owned()], ..Input::default() }));
    }

    #[test]
    fn comments_blank_lines_and_windows_line_ends_are_ignored() {
        are_a_and_b(&format!("\u{feff}# users\r\n{A}\r\n\r\n   \n  {B}  # Ann\n#{A}"));
    }

    #[test]
    fn every_line_end_ends_a_comment() {
        for end in ["\n", "\r\n", "\r", "\n\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
            are_a_and_b(&format!("# users{end}{A}{end}{B} # Ann{end}"));
        }
    }

    #[test]
    fn ids_are_separated_and_quoted_in_many_ways() {
        for text in ["A,B", "A, B,", "A;B;", "A B\t", "\"A\",\"B\"", "'A'\n'B'\n", ";A\n,B", "{A},{B}"] {
            are_a_and_b(&text.replace('A', A).replace('B', B));
        }
    }

    #[test]
    fn placeholders_are_counted() {
        let input = read(&format!("{A}\nN/A\n-, null\n{B}\n")).unwrap();
        assert_eq!(input.notes, ["3 entries of ids.txt are placeholders without an id"]);
    }

    #[test]
    fn a_line_with_invalid_ids_is_reported_once() {
        let message = read(&format!("{A}\nx\n{B},y,z\n")).unwrap_err();
        let error =
            |line, got| format!("ids.txt:{line}: expected an id (a hyphenated GUID, not all zeros); got \"{got}\"");
        assert_eq!(message[..2], [error(2, "x"), error(3, "y")]);
        assert!(message.len() == 3 && message[2].contains("--column"), "{message:?}");
    }
}
