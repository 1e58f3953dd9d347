//! Points in time and spans between them, as `wasi:clocks` has them: nanoseconds in 64 bits, which
//! hold 584 years.

/// A reading of the host's monotonic clock, which counts from an arbitrary origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

/// A span of time. [`core::time::Duration`] would take 3 kB more of the component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(u64);

impl Instant {
    /// The origin of the clock, which is also the default. What may happen from here on may happen
    /// immediately.
    pub const ORIGIN: Instant = Instant(0);

    /// The last time that the clock can show.
    pub const MAX: Instant = Instant(u64::MAX);

    /// The time at which the clock shows this many nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }

    /// The nanoseconds that the clock shows at this time.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time that comes `span` later, or [`Instant::MAX`] if the clock ends before that.
    pub const fn saturating_add(self, span: Duration) -> Instant {
        Instant(self.0.saturating_add(span.0))
    }

    /// The time that came `span` earlier, or [`Instant::ORIGIN`] if the clock began after that.
    pub const fn saturating_sub(self, span: Duration) -> Instant {
        Instant(self.0.saturating_sub(span.0))
    }

    /// The span from an earlier time to this one, or zero if `earlier` is the later one.
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

impl Duration {
    /// No time.
    pub const ZERO: Duration = Duration(0);

    /// The longest span.
    pub const MAX: Duration = Duration(u64::MAX);

    /// A span of this many nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Duration {
        Duration(nanos)
    }

    /// A span of this many milliseconds.
    pub const fn from_millis(millis: u32) -> Duration {
        Duration(NANOS_PER_MILLI.saturating_mul(millis as u64))
    }

    /// A span of this many seconds, or the longest one.
    pub const fn from_secs(secs: u64) -> Duration {
        Duration(NANOS_PER_SEC.saturating_mul(secs))
    }

    /// The nanoseconds of this span.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The milliseconds of this span, rounded up, or the most that 32 bits hold.
    #[inline(never)] // Less code than a division for each use.
    pub fn as_millis(self) -> u32 {
        self.0.div_ceil(NANOS_PER_MILLI).try_into().unwrap_or(u32::MAX)
    }

    /// The sum of two spans, or the longest one.
    pub const fn saturating_add(self, other: Duration) -> Duration {
        Duration(self.0.saturating_add(other.0))
    }

    /// How much longer this span is than another one, or zero if it is not.
    pub const fn saturating_sub(self, other: Duration) -> Duration {
        Duration(self.0.saturating_sub(other.0))
    }

    /// A multiple of this span, or the longest one.
    pub const fn saturating_mul(self, factor: u64) -> Duration {
        Duration(self.0.saturating_mul(factor))
    }

    /// One of several equal parts of this span, rounded down, or zero if there are no parts.
    pub fn part(self, parts: u32) -> Duration {
        Duration(self.0.checked_div(parts.into()).unwrap_or_default())
    }
}

const NANOS_PER_MILLI: u64 = 1_000_000;

const NANOS_PER_SEC: u64 = 1_000_000_000;
