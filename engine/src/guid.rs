//! GUIDs (RFC 9562) in hyphenated form: what ids are, and what names a request.

/// The number that a GUID in hyphenated form stands for, whatever the case of its letters.
pub fn parse(text: &str) -> Option<u128> {
    // In halves of 64 bits, which is what WebAssembly computes with.
    let (high, low) = text.as_bytes().split_at_checked(HIGH_BYTES)?;
    let (&hyphen, low) = low.split_first()?;
    if text.len() != 36 || hyphen != b'-' {
        return None;
    }
    Some(u128::from(half(high, HIGH_HYPHENS)?) << 64 | u128::from(half(low, LOW_HYPHENS)?))
}

/// 16 hexadecimal digits with hyphens at these positions, a bit each.
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

/// The first half and the hyphens in it: `00000000-0000-0000`.
const HIGH_BYTES: usize = 18;
const HIGH_HYPHENS: u32 = 1 << 8 | 1 << 13;

/// The hyphen in the second half: `0000-000000000000`.
const LOW_HYPHENS: u32 = 1 << 4;

/// A random GUID, version 4, of 128 random bits.
pub fn random(high: u64, low: u64) -> String {
    let high = high & !0xf000 | 0x4000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    let mut text = String::with_capacity(36);
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
