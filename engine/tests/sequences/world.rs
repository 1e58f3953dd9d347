//! Runs several calls on one instance, a few steps of each at a time.

use std::cell::RefCell;
use std::rc::Rc;

use entra_risk_engine::call::Call;
use entra_risk_engine::limit::instance::InstanceState;

use crate::sequences::arguments::Arguments;
use crate::sequences::check::{Check, require};
use crate::sequences::host::{Host, State, span};
use crate::sequences::instance::Instance;
use crate::sequences::nanos::{MILLISECOND, Nanos, SECOND, at};
use crate::sequences::random::Random;

/// More visits than the calls of an instance can need.
const MAX_VISITS: u32 = 200_000;

/// The longest time between two visits, in a sequence.
const PAUSES: [Nanos; 4] = [MILLISECOND, 2 * SECOND, 100 * SECOND, 18_000 * SECOND];

pub fn run(seed: u64, trace: bool) {
    let random = &mut Random::new(seed);
    let mut instance = InstanceState::default();
    let shared = Rc::new(RefCell::new(Instance::default()));
    let mut now = span(random);
    let count = 1 + random.below(4) as usize;
    let percent_started = *random.pick(&[0, 10, 100]);
    let longest_pause = *random.pick(&PAUSES);
    let mut started = 0;
    let mut open: Vec<Host> = Vec::new();
    for _ in 0..MAX_VISITS {
        if started < count && (open.is_empty() || random.chance(percent_started)) {
            let arguments = Arguments::draw(random);
            while let Some(later) = unclear_start(&arguments, &shared.borrow(), started, now) {
                now = later;
            }
            open.push(start(&arguments, &mut instance, &shared, started, now, random, trace));
            started += 1;
        }
        if open.is_empty() {
            return;
        }
        let index = random.below(open.len() as u64) as usize;
        let host = &mut open[index];
        while let Some(later) = host.check.unseen_holds(now).unclear_until(host.check.settings.deadline) {
            now = later;
        }
        let state = host.visit(now);
        now = host.now;
        // A call that is over may be asked again, and one that is not may be abandoned.
        if random.chance(if state == State::Over { 60 } else { 1 }) {
            open.swap_remove(index);
        }
        let wakes = open.iter().map(|host| host.wakes).filter(|wakes| *wakes > now).min();
        now += match random.below(4) {
            0 => 0,
            1 => random.log_uniform(longest_pause),
            _ => wakes.map_or(0, |wakes| random.log_uniform(wakes - now)),
        };
    }
    require("the calls terminate", false, String::new);
}

/// Until when it is not clear what a new call would make of the holds of others.
fn unclear_start(arguments: &Arguments, shared: &Instance, number: usize, now: Nanos) -> Option<Nanos> {
    let settings = arguments.settings(now);
    shared.limits.get(&settings.key)?.unseen(number, 0, now).unclear_until(settings.deadline)
}

fn start(
    arguments: &Arguments,
    instance: &mut InstanceState,
    shared: &Rc<RefCell<Instance>>,
    number: usize,
    now: Nanos,
    random: &mut Random,
    trace: bool,
) -> Host {
    let Arguments { action, ids, options } = arguments;
    if trace {
        println!("call {number}: {} of {} ids, {options:?}", action.name, ids.len());
    }
    Host {
        call: Call::new(action, "ids", ids, options.clone(), instance, at(now), random.next()).unwrap(),
        check: Check::new(shared.clone(), number, arguments.settings(now), now),
        now,
        trace,
        percent_accepted: *random.pick(&[0, 30, 70, 95, 100]),
        mood: 0,
        token: String::new(),
        tokens: Vec::new(),
        percent_stopped: *random.pick(&[0, 0, 1, 5]),
        percent_paused: *random.pick(&[0, 10, 50, 100]),
        wakes: now,
        steps: 0,
        random: Random::new(random.next()),
    }
}
