//! A rough world around the model of Microsoft Graph: networks that delay requests, and other apps of the tenant that
//! use up its limit.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use graph_model::{Fault, FaultKind, Graph, Reply, Request, Service};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Time from sending a request to its arrival.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delay {
    /// None.
    None,
    /// Any time up to this one, all equally likely.
    Uniform(Duration),
    /// Lognormal.
    Lognormal {
        /// Half of the requests take longer.
        median: Duration,
        /// The standard deviation of the delay's logarithm.
        sigma: f64,
    },
}

/// A model of Microsoft Graph in a rough world.
pub struct World {
    /// The service. It counts requests when they arrive.
    pub graph: Graph,
    delay: Delay,
    contention: f64,
    rng: Mutex<StdRng>,
}

impl World {
    /// A service without delay and without other apps.
    pub fn kind(graph: Graph) -> Self {
        World::rough(graph, Delay::None, 0.0, 0)
    }

    /// A service behind a network with this delay. This share of requests, 0 to 1, is answered 429 because of another
    /// app.
    pub fn rough(graph: Graph, delay: Delay, contention: f64, seed: u64) -> Self {
        World { graph, delay, contention, rng: Mutex::new(StdRng::seed_from_u64(seed)) }
    }

    /// Draws the delay of a request.
    pub fn delay(&self) -> Duration {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        match self.delay {
            Delay::None => Duration::ZERO,
            Delay::Uniform(most) => most.mul_f64(rng.random()),
            Delay::Lognormal { median, sigma } => {
                // Box and Muller. The first number is never zero.
                let (one, two) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
                let normal = (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * two).cos();
                median.mul_f64((sigma * normal).exp())
            }
        }
    }

    /// Decides on a request that arrives now.
    pub fn arrive(&self, now: Duration, request: Request) -> Reply {
        if self.rng.lock().unwrap_or_else(PoisonError::into_inner).random_bool(self.contention) {
            self.graph.plan([Some(Fault::of(FaultKind::Throttled))]);
        }
        self.graph.serve(now, request)
    }
}

impl Service for World {
    /// Decides on a request that is sent now and arrives later. Requests that overtake each other are decided in the
    /// order in which they were sent. The service then refuses the other one of the two.
    fn serve(&self, now: Duration, request: Request) -> Reply {
        let delay = self.delay();
        let reply = self.arrive(now + delay, request);
        reply.clone().after(delay + reply.after)
    }
}
