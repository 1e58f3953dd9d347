//! Measures the same job in a rough world: the median of several seeds.

use std::sync::Arc;
use std::time::Duration;

use graph_model::{Graph, Settings};
use host_test::clock::virtual_time;

use crate::measurement::ids;
use crate::{Baseline, Delay, Outcome, World, plugin};

/// The job in one world, done by the plugin and by the baselines: medians, each of its own quantity.
#[derive(Debug, Clone, Copy)]
pub struct RoughRun {
    /// The network.
    pub delay: Delay,
    /// The share of requests answered 429 because of another app, 0 to 1.
    pub contention: f64,
    /// The plugin.
    pub plugin: Outcome,
    /// Chunks of 60 ids, each after the response to the previous one.
    pub in_turn: Outcome,
    /// Chunks of 60 ids, all at once.
    pub at_once: Outcome,
}

impl RoughRun {
    /// The number of users: 100 requests of 60.
    pub const USERS: usize = 6_000;
    /// The number of seeds.
    pub const SEEDS: u64 = 20;

    /// Does the job once for each seed.
    ///
    /// # Errors
    /// If the plugin traps.
    pub fn take(delay: Delay, contention: f64) -> wasmtime::Result<RoughRun> {
        let ids = ids(Self::USERS);
        let world = |seed| {
            let graph = Graph::new(Settings { seed, ..Settings::default() });
            Arc::new(World::rough(graph, delay, contention, seed))
        };
        let baseline = |baseline: Baseline| {
            median((0..Self::SEEDS).map(|seed| virtual_time(baseline.dismiss(world(seed), &ids))).collect())
        };
        let plugin = (0..Self::SEEDS).map(|seed| plugin::dismiss(world(seed), &ids, seed));
        Ok(RoughRun {
            delay,
            contention,
            plugin: median(plugin.collect::<wasmtime::Result<_>>()?),
            in_turn: baseline(Baseline::ChunksInTurn),
            at_once: baseline(Baseline::ChunksAtOnce),
        })
    }

    /// The shortest time between the first request and the last. Of the requests that the limit allows, other apps leave
    /// a share.
    pub fn floor(&self) -> Duration {
        Duration::from_secs_f64(Self::USERS.div_ceil(60) as f64 / (1.0 - self.contention) - 1.0)
    }
}

fn median(mut outcomes: Vec<Outcome>) -> Outcome {
    let middle = outcomes.len() / 2;
    outcomes.sort_by_key(|outcome| outcome.elapsed);
    let elapsed = outcomes[middle].elapsed;
    outcomes.sort_by_key(|outcome| outcome.accepted);
    Outcome { elapsed, accepted: outcomes[middle].accepted }
}
