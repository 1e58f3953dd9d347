//! The network between a client and the service: how long requests take to arrive.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

/// The time from sending a request to its arrival.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Network {
    /// The delay of each request.
    pub delay: Delay,
    /// Added to the delay of a request that needs a new connection: the first one, and every one
    /// after a minute without requests.
    pub connection: Duration,
}

/// A distribution of delays.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Delay {
    /// Requests arrive in the instant in which they are sent.
    #[default]
    None,
    /// Each duration from zero to twice this one is equally likely: a delay of this one with a
    /// jitter of ± the same.
    Uniform(Duration),
    /// The logarithm is normally distributed.
    LogNormal {
        /// Half of the requests are faster.
        median: Duration,
        /// The standard deviation of the logarithm.
        sigma: f64,
    },
}

impl Network {
    /// Whether requests arrive exactly as they were sent.
    pub fn is_exact(&self) -> bool {
        *self == Network::default()
    }

    /// Draws the delay of a request sent at `now`, after another one at `last`.
    pub(crate) fn draw(&self, rng: &mut StdRng, now: Duration, last: Option<Duration>) -> Duration {
        let is_connected = last.is_some_and(|last| now < last + IDLE_CONNECTION);
        self.delay.draw(rng) + if is_connected { Duration::ZERO } else { self.connection }
    }
}

impl Delay {
    fn draw(self, rng: &mut StdRng) -> Duration {
        match self {
            Delay::None => Duration::ZERO,
            Delay::Uniform(mean) => rng.random_range(Duration::ZERO..=mean * 2),
            Delay::LogNormal { median, sigma } => {
                // The method of Box and Muller (1958); 1 - u is never 0.
                let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
                let normal = radius * (std::f64::consts::TAU * rng.random::<f64>()).cos();
                median.mul_f64((sigma * normal).exp()).min(MAX_DELAY)
            }
        }
    }
}

/// A connection without requests is closed after this time.
const IDLE_CONNECTION: Duration = Duration::from_secs(60);

/// The tail of the distribution is cut here.
const MAX_DELAY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn sorted(delay: Delay) -> Vec<Duration> {
        let rng = &mut StdRng::seed_from_u64(1);
        let mut delays: Vec<_> = (0..10_001).map(|_| delay.draw(rng)).collect();
        delays.sort();
        delays
    }

    #[test]
    fn half_of_the_requests_are_faster_than_the_median() {
        let delays = sorted(Delay::LogNormal { median: Duration::from_millis(30), sigma: 0.7 });
        assert!((28..=32).contains(&delays[5_000].as_millis()), "{:?}", delays[5_000]);
        // One standard deviation above the median.
        assert!((57..=64).contains(&delays[8_413].as_millis()), "{:?}", delays[8_413]);
    }

    #[test]
    fn a_uniform_delay_is_between_zero_and_twice_the_mean() {
        let delays = sorted(Delay::Uniform(Duration::from_millis(20)));
        assert!(delays[10_000] <= Duration::from_millis(40) && delays[0] < Duration::from_millis(1));
        assert!((19..=21).contains(&delays[5_000].as_millis()), "{:?}", delays[5_000]);
    }

    #[test]
    fn a_new_connection_takes_longer() {
        let network = Network { connection: Duration::from_millis(80), ..Network::default() };
        let rng = &mut StdRng::seed_from_u64(1);
        let mut draw = |now, last: Option<u64>| {
            network.draw(rng, Duration::from_secs(now), last.map(Duration::from_secs)).as_millis()
        };
        assert_eq!([draw(0, None), draw(1, Some(0)), draw(61, Some(1)), draw(62, Some(61))], [80, 0, 80, 0]);
    }
}
