//! A check that never fails proves nothing: each promise of the component is broken on purpose, and the simulation
//! notices.

use host_test::engine::Engine;
use host_test::sabotage::SABOTAGES;
use host_test::simulation::Run;

/// Seeds in which each broken promise is to be noticed.
const SEEDS: u64 = 1_000;

#[test]
fn each_broken_promise_is_noticed() {
    for sabotage in SABOTAGES {
        let file = sabotage.build().unwrap_or_else(|error| panic!("{error:?}"));
        let engine = Engine::load(&file, &wasmtime::Config::new()).unwrap();
        let notices = |seed: &u64| {
            let run = Run::play(&engine, *seed).unwrap();
            run.violations.iter().any(|violation| violation.rule == sabotage.breaks)
        };
        let seed = (0..SEEDS).find(notices);
        println!("{}: \"{}\", seed {seed:?}", sabotage.name, sabotage.breaks);
        assert!(seed.is_some(), "{} went unnoticed", sabotage.name);
    }
}
