//! Drives calls through random sequences of events and checks the contract from outside: any order
//! of responses, failures of the network, of the service and of the token provider, any steps of
//! the clock, pauses and stops, and the steps of several calls of one instance in any order.
//!
//! `SEQUENCE=7 cargo test -p entra-risk-engine sequences:: -- --nocapture` replays sequence 7 and
//! prints it. `SEQUENCES=1000000` runs more of them.

mod arguments;
mod attempt;
mod check;
mod circuit;
mod end;
mod event;
mod host;
mod instance;
mod nanos;
mod next_send;
mod outcome;
mod random;
mod send;
mod texts;
mod verdict;
mod world;

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const SEQUENCES: u64 = 20_000;

#[test]
fn random_sequences_violate_no_invariant() {
    let number = |name: &str| env::var(name).ok().map(|value| value.parse().unwrap());
    if let Some(seed) = number("SEQUENCE") {
        return world::run(seed, true);
    }
    let count = number("SEQUENCES").unwrap_or(SEQUENCES);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for first in 0..threads as u64 {
            scope.spawn(move || {
                for seed in (first..count).step_by(threads) {
                    if HAS_FAILED.load(Ordering::Relaxed) {
                        return;
                    }
                    let _replay = Replay(seed);
                    world::run(seed, false);
                }
            });
        }
    });
}

/// One failure is enough.
static HAS_FAILED: AtomicBool = AtomicBool::new(false);

/// Prints how to replay a sequence that fails.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if thread::panicking() {
            HAS_FAILED.store(true, Ordering::Relaxed);
            let seed = self.0;
            eprintln!("replay: SEQUENCE={seed} cargo test -p entra-risk-engine sequences:: -- --nocapture");
        }
    }
}
