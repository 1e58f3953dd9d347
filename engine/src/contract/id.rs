//! GUIDs (RFC 9562) in hyphenated form: the ids of a call, and the names of its requests.

use std::{fmt, str};

use serde::{Serialize, Serializer};

use crate::invariant;

/// The id of a sign-in, user, service principal or agent, as the caller spelled it. It is a GUID in
/// hyphenated form, and not all zeros.
#[derive(Clone, Copy)]
pub struct Id([u8; LENGTH]);

impl Id {
    /// Parses an id. None: the text is not a GUID in hyphenated form, or it is all zeros.
    pub fn parse(text: &str) -> Option<Id> {
        number(text).filter(|number| *number != 0)?;
        text.as_bytes().try_into().ok().map(Id)
    }

    /// The id as the caller spelled it.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_else(|_| invariant::broken("an id is ASCII"))
    }

    /// The number that the id stands for. Ids that differ only in the case of their letters have
    /// the same number.
    pub fn number(&self) -> u128 {
        number(self.as_str()).unwrap_or_else(|| invariant::broken("an id is a GUID"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The GUIDs in hyphenated form that a text contains, as numbers, in the order of the text.
pub(crate) fn numbers_in(text: &str) -> Vec<u128> {
    (0..text.len()).filter_map(|start| number(text.get(start..start.saturating_add(LENGTH))?)).collect()
}

/// The number that a GUID in hyphenated form stands for, whatever the case of its letters.
fn number(text: &str) -> Option<u128> {
    // In halves of 64 bits, which is what WebAssembly computes with.
    let (high, low) = text.as_bytes().split_at_checked(HIGH_BYTES)?;
    let (&hyphen, low) = low.split_first()?;
    if text.len() != LENGTH || hyphen != b'-' {
        return None;
    }
    Some(u128::from(half(high, HIGH_HYPHENS)?) << 64 | u128::from(half(low, LOW_HYPHENS)?))
}

/// Parses 16 hexadecimal digits with hyphens. `hyphens` has a bit for the position of each.
fn half(text: &[u8], hyphens: u32) -> Option<u64> {
    let mut number = 0_u64;
    for (position, &byte) in text.iter().enumerate() {
        if (hyphens >> position & 1 == 1) != (byte == b'-') {
            return None;
        }
        let digit = match byte {
            b'-' => continue,
            b'0'..=b'9' => byte & 0xf,
            b'A'..=b'F' | b'a'..=b'f' => (byte & 0xf).wrapping_add(9),
            _ => return None,
        };
        number = number << 4 | u64::from(digit);
    }
    Some(number)
}

/// How many bytes a GUID has in hyphenated form: 32 digits and 4 hyphens.
const LENGTH: usize = 36;

/// How many bytes the first half of a GUID has, which is `00000000-0000-0000`.
const HIGH_BYTES: usize = 18;

/// The positions of the hyphens in the first half of a GUID, as bits.
const HIGH_HYPHENS: u32 = 1 << 8 | 1 << 13;

/// The position of the hyphen in the second half of a GUID, which is `0000-000000000000`, as a bit.
const LOW_HYPHENS: u32 = 1 << 4;

/// A GUID of version 4 from 128 random bits.
pub fn random_guid(high: u64, low: u64) -> String {
    let high = high & !0xf000 | 0x4000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    let mut text = String::with_capacity(LENGTH);
    for (number, hyphens) in [(high, 1 << 8 | 1 << 12), (low, 1 | 1 << 4)] {
        for position in 0..16_u32 {
            if hyphens >> position & 1 == 1 {
                text.push('-');
            }
            let digit = number.rotate_left(position.saturating_mul(4).saturating_add(4)) as u32 & 0xf;
            text.extend(char::from_digit(digit, 16));
        }
    }
    text
}
