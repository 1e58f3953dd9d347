//! A queue in a key-value store. A counter gives out tickets, and the base maps a ticket to the
//! time of its turn:
//!
//! ```text
//!   time of a turn = base.time + (ticket − base.ticket) × base.spacing
//! ```
//!
//! A ticket whose time has passed unused is lost, and its owner takes a new one. If the time of a
//! new ticket has passed, no instance is waiting, and the owner writes a base in which this ticket
//! comes first. Others may do the same simultaneously, and the last one to write wins. Therefore
//! that turn begins a little later, at a time at which a turn of the old base would begin. Every
//! instance reads the base again when the base begins, and again shortly before its turn.
//!
//! A turn takes one increment and two reads. After a pause it takes a write or a read more, and a
//! ticket that is lost takes an increment and at most two reads more. An increment may fail because
//! another one comes first, and is tried four times.
//!
//! Some stores create a counter without checking whether another instance has just created it. An
//! instance that creates it late resets it, so that tickets are given out twice. Therefore the
//! first eight tickets of a counter are discarded, and their owners take others once the counter
//! has settled, with an increment and at most two reads more.

use crate::base::Base;
use crate::time::{MILLISECOND, Nanos, SECOND};

/// The store and the clock that all instances share.
pub(crate) trait Store {
    /// Reads the value of an entry. None if there is no such entry.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, String>;
    /// Writes the value of an entry, which need not exist.
    fn set(&self, key: &str, value: &[u8]) -> Result<(), String>;
    /// Adds 1 to an entry and returns the new value. This is atomic once the entry exists.
    fn increment(&self, key: &str) -> Result<u64, String>;
    /// The time of day in nanoseconds since 1970.
    fn now(&self) -> Nanos;
}

/// What a plugin that wants to send should do, as `turn` of the contract states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The turn begins after this wait.
    Granted(Nanos),
    /// The plugin has a ticket for a later turn, and asks again.
    Reserved {
        /// The ticket, which the plugin passes when it asks again.
        ticket: u64,
        /// How long to wait before asking again.
        ask_again_after: Nanos,
        /// How much longer the queue is held.
        held_for: Nanos,
    },
}

/// Reserves a turn, or asks for the turn of `ticket`, as `reserve` of the contract states.
pub(crate) fn reserve(store: &impl Store, name: &str, ticket: Option<u64>, spacing: Nanos) -> Result<Turn, String> {
    let asked = store.now();
    let spacing = spacing.min(MAX_SPACING);
    let is_new = ticket.is_none();
    let has_settled = ticket == Some(NO_TICKET);
    let settle = || {
        let elapsed = store.now().saturating_sub(asked);
        let ask_again_after = SETTLING.max(elapsed.saturating_mul(3));
        Ok(Turn::Reserved { ticket: NO_TICKET, ask_again_after, held_for: 0 })
    };
    let mut ticket = ticket.map_or_else(|| increment(store, name), Ok)?;
    if is_new && ticket <= NEW_TICKETS {
        return settle();
    }
    let mut base = read(store, name)?;
    // A turn that was reserved before may be granted up to MAX_DELAY late, because a slow store may
    // respond after the turn has begun. A new turn must lie ahead. A turn hours away means that the
    // counter was deleted, or that a clock was wrong.
    let latest = asked.saturating_add(MAX_QUEUE);
    let time_from =
        |base: Option<Base>, ticket, from| base?.time_of(ticket).filter(|time| (from..=latest).contains(time));
    let earliest = if is_new { store.now() } else { asked.max(store.now().saturating_sub(MAX_DELAY)) };
    let mut time = time_from(base, ticket, earliest);
    if time.is_none() && !is_new {
        ticket = increment(store, name)?;
        if ticket <= NEW_TICKETS && !has_settled {
            return settle();
        }
        time = time_from(base, ticket, store.now());
        // An increment may take long, and a new base must be written soon after the old one was read.
        if time.is_none() {
            base = read(store, name)?;
            time = time_from(base, ticket, store.now());
        }
    }
    let Some((base, time)) = base.zip(time) else {
        return start(store, name, base, Base { ticket, time: asked, spacing, held_until: 0 });
    };
    let time = if spacing > base.spacing.saturating_add(base.spacing / 100) {
        let slower = Base { spacing, ..base.advanced_to(store.now()) };
        write(store, name, slower)?;
        slower.time_of(ticket).unwrap_or(time)
    } else {
        time
    };
    let now = store.now();
    // A slow store is asked again earlier.
    let early = now.saturating_sub(asked).saturating_mul(2).clamp(EARLY, SECOND / 2);
    let wait = time.saturating_sub(now);
    if base.time > now && base.held_until <= now && wait > early {
        // Others may still write a base, so that this ticket comes earlier or is lost.
        let ask_again_after = base.time.saturating_sub(now);
        return Ok(Turn::Reserved { ticket, ask_again_after, held_for: 0 });
    }
    match wait.checked_sub(early) {
        Some(rest) if rest > early / 2 => {
            Ok(Turn::Reserved { ticket, ask_again_after: rest, held_for: base.held_until.saturating_sub(now) })
        }
        _ => Ok(Turn::Granted(wait)),
    }
}

