//! What happens when the engine contradicts itself: it traps.

/// Traps, because `expected` does not hold. A host that sees a trap knows that it knows nothing,
/// while it would believe a wrong report. No input leads here.
#[expect(clippy::panic, reason = "an invariant of our own is broken")]
#[cold]
pub(crate) fn broken(expected: &str) -> ! {
    panic!("broken invariant: {expected}")
}
