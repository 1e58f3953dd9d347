//! Times of calls at the service's limit, over the delays of networks, over contention and over
//! instances that know nothing of each other. The service is strict: it counts the requests that
//! arrived in a sliding window, refused ones too.

use entra_risk_engine::call::{AttemptId, Call, Step};
use entra_risk_engine::contract::action::{ACTIONS, Action};
use entra_risk_engine::contract::arguments::Options;
use entra_risk_engine::contract::token::Credential;
use entra_risk_engine::http::response::Response;
use entra_risk_engine::limit::instance::InstanceState;
use entra_risk_engine::time::Instant;

type Nanos = u64;

const MILLISECOND: Nanos = 1_000_000;
const SECOND: Nanos = 1_000_000_000;

const SIGN_INS: &Action = &ACTIONS[0];
const USERS: &Action = &ACTIONS[3];

/// Milliseconds that a request or a response takes.
#[derive(Clone, Copy, Debug)]
enum Delay {
    None,
    /// A mean, and the most above and below.
    Uniform(f64, f64),
    /// A median, and σ.
    LogNormal(f64, f64),
}

#[test]
fn calls_take_little_longer_than_the_limit_requires() {
    let delays = [
        (Delay::None, 1.02, 1.03),
        (Delay::Uniform(20.0, 1.0), 1.05, 1.05),
        (Delay::Uniform(30.0, 20.0), 1.08, 1.07),
        (Delay::LogNormal(30.0, 0.7), 1.16, 1.11),
        (Delay::LogNormal(82.0, 0.9), 1.42, 1.16),
    ];
    for (delay, users, sign_ins) in delays {
        // 100 requests at 1 a second, and at 5 in 10 seconds.
        for (action, floor, target) in [(USERS, 99.0, users), (SIGN_INS, 190.0, sign_ins)] {
            let mut times: Vec<f64> = (0..20).map(|seed| seconds(action, delay, 0.0, seed) / floor).collect();
            times.sort_by(f64::total_cmp);
            println!("{} {delay:?}: {:.3}", action.name, times[10]);
            assert!(times[10] <= target, "{} {delay:?}: {:.3}", action.name, times[10]);
        }
    }
}

#[test]
fn contention_loses_no_batch() {
    for busy in [0.3, 0.5, 0.7] {
        for seed in 0..20 {
            seconds(USERS, Delay::LogNormal(30.0, 0.7), busy, seed);
        }
    }
}

#[test]
fn instances_without_a_common_state_all_get_through() {
    let many_instances =
        World { action: USERS, instances: 20, requests: 1, delay: Delay::Uniform(30.0, 20.0), busy: 0.0 };
    let mut times: Vec<f64> = (0..40).map(|seed| many_instances.seconds(seed)).collect();
    times.sort_by(f64::total_cmp);
    println!("20 instances: median {:.0} s, longest {:.0} s", times[20], times[39]);
    assert!(times[20] <= 90.0, "{}", times[20]);
}

/// The time of a call of 100 requests.
fn seconds(action: &'static Action, delay: Delay, busy: f64, seed: u64) -> f64 {
    World { action, instances: 1, requests: 100, delay, busy }.seconds(seed)
}

/// Instances that begin simultaneously, and the service.
struct World {
    action: &'static Action,
    instances: u64,
    /// Of each instance.
    requests: usize,
    delay: Delay,
    /// The share of requests that are refused because of other apps.
    busy: f64,
}

/// A request that arrives, or a response with its status.
struct Event {
    at: Nanos,
    instance: usize,
    attempt: AttemptId,
    status: Option<u16>,
}

impl World {
    /// The time until every id of every instance is accepted.
    fn seconds(&self, seed: u64) -> f64 {
        let random = &mut Random(seed);
        let rate_limit = self.action.limit.rate_limit();
        let mut states: Vec<InstanceState> = (0..self.instances).map(|_| InstanceState::default()).collect();
        let calls = states.iter_mut().zip(0..).map(|(state, instance)| {
            let ids: Vec<String> = (0..self.requests).map(|n| format!("00000001-0000-0000-0000-{n:012x}")).collect();
            let options = Options { ids_per_request: Some(1), ..Options::default() };
            Some(Call::new(self.action, "ids", &ids, options, state, Instant::ORIGIN, seed ^ (instance << 32)).unwrap())
        });
        let mut calls: Vec<Option<Call>> = calls.collect();
        let mut wake = vec![0; calls.len()];
        let mut now = 0;
        let mut arrived: Vec<Nanos> = Vec::new();
        let mut events: Vec<Event> = Vec::new();
        loop {
            for instance in 0..calls.len() {
                while wake[instance] <= now
                    && let Some(call) = &mut calls[instance]
                {
                    match call.next(Instant::from_nanos(now), None) {
                        Step::GetToken(_) => call.on_token(Ok(Credential { bearer: None }), Instant::from_nanos(now)),
                        Step::Send(attempt, _) => {
                            events.push(Event { at: now + self.delay.draw(random), instance, attempt, status: None });
                        }
                        Step::Abandon(_) => panic!("every request is answered"),
                        Step::Wait(until) => wake[instance] = until.as_nanos(),
                        Step::Ended(_) => {}
                        Step::Over(cause) => {
                            assert!(cause.is_none(), "{seed}: {cause:?}");
                            calls[instance] = None;
                        }
                    }
                }
            }
            let running = calls.iter().zip(&wake).filter(|(call, _)| call.is_some()).map(|(_, wake)| *wake);
            let Some(until) = running.min() else { return now as f64 / SECOND as f64 };
            let next = events.iter().enumerate().min_by_key(|(_, event)| event.at);
            let Some(index) = next.filter(|(_, event)| event.at <= until).map(|(index, _)| index) else {
                now = until;
                continue;
            };
            let Event { at, instance, attempt, status } = events.swap_remove(index);
            now = at;
            if let Some(status) = status {
                let response = Response { status, request_is_complete: true, ..Response::default() };
                calls[instance].as_mut().expect("a call that waits").on_response(
                    attempt,
                    response,
                    Instant::from_nanos(now),
                );
                wake[instance] = now;
                continue;
            }
            let window = rate_limit.window().as_nanos();
            let counted = arrived.iter().rev().take_while(|arrived| **arrived + window > now).count();
            let is_refused = counted >= rate_limit.requests as usize || random.unit() < self.busy;
            arrived.push(now);
            let status = Some(if is_refused { 429 } else { 204 });
            events.push(Event { at: now + self.delay.draw(random), instance, attempt, status });
        }
    }
}

impl Delay {
    fn draw(self, random: &mut Random) -> Nanos {
        let ms = match self {
            Delay::None => 0.0,
            Delay::Uniform(mean, most) => mean + most * (2.0 * random.unit() - 1.0),
            Delay::LogNormal(median, sigma) => median * (sigma * random.normal()).exp(),
        };
        (ms * MILLISECOND as f64) as Nanos
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    /// A number from 0 to 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number of the standard normal distribution (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}