/// Holds the queue, as `hold` of the contract states.
pub(crate) fn hold(store: &impl Store, name: &str, wait: Nanos) -> Result<(), String> {
    let now = store.now();
    let base = read(store, name)?;
    // An instance whose clock is ahead would end the hold early.
    let until = now.saturating_add(wait.min(MAX_HOLD)).saturating_add(MAX_SKEW);
    // In a queue without a base, the next new ticket comes first.
    let before_first_ticket = Base { ticket: u64::MAX, time: now, spacing: 0, held_until: now };
    let next = base.map_or(before_first_ticket, |base| base.advanced_to(now));
    // Several instances may announce the same hold.
    if next.time.min(next.held_until).saturating_add(MAX_SKEW) >= until {
        return Ok(());
    }
    write(store, name, Base { time: next.time.max(until), held_until: next.held_until.max(until), ..next })
}

/// The name of a queue, which is made from its limit, audience and tenant.
pub(crate) fn name(limit: &str, audience: &str, tenant: Option<&str>) -> String {
    let mut name = limit.to_owned();
    for part in [Some(audience), tenant].into_iter().flatten() {
        name.push('.');
        for byte in part.bytes() {
            match byte {
                b'-' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => name.push(byte.into()),
                // Stores differ in the characters that a key may contain.
                _ => name.push_str(&format!("_{byte:02x}")),
            }
        }
    }
    name
}

/// Writes a base in which the ticket of `own` comes first. `own.time` is when the first operation
/// began.
fn start(store: &impl Store, name: &str, base: Option<Base>, own: Base) -> Result<Turn, String> {
    let now = store.now();
    let elapsed = now.saturating_sub(own.time);
    let first = now.saturating_add(SETTLING.max(elapsed.saturating_mul(3)));
    let start = match base {
        // The queue is held.
        Some(base) if base.time > first => Base { ticket: own.ticket, spacing: own.spacing.max(base.spacing), ..base },
        // At the time of a turn of the old base, by which a later ticket may be granted simultaneously.
        Some(base) if base.spacing > 0 => Base { time: base.advanced_to(first).time, ..own },
        _ => Base { time: first, ..own },
    };
    write(store, name, start)?;
    let ask_again_after = start.time.saturating_sub(store.now()).saturating_sub(EARLY.max(elapsed));
    Ok(Turn::Reserved { ticket: own.ticket, ask_again_after, held_for: start.held_until.saturating_sub(now) })
}

fn increment(store: &impl Store, name: &str) -> Result<u64, String> {
    let key = [name, ".ticket"].concat();
    let mut result = Err(String::new());
    let begun = store.now();
    for _ in 0..MAX_INCREMENTS {
        result = store.increment(&key);
        // A store that is slow to fail is not asked again immediately.
        if result.is_ok() || store.now().saturating_sub(begun) > SECOND / 2 {
            break;
        }
    }
    result
}

fn read(store: &impl Store, name: &str) -> Result<Option<Base>, String> {
    let value = store.get(&[name, ".base"].concat())?;
    let latest = store.now().saturating_add(MAX_QUEUE);
    Ok(value.and_then(|value| Base::parse(&value)).filter(|base| base.time <= latest && base.spacing <= MAX_SPACING))
}

fn write(store: &impl Store, name: &str, base: Base) -> Result<(), String> {
    store.set(&[name, ".base"].concat(), base.to_string().as_bytes())
}

/// How many tickets of a new counter are discarded: more than other instances take while one
/// creates it.
const NEW_TICKETS: u64 = 8;

/// A ticket that is always lost, in place of one that was discarded.
const NO_TICKET: u64 = 0;

/// The time before the first turn of a queue, which is longer than an instance takes from reading
/// the old base to writing a new one.
const SETTLING: Nanos = 250 * MILLISECOND;

/// How long before a turn the base is read again.
const EARLY: Nanos = 100 * MILLISECOND;

/// How often an increment is tried. Several instances may start simultaneously.
const MAX_INCREMENTS: u32 = 4;

/// The longest time by which a turn may be granted late. Timers fire late, and the time between
/// turns includes a margin for that.
const MAX_DELAY: Nanos = 20 * MILLISECOND;

/// The longest time between turns. An instance with a lower limit keeps that limit by itself.
const MAX_SPACING: Nanos = 600 * SECOND;

/// The longest wait for a turn.
const MAX_QUEUE: Nanos = 7_200 * SECOND;

/// The longest time by which the clocks of hosts may differ.
const MAX_SKEW: Nanos = 50 * MILLISECOND;

/// The longest hold. Whatever a response asks for, other instances try again after that.
const MAX_HOLD: Nanos = 3_600 * SECOND;

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may fail")]
mod tests;
