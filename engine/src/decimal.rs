//! Whole numbers as headers and addresses write them: digits, and nothing else (`1*DIGIT`).

/// Parses a number. One that 64 bits do not hold is the largest that they hold.
pub fn parse(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.bytes().try_fold(0_u64, |number, byte| match byte {
        b'0'..=b'9' => Some(number.saturating_mul(10).saturating_add(byte.saturating_sub(b'0').into())),
        _ => None,
    })
}
