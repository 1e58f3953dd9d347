//! Measures how many requests it takes to find the bad ids among many, and to have the others accepted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use graph_model::{Graph, Naming, Settings};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::measurement::ids;
use crate::{World, plugin};

/// A job with bad ids, spread at random: medians, each of its own quantity.
#[derive(Debug, Clone, Copy)]
pub struct Isolation {
    /// The number of bad ids.
    pub bad: usize,
    /// Requests.
    pub requests: usize,
    /// Time from the first request to the last response.
    pub elapsed: Duration,
    /// Ids that Microsoft Graph accepted.
    pub accepted: usize,
}

impl Isolation {
    /// The number of users.
    pub const USERS: usize = 10_000;
    /// The number of seeds.
    pub const SEEDS: u64 = 5;

    /// Does the job once for each seed.
    ///
    /// # Errors
    /// If the plugin traps.
    pub fn take(bad: usize) -> wasmtime::Result<Isolation> {
        let ids = ids(Self::USERS);
        let (mut requests, mut elapsed, mut accepted) = (Vec::new(), Vec::new(), Vec::new());
        for seed in 0..Self::SEEDS {
            let drawn = ids.sample(&mut StdRng::seed_from_u64(seed), bad);
            let absent: BTreeSet<_> = drawn.filter_map(|id| id.parse().ok()).collect();
            let graph = Graph::new(Settings { absent, naming: Naming::None, ..Settings::default() });
            let world = Arc::new(World::kind(graph));
            let outcome = plugin::dismiss(Arc::clone(&world), &ids, seed)?;
            requests.push(world.graph.arrivals(0).len());
            elapsed.push(outcome.elapsed);
            accepted.push(outcome.accepted);
        }
        Ok(Isolation { bad, requests: median(requests), elapsed: median(elapsed), accepted: median(accepted) })
    }

    /// A lower bound on the requests: the information in the positions of the bad ids, in bits; one request for each 60
    /// ids; and one for each bad id, because each must be refused alone.
    pub fn bound(bad: usize) -> f64 {
        let share = bad as f64 / Self::USERS as f64;
        let entropy = |p: f64| if p == 0.0 { 0.0 } else { -p * p.log2() };
        let information = Self::USERS as f64 * (entropy(share) + entropy(1.0 - share));
        information.max(Self::USERS as f64 / 60.0).max(bad as f64)
    }
}

fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort();
    values[values.len() / 2]
}
