//! How a host makes a call: through a function, or with one `next` after the other.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::random::{log_uniform, millis};

/// How a host makes a call.
#[derive(Debug, Clone, Default)]
pub enum Form {
    /// Through the function of `actions`.
    #[default]
    Function,
    /// Through the resource of `calls`.
    Call(Caller),
}

/// A host that drives a call.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// How long each `next` may take.
    pub waits: Waits,
    /// The time between two `next`.
    pub pauses: Pauses,
    /// When it stops the call, in order.
    pub stops: Vec<Stop>,
    /// When it drops the call, unless it is over by then.
    pub dropped_after: Option<Duration>,
}

/// What a host passes to `next`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Waits {
    /// None: as long as it takes.
    #[default]
    Endless,
    /// 0.
    Zero,
    /// Some milliseconds.
    Short,
    /// Some seconds.
    Long,
    /// Each of these.
    Mixed,
}

/// The time that a host takes between two `next`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pauses {
    /// None.
    #[default]
    None,
    /// Milliseconds, as a host that polls.
    Short,
    /// Minutes, as a host that is suspended.
    Long,
    /// Sometimes one of these.
    Mixed,
}

/// A `stop`.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    /// The earliest time, since the start of the call.
    pub after: Duration,
    /// The time for requests in flight.
    pub grace_ms: Option<u32>,
    /// From within the next token request, whichever call it is for.
    pub in_token_request: bool,
}

impl Caller {
    /// Draws a host.
    pub(crate) fn draw(rng: &mut StdRng) -> Caller {
        let waits = *[Waits::Endless, Waits::Zero, Waits::Short, Waits::Long, Waits::Mixed]
            .choose(rng)
            .unwrap_or(&Waits::Mixed);
        let pauses = *[Pauses::None, Pauses::Short, Pauses::Long, Pauses::Mixed].choose(rng).unwrap_or(&Pauses::None);
        // Time would stand still.
        let pauses = if waits == Waits::Zero && pauses == Pauses::None { Pauses::Short } else { pauses };
        let mut caller = Caller { waits, pauses, ..Caller::default() };
        if rng.random_ratio(1, 3) {
            let mut after = millis(rng, 1..=120_000);
            for _ in 0..rng.random_range(1..=3) {
                caller.stops.push(Stop::draw(rng, after));
                after += millis(rng, 1..=10_000);
            }
        }
        if rng.random_ratio(1, 12) {
            caller.dropped_after = Some(millis(rng, 1..=120_000));
        }
        caller
    }

    /// The `wait-ms` of the following `next`, if the call has seen this many.
    pub(crate) fn wait_ms(&self, rng: &mut StdRng, nexts: usize) -> Option<u32> {
        if nexts >= MAX_NEXTS {
            return None;
        }
        let kinds = [Waits::Endless, Waits::Zero, Waits::Short, Waits::Long];
        match if self.waits == Waits::Mixed { *kinds.choose(rng)? } else { self.waits } {
            Waits::Endless | Waits::Mixed => None,
            Waits::Zero => Some(0),
            Waits::Short => Some(rng.random_range(1..=200)),
            Waits::Long => Some(log_uniform(rng, 200..=60_000)),
        }
    }

    /// The time until the following `next`, if the call has seen this many.
    pub(crate) fn pause(&self, rng: &mut StdRng, nexts: usize) -> Duration {
        if nexts >= MAX_NEXTS {
            return Duration::ZERO;
        }
        let kinds = [Pauses::None, Pauses::None, Pauses::Short, Pauses::Long];
        match if self.pauses == Pauses::Mixed { *kinds.choose(rng).unwrap_or(&Pauses::None) } else { self.pauses } {
            Pauses::None | Pauses::Mixed => Duration::ZERO,
            Pauses::Short => millis(rng, 1..=3_000),
            Pauses::Long => millis(rng, 1_000..=600_000),
        }
    }
}

impl Stop {
    fn draw(rng: &mut StdRng, after: Duration) -> Stop {
        let grace_ms = match rng.random_range(0..3) {
            0 => None,
            1 => Some(0),
            _ => Some(log_uniform(rng, 1..=60_000)),
        };
        Stop { after, grace_ms, in_token_request: rng.random() }
    }

    /// The time that requests in flight have.
    pub(crate) fn grace(self) -> Duration {
        self.grace_ms.map_or(GRACE, |ms| Duration::from_millis(ms.into()))
    }
}

/// When a call ends other than by its deadline, requests in flight have this long.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// After this many `next`, a host that polls waits as long as it takes, so that the run ends.
const MAX_NEXTS: usize = 200;
