//! Text of a file or of standard input, decoded piece by piece while it is read, so that a file may
//! be larger than memory.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Bytes that are read from a source in one piece. A format is recognized by no more than these,
/// and they contain the header of a table.
pub(crate) const HEAD_BYTES: usize = 64 << 10;

/// The text of a source: UTF-8 with or without a byte order mark, or UTF-16 with one, which Windows
/// writes, becomes UTF-8. Line ends of Windows and of old Macs (CR alone) become those of Unix.
/// Invalid UTF-16 becomes replacement characters, which no id contains; invalid UTF-8 is left to
/// the reader of a value.
pub(crate) struct Text<'a> {
    source: Box<dyn Read + 'a>,
    encoding: Encoding,
    /// Bytes that are read and not decoded.
    bytes: Vec<u8>,
    is_at_end: bool,
    /// The text that is decoded and not consumed, from this position.
    text: Vec<u8>,
    position: usize,
    /// The text so far ends with a CR, whose LF is dropped.
    is_after_cr: bool,
    line: Rc<Cell<u64>>,
}

#[derive(Clone, Copy)]
enum Encoding {
    Utf8,
    Utf16(fn([u8; 2]) -> u16),
}

impl<'a> Text<'a> {
    /// The text of a source. Nothing of it is consumed yet.
    pub(crate) fn new(source: Box<dyn Read + 'a>) -> io::Result<Self> {
        let mut text = Text {
            source,
            encoding: Encoding::Utf8,
            bytes: Vec::new(),
            is_at_end: false,
            text: Vec::new(),
            position: 0,
            is_after_cr: false,
            line: Rc::new(Cell::new(1)),
        };
        while text.bytes.len() < HEAD_BYTES && !text.is_at_end {
            text.read_bytes()?;
        }
        let (encoding, mark) = match text.bytes.as_slice() {
            [0xff, 0xfe, ..] => (Encoding::Utf16(u16::from_le_bytes), 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16(u16::from_be_bytes), 2),
            [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
            _ => (Encoding::Utf8, 0),
        };
        text.encoding = encoding;
        text.bytes.drain(..mark);
        text.decode();
        Ok(text)
    }

    /// The beginning of the text: all of it, or about `HEAD_BYTES`. For use before anything is
    /// consumed.
    pub(crate) fn head(&self) -> &[u8] {
        self.text.get(self.position..).unwrap_or_default()
    }

    /// The next part of the text, without consuming it; empty at the end.
    pub(crate) fn peek(&mut self) -> io::Result<&[u8]> {
        while self.position >= self.text.len() && !(self.is_at_end && self.bytes.is_empty()) {
            self.text.clear();
            self.position = 0;
            self.read_bytes()?;
            self.decode();
        }
        Ok(self.head())
    }

    /// Consumes this number of bytes of what `peek` returned.
    pub(crate) fn consume(&mut self, bytes: usize) {
        let consumed = self.head().get(..bytes).unwrap_or_default();
        let ends = consumed.iter().filter(|byte| **byte == b'\n').count();
        self.line.set(self.line.get().saturating_add(ends as u64));
        self.position = self.position.saturating_add(bytes);
    }

    /// Consumes the text up to the end of the line, and appends it to `line` without the end. Stops
    /// in a line of `max` bytes or more. False at the end of the text.
    pub(crate) fn read_line(&mut self, line: &mut Vec<u8>, max: usize) -> io::Result<bool> {
        let mut is_found = false;
        loop {
            let part = self.peek()?;
            if part.is_empty() || line.len() >= max {
                return Ok(is_found);
            }
            is_found = true;
            let end = part.iter().position(|byte| *byte == b'\n');
            line.extend_from_slice(part.get(..end.unwrap_or(part.len())).unwrap_or_default());
            let consumed = end.map_or(part.len(), |end| end.saturating_add(1));
            self.consume(consumed);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// The line of the next byte, counted from 1. It stays up to date after the text is lent.
    pub(crate) fn line(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.line)
    }

    fn read_bytes(&mut self) -> io::Result<()> {
        let start = self.bytes.len();
        self.bytes.resize(start.saturating_add(HEAD_BYTES), 0);
        let read = self.source.read(self.bytes.get_mut(start..).unwrap_or_default());
        self.bytes.truncate(start.saturating_add(*read.as_ref().unwrap_or(&0)));
        self.is_at_end = read? == 0;
        Ok(())
    }

    fn decode(&mut self) {
        let start = self.text.len();
        match self.encoding {
            Encoding::Utf8 => self.text.append(&mut self.bytes),
            Encoding::Utf16(unit) => self.decode_utf16(unit),
        }
        let mut is_after_cr = self.is_after_cr;
        let mut length = start;
        for position in start..self.text.len() {
            let byte = self.text.get(position).copied().unwrap_or_default();
            let is_dropped = is_after_cr && byte == b'\n';
            is_after_cr = byte == b'\r';
            if let Some(kept) = self.text.get_mut(length).filter(|_| !is_dropped) {
                *kept = if is_after_cr { b'\n' } else { byte };
                length = length.saturating_add(1);
            }
        }
        self.text.truncate(length);
        self.is_after_cr = is_after_cr;
    }

    /// Decodes the whole characters in `bytes`, and at the end also what is none.
    fn decode_utf16(&mut self, unit: fn([u8; 2]) -> u16) {
        let (pairs, odd) = self.bytes.as_chunks();
        let mut units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
        let is_high = |unit: &u16| (0xd800..0xdc00).contains(unit);
        let mut rest = odd.to_vec();
        if let Some(pair) = pairs.last().filter(|_| !self.is_at_end && units.last().is_some_and(is_high)) {
            // The other half of the character is not read yet.
            units.pop();
            rest = [pair.as_slice(), odd].concat();
        }
        let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
        let mut text: String = text.collect();
        if self.is_at_end && !rest.is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            rest.clear();
        }
        self.text.extend_from_slice(text.as_bytes());
        self.bytes = rest;
    }
}

/// Reads a byte at a time, so that `line` is that of the reader.
impl Read for Text<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let next = self.peek()?.first().copied();
        let Some((byte, next)) = buffer.first_mut().zip(next) else { return Ok(0) };
        *byte = next;
        self.consume(1);
        Ok(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads at most this number of bytes at a time.
    struct Slowly<'a>(&'a [u8], usize);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(buffer.len());
            self.0.read(&mut buffer[..most])
        }
    }

    fn decode(input: &[u8]) -> String {
        let texts = [1, 2, 3, HEAD_BYTES].map(|most| {
            let mut text = Text::new(Box::new(Slowly(input, most))).unwrap();
            let mut all = Vec::new();
            text.read_to_end(&mut all).unwrap();
            String::from_utf8(all).unwrap()
        });
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
        texts[0].clone()
    }

    #[test]
    fn utf_8_and_both_orders_of_utf_16_are_read() {
        let text = "é\u{10348}\r\n";
        let marked = format!("\u{feff}{text}");
        let utf16 = |bytes: fn(u16) -> [u8; 2]| marked.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        for input in [text.into(), marked.clone().into(), utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)] {
            assert_eq!(decode(&input), "é\u{10348}\n");
        }
    }

    #[test]
    fn every_line_end_is_read() {
        assert_eq!(decode(b"a\r\nb\rc\nd\r\r\ne\n\r"), "a\nb\nc\nd\n\ne\n\n");
    }

    #[test]
    fn invalid_utf_16_is_visible() {
        assert_eq!(decode(b"\xff\xfea\0b"), "a\u{fffd}");
        assert_eq!(decode(b"\xff\xfe\0\xd8"), "\u{fffd}");
        assert_eq!(decode(b"\xff\xfe\0\xd8a\0"), "\u{fffd}a");
    }

    #[test]
    fn characters_and_line_ends_are_whole_where_a_long_text_is_cut() {
        for before in 0..4 {
            let text = "x".repeat(HEAD_BYTES - before) + "\r\n\u{10348}\r\n" + &"é".repeat(HEAD_BYTES);
            let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
            for input in [text.as_bytes(), &utf16] {
                let mut all = String::new();
                Text::new(Box::new(input)).unwrap().read_to_string(&mut all).unwrap();
                assert!(all == text.replace("\r\n", "\n"), "{before}");
            }
        }
    }

    #[test]
    fn lines_are_counted_as_they_are_consumed() {
        let mut text = Text::new(Box::new(b"a\r\n\nb".as_slice())).unwrap();
        let line = text.line();
        let mut lines = Vec::new();
        loop {
            let (number, mut read) = (line.get(), Vec::new());
            if !text.read_line(&mut read, 9).unwrap() {
                break;
            }
            lines.push((number, read));
        }
        assert_eq!(lines, [(1, b"a".to_vec()), (2, Vec::new()), (3, b"b".to_vec())]);
    }
}
